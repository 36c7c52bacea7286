"""sipmesh.signalling.registering: the base and the Python class answer, count and leave the same; what the base asks."""

from __future__ import annotations

import hashlib
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.sip import Message
from sipmesh.config import Domain, User
from sipmesh.signalling.rates import Backoff
from sipmesh.store.environment import StoreError
from tests.sipmesh.signal_world import US, SignalWorld

PHONE = "192.0.2.50"
DOMAINS = (Domain(name="open.example", auth=False), Domain(name="md5.example", digest=("MD5",)), Domain(name="both.example"))
AORS = [f"{name}@{domain.name}" for name in ("alice", "bob") for domain in DOMAINS]
USERS: tuple[str | User, ...] = tuple(User(aor=aor, password="pw") for aor in AORS)


def world(*, whole: bool = True, **more: Any) -> SignalWorld:
    """Not ``whole``: without the base's part."""
    made = SignalWorld(users=USERS, domains=DOMAINS, **more)
    if not whole:
        made.app.registering = SimpleNamespace(serve=made.app.registering.serve_other)
    return made


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def credentials(challenge: Message | None, domain: str, user: str = "alice", password: str = "pw", uri: str = "sip:x") -> str:
    found = None if challenge is None else re.search('nonce="([^"]+)"', challenge.get("WWW-Authenticate") or "")
    nonce = found[1] if found else "none"
    response = md5(f"{md5(f'{user}:{domain}:{password}')}:{nonce}:00000001:c:auth:{md5(f'REGISTER:{uri}')}")
    return (
        f'Digest username="{user}", realm="{domain}", nonce="{nonce}", uri="{uri}", response="{response}", cnonce="c", '
        "qop=auth, nc=00000001"
    )


