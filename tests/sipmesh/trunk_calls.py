"""Calls over trunks, in a world of virtual time; known from calls before or not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from native.sip import Message
from sipmesh.config import Route, Trunk, TrunkTarget, User
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.routing_table import Hop
from tests.sipmesh.signal_world import SignalWorld

DOMAIN, CARRIER = "open.example", "carrier.example"
ALICE, BOB, NUMBER, ABROAD = f"sip:alice@{DOMAIN}", f"sip:bob@{DOMAIN}", f"sip:9123@{DOMAIN}", f"sip:+44123@{CARRIER}"
SOURCE, TARGET, SPARE = "192.0.2.66", "192.0.2.88", "192.0.2.89"
IN = Trunk(name="in", sources=(f"{SOURCE}/32",), transit=True, max_calls=2)
OUT = Trunk(name="out", targets=(TrunkTarget(uri=f"sip:{TARGET}"),), probe_s=0.0, max_calls=2)
NINES = Route(match="9*", to="trunk:out", strip=1, prefix="00")
RETURN_S = 40.0  # longer than any transaction


class Calls:
    """Alice and bob are users, ``near`` calls in by a trunk, ``far`` is called by another, and ``spare`` by one that has a
    second target. ``known``: from calls before."""

    def __init__(
        self, *, known: bool, incoming: Trunk = IN, outgoing: Trunk = OUT, routes: tuple[Route, ...] = (NINES,), **more: Any
    ) -> None:
        alice = User(aor=f"alice@{DOMAIN}", password="pw", caller_ids=("+49123",))
        self.world = world = SignalWorld((incoming, outgoing), routes, (alice, "bob"), **more)
        self.known = known
        self.alice, self.bob, self.near, self.far, self.spare = phones = [
            world.phone(host) for host in ("192.0.2.10", "192.0.2.20", SOURCE, TARGET, SPARE)
        ]
        for phone in phones:
            phone._branches = count(1)
        self.phones = phones
        self.seen: list[Any] = []
        world.bind(f"bob@{DOMAIN}", self.bob)
        self.remember()

    def remember(self) -> None:
        """What calls before would have left, or nothing of it."""
        authorizer, tables, trunks = self.world.app._authorizer, self.world.app.tables, self.world.trunks
        for each in (authorizer.callers, authorizer.sources, authorizer.strangers, tables.called, tables.called_from):
            each.clear()
        if not self.known:
            return
        authorizer.callers[ALICE] = Caller(aor=f"alice@{DOMAIN}")
        if (trunk := trunks.by_source(SOURCE)) is not None:
            authorizer.sources[SOURCE] = Caller(trunk=trunk)
            authorizer.strangers[CARRIER] = True
        tables.identities[f"alice@{DOMAIN}"] = f"sip:+49123@{DOMAIN}"
        tables.called[BOB] = Hop(aor=f"bob@{DOMAIN}")
        if tables.routes.any:
            tables.called[NUMBER] = Hop(trunk="out", number="00123", ways=trunks.ways("out", "00123"))

    def give_up(self) -> None:
        """While it rings at the far end."""
        invite = self.invite()
        self.reply("far", 180)
        self.near.cancel(invite)
        self.run()
        self.reply("far", 200, to="CANCEL")
        self.reply("far", 487)

    def invite(self, by: str = "near", to: str = NUMBER, *headers: tuple[str, str], from_: str = "", call: int = 1) -> Message:
        self.remember()
        phone = getattr(self, by)
        from_ = from_ or (ALICE if by == "alice" else ABROAD)
        via = ("Via", f"SIP/2.0/UDP {phone.says_host}:5060;branch=z9hG4bK-a{next(phone._branches)}")
        dialog = [("From", f"<{from_}>;tag=caller"), ("Call-ID", f"call-{call}"), ("CSeq", "1 INVITE")]
        called = [] if any(name == "To" for name, _ in headers) else [("To", f"<{to}>")]
        contact = ("Contact", f"<{phone.contact}>")
        invite = Message.request("INVITE", to, [via, ("Max-Forwards", "70"), *dialog, *called, contact, *headers], b"v=0\r\n")
        phone.send(invite)
        self.run()
        return invite

    def reply(self, phone: str, status: int, *headers: tuple[str, str], to: str = "INVITE", **more: Any) -> None:
        """To the last request of that method."""
        each = getattr(self, phone)
        each.reply(each.got(to)[-1], status, headers, **more)
        self.run()

    def within(self, dialog: Message, method: str, by: str = "near", cseq: int = 2) -> None:
        getattr(self, by).within(dialog, method, cseq)
        self.run()

    def hang_up(self, by: str, of: str) -> None:
        """A call that ``by`` began to ``of``, who answered."""
        ok = next(each for each in reversed(getattr(self, by).got()) if each.status == 200 and each.cseq_method == "INVITE")
        self.within(ok, "ACK", by, cseq=1)
        self.within(ok, "BYE", by)
        self.reply(of, 200, to="BYE")

    def run(self, for_s: float = 0.1) -> None:
        self.world.run(for_s)
        records = [record.as_dict() for _, record in self.world.stored.all()]
        self.seen.append((records, self.counts, self.health))

    @property
    def counts(self) -> dict[str, int]:
        return {trunk.name: trunk.calls for trunk in self.world.trunks}

    @property
    def health(self) -> list[tuple[float | None, float]]:
        targets = (target for trunk in self.world.trunks for target in trunk.targets)
        return [(target.failed_at, target.rests_until) for target in targets]

    def status(self, phone: str = "near") -> int:
        """Of its last answer."""
        return int(getattr(self, phone).got()[-1].status)

    @property
    def traces(self) -> tuple[Any, ...]:
        """What each phone got, what was seen meanwhile of records and trunks, the CDRs, and the counters."""
        wire = [[message.to_bytes() for message in phone.got()] for phone in self.phones]
        cdrs = [msgspec.structs.asdict(cdr) | {"call": cdr.call.as_dict()} for cdr in self.world.cdrs]
        return wire, self.seen, cdrs, dict(self.world.counters)


Scene = Callable[[Calls], None]
