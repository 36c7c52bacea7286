"""sipcore.registrar: RFC 3261 section 10.3 step by step, Path, limits, the flow kept with a binding."""

from dataclasses import dataclass

import pytest

from native.sip import Message
from sipcore.errors import PeerError
from sipcore.flow import Listener
from sipcore.location import Binding, decode_bindings, encode_bindings
from sipcore.registrar import Registrar, RegistrarConfig
from sipcore.registrar_answer import sip_date

AOR = "alice@example.com"
NOW = 1_800_000_000.0
UDP = Listener(0, "udp", "198.51.100.1", 5060, "198.51.100.1", 5060)
TCP = Listener(1, "tcp", "198.51.100.1", 5060, "198.51.100.1", 5060)


@dataclass
class Source:
    """The flow a REGISTER came over."""

    listener: Listener = UDP
    remote: tuple[str, int] = ("203.0.113.9", 5060)
    connection_id: int = 0
    local_host: str = "198.51.100.1"
    closed: bool = False

    @property
    def reliable(self) -> bool:
        return self.listener.reliable

    def send(self, data: bytes) -> None:
        raise AssertionError("the registrar sends nothing itself")


class Table:
    """Locations in a dict; ``puts`` counts the writes."""

    def __init__(self) -> None:
        self.bindings: dict[str, list[Binding]] = {}
        self.puts = 0

    def get(self, aor: str) -> list[Binding]:
        return list(self.bindings.get(aor, []))

    def put(self, aor: str, bindings: list[Binding]) -> None:
        self.puts += 1
        self.bindings[aor] = list(bindings)

    def record(self, aor: str) -> bytes | None:
        bindings = self.bindings.get(aor)
        return encode_bindings(bindings) if bindings else None

    def put_record(self, aor: str, record: bytes) -> None:
        self.put(aor, decode_bindings(record))


class Phone:
    """Sends REGISTER requests with rising CSeq to one registrar."""

    def __init__(self, table: Table | None = None, config: RegistrarConfig | None = None, call_id: str = "reg-1") -> None:
        self.table = table if table is not None else Table()
        self.registrar = Registrar(self.table, config)
        self.call_id = call_id
        self.cseq = 0
        self.source = Source()
        self.via = "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx;rport"

    def register(
        self, *contacts: str, cseq: int | None = None, now: float = NOW, call_id: str | None = None, **headers: str
    ) -> list[tuple[str, str]]:
        self.cseq = self.cseq + 1 if cseq is None else cseq
        lines = [
            ("Via", self.via),
            ("From", "<sip:alice@example.com>;tag=1"),
            ("To", "<sip:alice@example.com>"),
            ("Call-ID", call_id or self.call_id),
            ("CSeq", f"{self.cseq} REGISTER"),
            ("Max-Forwards", "70"),
            *(("Contact", contact) for contact in contacts),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        return list(self.registrar.register(Message.request("REGISTER", "sip:example.com", lines), AOR, self.source, now))

    def refused(self, *contacts: str, **options: object) -> PeerError:
        """The refusal of a REGISTER, which must have left the bindings alone."""
        before, puts = self.table.get(AOR), self.table.puts
        with pytest.raises(PeerError) as caught:
            self.register(*contacts, **options)  # type: ignore[arg-type]
        assert self.table.get(AOR) == before
        assert self.table.puts == puts
        return caught.value

    @property
    def uris(self) -> list[str]:
        return [binding.contact for binding in self.table.get(AOR)]


def contacts_of(headers: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in headers if name == "Contact"]


def test_a_contact_is_added_and_answered_with_its_time() -> None:
    phone = Phone()
    headers = phone.register("<sip:alice@203.0.113.9:5060>;expires=600", User_Agent="desk")
    assert contacts_of(headers) == ["<sip:alice@203.0.113.9:5060>;expires=600"]
    (binding,) = phone.table.get(AOR)
    assert (binding.call_id, binding.cseq, binding.expires_at) == ("reg-1", 1, NOW + 600)
    assert (binding.user_agent, binding.registered_at) == ("desk", NOW)


def test_all_bindings_are_answered() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>")
    headers = phone.register("<sip:b@203.0.113.9>;q=0.5", now=NOW + 100)
    assert contacts_of(headers) == ["<sip:a@203.0.113.9>;expires=3500", "<sip:b@203.0.113.9>;expires=3600;q=0.5"]


def test_the_answer_has_a_date() -> None:
    assert ("Date", sip_date(int(NOW))) in Phone().register()


def test_a_sip_date_is_written_as_the_rfc_does() -> None:
    assert sip_date(1289692800) == "Sun, 14 Nov 2010 00:00:00 GMT"


def test_without_contact_the_bindings_are_only_read() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>")
    puts = phone.table.puts
    assert contacts_of(phone.register(now=NOW + 600)) == ["<sip:a@203.0.113.9>;expires=3000"]
    assert phone.table.puts == puts


def test_expired_bindings_are_neither_shown_nor_kept() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>;expires=100")
    assert contacts_of(phone.register(now=NOW + 100)) == []
    phone.register("<sip:b@203.0.113.9>", now=NOW + 101)
    assert phone.uris == ["sip:b@203.0.113.9"]


def test_several_contacts_in_one_request() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>;expires=100, <sip:b@203.0.113.9>", "sip:c@203.0.113.9;expires=200", Expires="300")
    assert [(binding.contact, binding.expires_at - NOW) for binding in phone.table.get(AOR)] == [
        ("sip:a@203.0.113.9", 100),
        ("sip:b@203.0.113.9", 300),
        ("sip:c@203.0.113.9", 200),
    ]


def test_a_refresh_replaces_its_binding() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>;expires=100")
    phone.register("<sip:a@203.0.113.9>;expires=200", now=NOW + 50)
    (binding,) = phone.table.get(AOR)
    assert (binding.expires_at, binding.cseq) == (NOW + 250, 2)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("sip:a@203.0.113.9", "sip:a@203.0.113.9:5060", False),
        ("sip:%61lice@EXAMPLE.com;transport=UDP", "sip:alice@example.com;Transport=udp", True),
        ("sip:Alice@example.com", "sip:alice@example.com", False),
        ("sip:a@example.com;x=1", "sip:a@example.com", True),
        ("sip:a@example.com;transport=tcp", "sip:a@example.com", False),
        ("sips:a@example.com", "sip:a@example.com", False),
    ],
)
def test_contacts_are_compared_as_uris(first: str, second: str, equal: bool) -> None:
    phone = Phone()
    phone.register(f"<{first}>")
    phone.register(f"<{second}>")
    assert len(phone.uris) == (1 if equal else 2)