def register(uri: str, to: str, cseq: int, *more: str, contact: str = f"<sip:alice@{PHONE}>") -> bytes:
    lines = [
        f"REGISTER {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {PHONE}:5060;rport;branch=z9hG4bKr{cseq}",
        "From: <sip:alice@open.example>;tag=1",
        f"To: {to}",
        "Call-ID: r",
        f"CSeq: {cseq} REGISTER",
        "Max-Forwards: 70",
        f"Contact: {contact}",
        *more,
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answers(of: SignalWorld, uri: str, to: str, contact: str, secret: tuple[str, str], times: int) -> list[bytes]:
    """To the request as it is, then with credentials, ``times``."""
    phone = of.phone(PHONE)
    domain = to.partition("@")[2].partition(">")[0].partition(":")[0].lower()
    more: tuple[str, ...] = ()
    for cseq in range(1, times + 2):
        phone.send_bytes(register(uri, to, cseq, *more, contact=contact))
        of.run()
        last = phone.got()[-1] if phone.got() else None
        more = (f"Authorization: {credentials(last, domain, *secret)}",)
    return [message.to_bytes() for message in phone.got()]


DOMAIN_NAMES = [domain.name for domain in DOMAINS]
hosts = st.sampled_from([*DOMAIN_NAMES, "MD5.example", "md5.example:5060", "other.example", US, "[2001:db8::1]"])


@settings(max_examples=40)
@given(
    st.sampled_from(["sip:", "sips:", "sip:x@", "tel:"]),
    hosts,
    st.sampled_from(
        ["<sip:alice@{}>", "<sip:carol@{}>", "sip:alice@{}", "<sip:%61lice@{}>", "<sip:{}>", "<tel:1>", '"A" <sip:bob@{}>']
    ),
    st.one_of(st.none(), hosts),
    st.sampled_from([f"<sip:alice@{PHONE}>", "*", "<sip:alice@10.0.0.1>;expires=30", "<sip:a@b>;expires=0", "<bad"]),
    st.sampled_from([("alice", "pw"), ("alice", "wrong"), ("bob", "pw"), ("alice@md5.example", "pw"), ("carol", "pw")]),
)
def test_both_ways_answer_count_and_leave_the_same(
    scheme: str, host: str, form: str, to_host: str | None, contact: str, secret: tuple[str, str]
) -> None:
    plain, other = world(), world(whole=False)
    to = form.format(to_host or host)
    got = [answers(each, scheme + host, to, contact, secret, 2) for each in (plain, other)]
    assert got[0] == got[1]
    assert plain.counters == other.counters
    assert plain.locations.bindings == other.locations.bindings


def statuses(of: SignalWorld, *requests: bytes, host: str = PHONE) -> list[int]:
    phone = of.phone(host)
    for request in requests:
        phone.send_bytes(request)
        of.run()
    return [message.status for message in phone.got()]


def test_a_user_is_challenged_and_then_registered() -> None:
    here = world()
    got = answers(here, "sip:md5.example", "<sip:alice@md5.example>", f"<sip:alice@{PHONE}>", ("alice", "pw"), 1)
    assert [Message(data).status for data in got] == [401, 200]
    assert here.locations.get("alice@md5.example")[0].contact == f"sip:alice@{PHONE}"
    assert here.counters["sip_registrations_total|status=401"] == here.counters["sip_registrations_total|status=200"] == 1
    assert here.counters["sip_authorizations_total|outcome=missing"] == 1
    assert here.counters["sip_authorizations_total|outcome=accepted"] == 1


def test_counters_that_somebody_has_read_stay_as_they_were_read() -> None:
    here = world()
    name = "sip_registrations_total|status=401"
    here.counters[name] = 2**30 - 3  # near the end of what a number of Python's holds in one digit
    for n in range(1, 5):
        read = dict(here.counters)
        assert statuses(here, register("sip:md5.example", "<sip:alice@md5.example>", n))[-1] == 401
        assert read[name] == 2**30 - 4 + n
        assert here.counters[name] == read[name] + 1


def test_a_client_that_comes_back_empty_handed_is_offered_md5() -> None:
    here = world()
    phone = here.phone(PHONE)
    for cseq in (1, 2):
        phone.send_bytes(register("sip:both.example", "<sip:alice@both.example>", cseq))
        here.run()
    assert [len(answer.get_all("WWW-Authenticate")) for answer in phone.got(401)] == [2, 1]


def test_nothing_is_kept_of_a_request_that_was_challenged_and_a_repetition_is_no_new_attempt() -> None:
    here = world()
    phone = here.phone(PHONE)
    for _ in range(2):
        phone.send_bytes(register("sip:both.example", "<sip:alice@both.example>", 1))
        here.run()
        assert here.layer.server_count == 0
    first, second = phone.got(401)
    assert [len(each.get_all("WWW-Authenticate")) for each in (first, second)] == [2, 2]
    assert first.to_tag == second.to_tag


def test_a_source_has_to_pause_after_wrong_passwords() -> None:
    here = world(backoff=Backoff(1, 10.0))
    wrong = answers(here, "sip:md5.example", "<sip:alice@md5.example>", f"<sip:alice@{PHONE}>", ("alice", "wrong"), 2)
    assert [Message(data).status for data in wrong] == [401, 401, 403]
    assert here.counters["sip_authorizations_total|outcome=paused"] == 1


@pytest.mark.parametrize("to", ["isbn:2983792873", "<tel:+31201234567>", "<http://open.example/alice>"])
def test_what_is_no_sip_uri_can_not_be_registered(to: str) -> None:
    """RFC 4475 section 3.3.4."""
    assert statuses(world(), register("sip:open.example", to, 1)) == [400]


def test_a_registrar_needs_no_further_hop() -> None:
    last = register("sip:open.example", "<sip:alice@open.example>", 1).replace(b"Forwards: 70", b"Forwards: 0")
    elsewhere = register("sip:other.example", "<sip:alice@other.example>", 2).replace(b"Forwards: 70", b"Forwards: 0")
    here = world()
    assert statuses(here, last, elsewhere) == [200, 483]
    assert here.locations.get("alice@open.example")[0].contact == f"sip:alice@{PHONE}"


def test_options_to_the_node_require_what_it_knows() -> None:
    """RFC 3261 section 8.2.2.3."""
    here = world()
    phone = here.phone(PHONE)
    for number, tags in enumerate(("path", "gruu, PATH", "path, foo", "bar")):
        phone.request("OPTIONS", "sip:open.example", (("Require", tags),), call_id=f"call-{number}")
        here.run()
    assert [(answer.status, answer.get("Unsupported")) for answer in phone.got()] == [
        (200, None),
        (200, None),
        (420, "foo"),
        (420, "bar"),
    ]


@pytest.mark.parametrize("method", [b"MESSAGE", b"INVITE", b"FOO"])
def test_the_node_itself_understands_no_other_methods(method: bytes) -> None:
    """RFC 3261 section 21.4.6."""
    here = world()
    phone = here.phone(PHONE)
    phone.send_bytes(register("sip:open.example", "<sip:open.example>", 1).replace(b"REGISTER", method))
    here.run()
    assert phone.expect(405).get("Allow") == "OPTIONS, REGISTER"


def test_right_credentials_of_somebody_else_are_refused() -> None:
    here = world()
    got = answers(here, "sip:md5.example", "<sip:alice@md5.example>", f"<sip:alice@{PHONE}>", ("bob", "pw"), 1)
    assert Message(got[-1]).reason == "Not Your Address-Of-Record"
    assert here.locations.bindings == {}
    assert here.counters["sip_authorizations_total|outcome=accepted"] == 1


def test_a_store_that_fails_is_no_answer_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()

    def broken(*_: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(here.locations, "put", broken)
    assert statuses(here, register("sip:open.example", "<sip:alice@open.example>", 1)) == [500]


def test_a_policy_has_all_requests_go_the_other_way() -> None:
    here = world()
    seen: list[str] = []

    def judge(registration: Any, actions: Any) -> None:
        seen.append(registration.aor)

    here.app.policy.active, here.app.policy.register = True, judge  # type: ignore[method-assign]
    assert statuses(here, register("sip:open.example", "<sip:alice@open.example>", 1)) == [200]
    assert seen == ["alice@open.example"]


def test_changed_domains_count_from_the_next_request_on() -> None:
    here = world()
    domains = here.app.tables.domains
    here.app._authorizer.serve(type(domains)((Domain(name="open.example"),), lambda host: False))
    assert statuses(here, register("sip:open.example", "<sip:alice@open.example>", 1)) == [401]


@pytest.mark.parametrize("argument", [None, "x"])
def test_only_requests_are_served(argument: Any) -> None:
    with pytest.raises(TypeError):
        world().app.registering.serve(argument)
