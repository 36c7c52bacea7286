"""Who proved before who he is gets the challenges, the calls and the refusals of one whom nobody knows yet."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import Message
from sipmesh.config import Domain, User
from sipmesh.signalling.authorize import Caller, Claim
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.rates import Backoff
from sipmesh.signalling.routing_table import Hop
from tests.sipmesh.signal_world import US, SignalWorld, traces_of

MD5, BOTH = "md5.example", "both.example"
DOMAINS = (Domain(name=MD5, digest=("MD5",)), Domain(name=BOTH))
USERS = tuple(User(aor=f"{name}@{domain}", password="pw") for name in ("alice", "bob") for domain in (MD5, BOTH))
HASHES: dict[str, Callable[..., Any]] = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
SDP = b"v=0\r\n"


class Calling:
    """Alice, who calls bob; ``known``: from calls before."""

    def __init__(self, *, known: bool, domain: str = MD5) -> None:
        self.world = world = SignalWorld(users=USERS, domains=DOMAINS, backoff=Backoff(3, 60.0))
        self.domain = domain
        self.alice, self.bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
        for phone in (self.alice, self.bob):
            phone._branches = count(1)
        world.bind(f"bob@{domain}", self.bob)
        self.known = known
        self.cseq = count(1)
        if known:
            self.claim(f"sip:alice@{domain}")
            world.app.tables.called[f"sip:bob@{domain}"] = Hop(aor=f"bob@{domain}")

    def claim(self, uri: str, user: str = "alice") -> None:
        authorizer, aor = self.world.app._authorizer, f"{user}@{self.domain}"
        authorizer.claims[uri] = Claim(Caller(aor=aor), aor, user, authorizer._digests[self.domain])

    def invite(self, *headers: tuple[str, str], sender: str = "", called: str = "") -> Message:
        """What it is answered."""
        cseq, called = next(self.cseq), called or f"sip:bob@{self.domain}"
        lines = [
            ("Via", f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-a{cseq}"),
            ("From", f"<{sender or f'sip:alice@{self.domain}'}>;tag=a"),
            *(("To", f"<{called}>"), ("Call-ID", "call-1"), ("CSeq", f"{cseq} INVITE"), ("Max-Forwards", "70")),
            ("Contact", f"<{self.alice.contact}>"),
        ]
        invite = Message.request("INVITE", called, [*lines, *headers], SDP)
        self.alice.send(invite)
        self.world.run()
        answer = self.alice.got()[-1]
        if answer.status >= 300:
            to = [("To", answer.get("To") or ""), ("CSeq", f"{cseq} ACK")]
            ack = Message.request("ACK", called, [*(pair for pair in lines if pair[0] not in ("To", "CSeq")), *to])
            self.alice.send(ack)
            self.world.run()
        return answer

    def prove(self, challenge: Message, user: str = "alice", password: str = "pw", **more: str) -> Message:
        """The INVITE again, with the answer to ``challenge``."""
        return self.invite(("Proxy-Authorization", self.credentials(challenge, user, password, **more)))

    def credentials(self, challenge: Message, user: str, password: str, *, algorithm: str = "MD5", realm: str = "") -> str:
        """To the last of its challenges."""
        realm = realm or self.domain
        nonce = (re.search('nonce="([^"]+)"', challenge.get_all("Proxy-Authenticate")[-1]) or ["", ""])[1]
        hashed = lambda text: HASHES[algorithm](text.encode()).hexdigest()  # noqa: E731
        response = hashed(f"{hashed(f'{user}:{realm}:{password}')}:{nonce}:00000001:c:auth:{hashed('INVITE:sip:x')}")
        return (
            f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="sip:x", response="{response}", cnonce="c", '
            f"algorithm={algorithm}, qop=auth, nc=00000001"
        )

    @property
    def traces(self) -> tuple[Any, ...]:
        """What each phone got, the records, and the counters."""
        world = self.world
        wire = [[message.to_bytes() for message in phone.got()] for phone in (self.alice, self.bob)]
        return wire, [record.as_dict() for _, record in world.stored.all()], dict(world.counters)


def proves_it(call: Calling) -> None:
    challenge = call.invite()
    assert (challenge.status, len(challenge.get_all("Proxy-Authenticate"))) == (407, 1)
    assert call.bob.got() == []
    assert call.prove(challenge).status == 100
    assert not call.bob.got("INVITE")[0].has("Proxy-Authorization")
    assert [record.caller for _, record in call.world.stored.all()] == [f"alice@{MD5}"]
    call.bob.reply(call.bob.got("INVITE")[0], 200)
    call.world.run()
    ok = call.alice.got()[-1]
    call.alice.within(ok, "ACK", 2)
    call.alice.within(ok, "BYE", 3)
    call.world.run()
    assert [message.method for message in call.bob.got()] == ["INVITE", "ACK", "BYE"]


def says_the_whole_aor(call: Calling) -> None:
    assert call.prove(call.invite(), user=f"alice@{MD5}").status == 100


def repeats_its_invite(call: Calling) -> None:
    uri = f"sip:bob@{MD5}"
    dialog = [("From", f"<sip:alice@{MD5}>;tag=a"), ("To", f"<{uri}>"), ("Call-ID", "call-1"), ("CSeq", "1 INVITE")]
    via, contact = ("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-a0"), ("Contact", f"<{call.alice.contact}>")
    invite = Message.request("INVITE", uri, [via, *dialog, contact]).to_bytes()
    for _ in range(2):
        call.alice.send_bytes(invite)
    call.world.run()
    first, second = call.alice.got()
    assert (first.status, first.to_bytes()) == (407, second.to_bytes())


def has_a_wrong_password(call: Calling) -> None:
    refusal = call.prove(call.invite(), password="wrong")
    assert (refusal.status, "stale" in (refusal.get("Proxy-Authenticate") or "")) == (407, False)
    assert call.prove(refusal).status == 100


def tries_too_many_passwords(call: Calling) -> None:
    challenge = call.invite()
    for _ in range(3):
        assert call.prove(challenge, password="wrong").status == 407
    assert call.prove(challenge).status == 403
    assert call.invite().status == 407  # without credentials it is no attempt


def is_forgiven(call: Calling) -> None:
    challenge = call.invite()
    for _ in range(2):
        call.prove(challenge, password="wrong")
        challenge = call.invite()
        assert call.prove(challenge).status == 100


def is_somebody_else(call: Calling) -> None:
    assert call.prove(call.invite(), user="bob").status == 403


def uses_credentials_twice(call: Calling) -> None:
    challenge = call.invite()
    call.prove(challenge)
    refusal = call.prove(challenge)
    assert (refusal.status, "stale=true" in (refusal.get("Proxy-Authenticate") or "")) == (407, True)


def comes_too_late(call: Calling) -> None:
    challenge = call.invite()
    call.world.run(400.0)
    assert "stale=true" in (call.prove(challenge).get("Proxy-Authenticate") or "")


def has_credentials_for_another_proxy_too(call: Calling) -> None:
    challenge = call.invite()
    mine, other = (call.credentials(challenge, "alice", "pw", realm=realm) for realm in (MD5, "carrier.example"))
    assert call.invite(("Proxy-Authorization", other), ("Proxy-Authorization", mine)).status == 100
    assert call.bob.got("INVITE")[0].get_all("Proxy-Authorization") == [other]


def has_credentials_for_another_proxy_alone(call: Calling) -> None:
    assert call.prove(call.invite(), realm="carrier.example").status == 407


def writes_credentials_badly(call: Calling) -> None:
    assert call.invite(("Proxy-Authorization", 'Digest realm="' + MD5)).status == 400


def writes_what_is_no_digest(call: Calling) -> None:
    assert call.invite(("Proxy-Authorization", "Basic YWxpY2U6cHc=")).status == 407


def asserts_who_it_is(call: Calling) -> None:
    asserted = ("P-Asserted-Identity", "<sip:president@md5.example>")
    assert call.invite(asserted).status == 407
    credentials = call.credentials(call.alice.got()[-1], "alice", "pw")
    assert call.invite(asserted, ("Proxy-Authorization", credentials)).status == 100
    assert not call.bob.got("INVITE")[0].has("P-Asserted-Identity")


def writes_its_domain_as_our_address(call: Calling) -> None:
    uri = f"sip:alice@{US}"
    if call.known:
        call.claim(uri)
    challenge = call.invite(sender=uri)
    assert challenge.status == 407
    credentials = call.credentials(challenge, "alice", "pw")
    assert call.invite(("Proxy-Authorization", credentials), sender=uri).status == 100


def calls_nobody(call: Calling) -> None:
    challenge = call.invite(called=f"sip:nobody@{MD5}")
    credentials = ("Proxy-Authorization", call.credentials(challenge, "alice", "pw"))
    assert call.invite(credentials, called=f"sip:nobody@{MD5}").status == 404


def calls_where_a_policy_decides(call: Calling) -> None:
    policy: Any = call.world.app.policy
    policy.active, policy.route = True, lambda view, message, tables: Hop(aor=f"bob@{MD5}", route="policy")
    assert call.prove(call.invite(called=f"sip:4711@{MD5}")).status == 100
    assert [record.route for _, record in call.world.stored.all()] == ["policy"]


SCENES = [
    *(proves_it, says_the_whole_aor, repeats_its_invite, has_a_wrong_password),
    *(tries_too_many_passwords, is_forgiven, is_somebody_else, uses_credentials_twice, comes_too_late),
    *(has_credentials_for_another_proxy_too, has_credentials_for_another_proxy_alone, writes_credentials_badly),
    *(writes_what_is_no_digest, asserts_who_it_is, writes_its_domain_as_our_address, calls_nobody),
    calls_where_a_policy_decides,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_for_who_is_known(scene: Callable[[Calling], None]) -> None:
    by_python = traces_of(scene, Calling(known=False))
    assert traces_of(scene, Calling(known=True)) == by_python


@pytest.mark.parametrize("known", [False, True])
def test_several_algorithms_are_offered_strongest_first(known: bool) -> None:
    call = Calling(known=known, domain=BOTH)
    challenge = call.invite()
    assert [name in value for name, value in zip(("SHA-256", "MD5"), challenge.get_all("Proxy-Authenticate"), strict=True)]
    again = call.invite()  # without credentials: it reads MD5 alone, it seems
    assert ["MD5" in value for value in again.get_all("Proxy-Authenticate")] == [True]
    assert call.prove(challenge, algorithm="SHA-256").status == 100


def test_who_proved_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Calling(known=False)
    call.prove(call.invite())
    monkeypatch.setattr(type(call.world.app), "dispatch", None)
    monkeypatch.setattr(type(call.world.app), "route", None)
    assert call.prove(call.invite()).status == 100
    assert len(call.bob.got("INVITE")) == 2


def test_strangers_and_wrong_passwords_leave_nothing_behind() -> None:
    call = Calling(known=False)
    call.prove(call.invite(), password="wrong")
    call.prove(call.invite(sender=f"sip:nobody@{MD5}"), user="nobody")
    assert call.world.app._authorizer.claims == {}


def test_changed_tables_end_what_was_known() -> None:
    call = Calling(known=True)
    call.world.users.pop(f"alice@{MD5}")
    authorizer = call.world.app._authorizer
    authorizer.serve(Domains(DOMAINS, lambda host: host == US))
    assert authorizer.claims == {}
    assert call.prove(call.invite()).status == 407
    assert call.world.counters["sip_authorizations_total|outcome=refused"] == 1


def test_a_claim_of_another_kind_is_an_error_of_ours() -> None:
    call = Calling(known=True)
    claims: Any = call.world.app._authorizer.claims
    claims[f"sip:alice@{MD5}"] = SimpleNamespace()
    with pytest.raises(TypeError, match="claims: a Claim expected"):
        call.invite()