def test_expires_zero_removes_one_binding() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", "<sip:b@203.0.113.9>")
    assert contacts_of(phone.register("<sip:a@203.0.113.9>;expires=0")) == ["<sip:b@203.0.113.9>;expires=3600"]


def test_the_expires_header_can_remove_too() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>")
    phone.register("<sip:a@203.0.113.9>", Expires="0")
    assert phone.uris == []


def test_removing_what_is_not_there_is_fine() -> None:
    phone = Phone()
    assert contacts_of(phone.register("<sip:a@203.0.113.9>;expires=0")) == []


def test_star_removes_everything() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", "<sip:b@203.0.113.9>")
    assert contacts_of(phone.register("*", Expires="0")) == []
    assert phone.uris == []


@pytest.mark.parametrize("headers", [{}, {"Expires": "600"}, {"Expires": "soon"}])
def test_star_wants_expires_zero(headers: dict[str, str]) -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>")
    assert phone.refused("*", **headers).status == 400


@pytest.mark.parametrize("contacts", [("*", "<sip:b@203.0.113.9>"), ("<sip:b@203.0.113.9>", "*"), ("*", "*")])
def test_star_stands_alone(contacts: tuple[str, str]) -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>")
    assert phone.refused(*contacts, Expires="0").status == 400


@pytest.mark.parametrize("late", [5, 4])
@pytest.mark.parametrize("contact", ["<sip:a@203.0.113.9>", "<sip:a@203.0.113.9>;expires=0"])
def test_a_cseq_not_higher_fails_within_a_call_id(late: int, contact: str) -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", cseq=5)
    assert phone.refused(contact, cseq=late).status == 500


def test_a_late_star_fails_as_well() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", cseq=5)
    assert phone.refused("*", cseq=5, Expires="0").status == 500


def test_another_call_id_needs_no_order() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", "<sip:b@203.0.113.9>", cseq=5)
    phone.register("<sip:a@203.0.113.9>", cseq=1, call_id="after-reboot")
    assert [(binding.call_id, binding.cseq) for binding in phone.table.get(AOR)] == [("after-reboot", 1), ("reg-1", 5)]
    phone.register("*", cseq=1, call_id="third", Expires="0")
    assert phone.uris == []


def test_one_late_contact_fails_the_whole_request() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>", cseq=5)
    assert phone.refused("<sip:new@203.0.113.9>", "<sip:a@203.0.113.9>", cseq=5).status == 500


def test_the_same_contact_twice_in_a_request_counts_once() -> None:
    phone = Phone()
    phone.register("<sip:a@203.0.113.9>;q=0.1", "<sip:a@203.0.113.9>;q=0.2")
    assert [(binding.contact, binding.q) for binding in phone.table.get(AOR)] == [("sip:a@203.0.113.9", 0.2)]


def test_too_brief_an_interval_names_the_minimum() -> None:
    error = Phone(config=RegistrarConfig(min_expires_s=60)).refused("<sip:a@203.0.113.9>;expires=59")
    assert (error.status, error.headers) == (423, (("Min-Expires", "60"),))


def test_an_hour_is_never_too_brief() -> None:
    phone = Phone(config=RegistrarConfig(min_expires_s=7200, max_expires_s=86400))
    phone.register("<sip:a@203.0.113.9>;expires=3600")
    assert phone.refused("<sip:a@203.0.113.9>;expires=3599").status == 423


@pytest.mark.parametrize(
    ("contact", "headers", "expires_s"),
    [
        ("<sip:a@203.0.113.9>", {}, 1800),
        ("<sip:a@203.0.113.9>", {"Expires": "900"}, 900),
        ("<sip:a@203.0.113.9>;expires=700", {"Expires": "900"}, 700),
        ("<sip:a@203.0.113.9>;expires=99999999999999", {}, 7200),
        ("<sip:a@203.0.113.9>;expires=soon", {}, 3600),
        ("<sip:a@203.0.113.9>", {"Expires": "soon"}, 3600),
    ],
)
def test_which_interval_is_taken(contact: str, headers: dict[str, str], expires_s: int) -> None:
    phone = Phone(config=RegistrarConfig(default_expires_s=1800, max_expires_s=7200))
    assert contacts_of(phone.register(contact, **headers)) == [f"<sip:a@203.0.113.9>;expires={expires_s}"]


@pytest.mark.parametrize("q", ["2", "1.1", "0.1234", "-1", "high", "nan"])
def test_a_q_out_of_grammar_is_refused(q: str) -> None:
    assert Phone().refused(f"<sip:a@203.0.113.9>;q={q}").status == 400


@pytest.mark.parametrize(("q", "value"), [("0", 0.0), ("0.7", 0.7), ("1.000", 1.0), ("0.123", 0.123)])
def test_q_is_kept(q: str, value: float) -> None:
    phone = Phone()
    phone.register(f"<sip:a@203.0.113.9>;q={q}")
    assert phone.table.get(AOR)[0].q == value


def test_too_many_bindings_are_refused_and_refreshes_are_not() -> None:
    phone = Phone(config=RegistrarConfig(max_bindings=2))
    phone.register("<sip:a@203.0.113.9>", "<sip:b@203.0.113.9>")
    assert phone.refused("<sip:c@203.0.113.9>").status == 403
    phone.register("<sip:b@203.0.113.9>")
    phone.register("<sip:a@203.0.113.9>;expires=0", "<sip:c@203.0.113.9>")
    assert phone.uris == ["sip:b@203.0.113.9", "sip:c@203.0.113.9"]


def test_no_limit_when_it_is_zero() -> None:
    phone = Phone(config=RegistrarConfig(max_bindings=0))
    phone.register(*(f"<sip:a{index}@203.0.113.9>" for index in range(50)))
    assert len(phone.uris) == 50


def test_what_is_kept_of_a_request_is_bounded() -> None:
    phone = Phone()
    assert phone.refused(f"<sip:{'a' * 600}@203.0.113.9>").status == 400
    assert phone.refused("<sip:a@203.0.113.9>", call_id="c" * 300).status == 400
    assert phone.refused("<sip:a@203.0.113.9>", Supported="path", Path=", ".join(["<sip:p;lr>"] * 9)).status == 403
    phone.register("<sip:a@203.0.113.9>", User_Agent="u" * 1000)
    assert len(phone.table.get(AOR)[0].user_agent) == 128


def test_path_is_kept_and_returned_in_order() -> None:
    phone = Phone()
    both = "<sip:p1.example.net;lr>, <sip:p2.example.net;lr>"
    headers = phone.register("<sip:a@10.0.0.9>", Supported="gruu, path", Path=both)
    (binding,) = phone.table.get(AOR)
    assert binding.path == ("<sip:p1.example.net;lr>", "<sip:p2.example.net;lr>")
    assert not binding.natted
    assert ("Path", both) in headers


def test_path_without_support_is_refused() -> None:
    error = Phone().refused("<sip:a@203.0.113.9>", Path="<sip:p1.example.net;lr>")
    assert (error.status, error.headers) == (420, (("Unsupported", "path"),))


def test_required_extensions() -> None:
    phone = Phone()
    error = phone.refused("<sip:a@203.0.113.9>", Require="path, x-unknown, outbound, gruu")
    assert (error.status, error.headers) == (420, (("Unsupported", "x-unknown"),))
    phone.register("<sip:a@203.0.113.9>", Require="PATH")


def test_instance_and_reg_id_are_kept_and_returned() -> None:
    phone = Phone()
    headers = phone.register('<sip:a@203.0.113.9>;+sip.instance="<urn:uuid:1>";reg-id=2')
    assert contacts_of(headers) == ['<sip:a@203.0.113.9>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=2']


def test_a_contact_that_is_not_sip_is_kept() -> None:
    phone = Phone()
    phone.register("<mailto:alice@example.com>")
    assert phone.uris == ["mailto:alice@example.com"]


@pytest.mark.parametrize(
    ("contact", "via", "remote", "natted"),
    [
        ("sip:a@203.0.113.9", "203.0.113.9", ("203.0.113.9", 5060), False),
        ("sip:a@192.168.1.5:5060", "192.168.1.5:5060;rport", ("203.0.113.9", 40000), True),
        ("sip:a@192.168.1.5:5060", "203.0.113.9:40000;rport", ("203.0.113.9", 40000), True),
        ("sip:a@127.0.0.1:5062", "127.0.0.1:5062;rport", ("127.0.0.1", 41000), True),
        ("sip:a@127.0.0.1:5062", "127.0.0.1:5062", ("127.0.0.1", 41000), False),
        ("sip:a@127.0.0.1:5063", "127.0.0.1:5062;rport", ("127.0.0.1", 5062), False),
        ("sip:a@10.0.0.7", "127.0.0.1:41000;rport", ("127.0.0.1", 41000), True),
        ("sip:a@127.0.0.1", "203.0.113.9;rport", ("203.0.113.9", 5060), True),
        ("sip:a@laptop.local", "laptop.local;rport", ("203.0.113.9", 5060), True),
        ("sip:a@other.example.net", "203.0.113.9;rport", ("203.0.113.9", 5060), False),
        ("sip:x@abc123.invalid;transport=ws", "abc123.invalid", ("203.0.113.9", 5060), True),
        ("sip:a@[2001:db8::1]", "[2001:DB8:0:0::1]", ("2001:db8::1", 5060), False),
    ],
)
def test_nat_is_seen(contact: str, via: str, remote: tuple[str, int], natted: bool) -> None:
    phone = Phone()
    phone.source = Source(remote=remote)
    phone.via = f"SIP/2.0/UDP {via};branch=z9hG4bKx"
    phone.register(f"<{contact}>")
    (binding,) = phone.table.get(AOR)
    assert binding.natted is natted
    assert (binding.remote_host, binding.remote_port, binding.listener, binding.connection_id) == (*remote, 0, 0)


@pytest.mark.parametrize(
    ("contact", "via", "natted", "connection"),
    [
        ("sip:a@203.0.113.9:5070;transport=tcp", "203.0.113.9:5070", False, 7),
        ("sip:a@203.0.113.9:40000;transport=tcp", "203.0.113.9:5070", False, 7),
        ("sip:a@203.0.113.9:5099;transport=tcp", "203.0.113.9:5070", False, 0),
        ("sip:a@192.168.1.5:5070;transport=tcp", "192.168.1.5:5070", True, 7),
    ],
)
def test_a_connection_is_kept_for_contacts_that_are_at_its_end(contact: str, via: str, natted: bool, connection: int) -> None:
    phone = Phone()
    phone.source = Source(TCP, ("203.0.113.9", 40000), 7)
    phone.via = f"SIP/2.0/TCP {via};branch=z9hG4bKx;rport"
    phone.register(f"<{contact}>")
    (binding,) = phone.table.get(AOR)
    assert (binding.natted, binding.connection_id, binding.listener) == (natted, connection, 1)
