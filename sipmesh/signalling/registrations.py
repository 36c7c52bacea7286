"""Our registrations at carriers (RFC 3261 section 10.2): made, kept up, and taken back when the node stops."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial
from random import Random

from native.sip import Message, ParseError
from sipcore.digest_client import MAX_ANSWERS
from sipcore.flow import Listener
from sipcore.ports import Counters
from sipcore.timers import Timer, Timers
from sipmesh.config import Register
from sipmesh.signalling.requester import TIMEOUT, Requester
from sipmesh.signalling.trunks import RETRY_AFTER, TargetState, Trunks, TrunkState, digest_of

REFRESH = (0.7, 0.9)  # of the time granted: when to register again, spread so that not all come at once
MIN_REFRESH_S = 1.0
MAX_TRUSTED_S = 24 * 3600.0  # longer than this, and than was configured, nobody is believed to keep a Contact
BASE_S, LONGEST_S = 30.0, 1800.0  # RFC 5626 section 4.5: waits after a failure
MAX_RETRY_AFTER_S = 3600.0
BRIEF = 423

log = logging.getLogger(__name__)


class Registrations:
    """One for each trunk with ``register``."""

    def __init__(self, requester: Requester, trunks: Trunks, timers: Timers, counters: Counters, random: Random) -> None:
        self.requester = requester
        self.trunks = trunks
        self.timers = timers
        self.counters = counters
        self.random = random
        self._all: dict[str, Registration] = {}

    def load(self) -> None:
        """After the trunks changed: registers what is new, takes back what is gone."""
        wanted = {trunk.name: trunk for trunk in self.trunks if trunk.config.register is not None}
        for name, old in list(self._all.items()):
            now = wanted[name].config.register if name in wanted else None
            if old.register != now:
                del self._all[name]
                if now is None or now.aor != old.register.aor:
                    old.take_back()
                else:
                    old.drop()  # its Contact stays, for the one that takes its place
        for name, trunk in wanted.items():
            if name not in self._all:
                assert trunk.config.register is not None
                self._all[name] = Registration(self, trunk, trunk.config.register)
                self._all[name].start()

    def of(self, name: str) -> Registration | None:
        return self._all.get(name)

    def stop(self, done: Callable[[], None]) -> None:
        """Takes all of them back; ``done`` is called when the carriers have answered."""
        waiting = set(self._all)

        def over(name: str) -> None:
            waiting.discard(name)
            if not waiting:
                done()

        everyone, self._all = self._all, {}
        for name, each in everyone.items():
            each.take_back(partial(over, name))
        if not everyone:
            done()


class Registration:
    """``expires_at``: Unix time until which the carrier holds our Contact, 0 when it does not; ``status``: its last answer."""

    __slots__ = (
        "_all",
        "_asked_s",
        "_attempt",
        "_call_id",
        "_cseq",
        "_digest",
        "_failures",
        "_leaving",
        "_left",
        "_over",
        "_tag",
        "_target",
        "_timer",
        "expires_at",
        "register",
        "status",
        "trunk",
    )

    def __init__(self, all_: Registrations, trunk: TrunkState, register: Register) -> None:
        self._all = all_
        self.trunk = trunk
        self.register = register
        self.expires_at = 0.0
        self.status = 0
        self._digest = digest_of(trunk.config)  # apart from that of calls: registrar and proxy may be of different realms
        self._call_id = all_.requester.new_call_id()
        self._tag = secrets.token_hex(4)
        self._cseq = 0
        self._asked_s = register.expires_s
        self._attempt = 0  # answers to earlier ones are too late
        self._failures = 0  # in a row
        self._left: list[TargetState] = []  # targets not yet tried in this round
        self._target: TargetState | None = None
        self._timer: Timer | None = None
        self._leaving = False
        self._over: Callable[[], None] | None = None  # called when it is taken back

    @property
    def held(self) -> bool:
        return self.expires_at > self._all.timers.wall

    def start(self, _: object = None) -> None:
        """A round over the targets, beginning with the one that answered last."""
        self._timer = None
        self._left = self.trunk.in_turn(self._all.timers.now)
        if self.held and self._target in self._left:
            self._left.remove(self._target)
            self._left.insert(0, self._target)
        self._next()

    def drop(self) -> None:
        """Does nothing more; answers that are on their way change nothing."""
        self._attempt += 1
        if self._timer is not None:
            self._timer.cancel()

    def take_back(self, over: Callable[[], None] | None = None) -> None:
        """RFC 3261 section 10.2.2. ``over`` is called when the carrier knows, or when it needs not."""
        self.drop()
        self._leaving, self._over = True, over
        if self.held and self._target is not None:
            self._send(self._target, 0)
        else:
            self._taken_back()

    def _next(self, status: int = 0) -> None:
        if not self._left:
            self._failed(status or TIMEOUT, None)
            return
        self._target = self._left.pop(0)
        self._send(self._target, self._asked_s)

    def _send(self, target: TargetState, expires_s: int) -> None:
        self._attempt += 1
        self._cseq += 1
        register = self.register
        headers = [
            ("From", f"<sip:{register.aor}>;tag={self._tag}"),
            ("To", f"<sip:{register.aor}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Expires", str(expires_s)),
            ("Supported", "path"),  # RFC 3327 section 5.1: a proxy on the way may have to be on the way back
        ]
        number = self._attempt
        domain = register.aor.rpartition("@")[2]
        done = partial(self._done, number)
        if expires_s:
            self._all.timers.after(self.trunk.config.first_response_s, self._silent, number)
        self._all.requester.send(
            *("REGISTER", f"sip:{domain}", headers, done),
            next_hop=target.uri.text,
            digest=self._digest,
            contact=partial(contact_of, self._all.trunks.contact_user(self.trunk)),
        )

    def _silent(self, number: int) -> None:
        if number == self._attempt:
            self._done(number, TIMEOUT, None)

    def _done(self, number: int, status: int, response: Message | None) -> None:
        if number != self._attempt:
            return
        self._attempt += 1
        self.status = status
        self._all.counters[f"sip_trunk_registrations_total|trunk={self.trunk.name},status={status}"] += 1
        if response is not None:
            self._cseq = max(self._cseq, response.cseq)
            if self._digest is not None and status < 300:
                self._digest.confirmed(response)
        else:
            self._cseq += MAX_ANSWERS  # that answers to challenges may have had
        if self._leaving:
            self._taken_back()
        elif response is not None and status < 300:
            self._succeeded(response)
        elif response is not None and status == BRIEF and self._lengthen(response):
            assert self._target is not None
            self._send(self._target, self._asked_s)
        elif response is None or status == TIMEOUT or 500 <= status < 600:
            if response is None and self._target is not None:
                self._target.failed(self._all.timers.now, f"REGISTER got {status}")
            self._next(status) if self._left else self._failed(status, response)
        else:
            self._failed(status, response)

    def _taken_back(self) -> None:
        self.expires_at = 0.0
        over, self._over = self._over, None
        if over is not None:
            over()

    def _succeeded(self, response: Message) -> None:
        if self._target is not None:
            self._target.answered()
        granted_s = granted(response, self._all.trunks.contact_user(self.trunk), self._asked_s)
        if not granted_s:
            self.expires_at = 0.0
            self._failed(response.status, response)
            return
        timers = self._all.timers
        if not self.held:
            log.info("trunk %s: %s is registered for %d s", self.trunk.name, self.register.aor, granted_s)
        self._failures = 0
        self.expires_at = timers.wall + granted_s
        trusted_s = min(granted_s, max(MAX_TRUSTED_S, self.register.expires_s))
        self._timer = timers.after(max(MIN_REFRESH_S, trusted_s * self._all.random.uniform(*REFRESH)), self.start, None)

    def _lengthen(self, response: Message) -> bool:
        """RFC 3261 section 10.2.8: asks for the least the carrier grants; False when we ask for that already."""
        least = response.get("Min-Expires") or ""
        if not (least.isascii() and least.isdigit()) or not self._asked_s < int(least[:9]):
            return False
        self._asked_s = int(least[:9])
        return True

    def _failed(self, status: int, response: Message | None) -> None:
        """Nobody registers us now; the next round comes after a wait that doubles, by RFC 5626 section 4.5."""
        self._failures += 1
        wait_s = min(LONGEST_S, BASE_S * 2 ** min(self._failures - 1, 16)) * self._all.random.uniform(0.5, 1.0)
        wait_s = max(wait_s, retry_after_s(response))
        log.warning(
            "trunk %s: %s is not registered: %d %s; next try in %d s",
            *(self.trunk.name, self.register.aor, status, response.reason if response is not None else "no answer", wait_s),
        )
        self._timer = self._all.timers.after(wait_s, self.start, None)


def contact_of(user: str, listener: Listener) -> str:
    transport = "" if listener.transport == "udp" else f";transport={listener.transport}"
    return f"<sip:{user}@{listener.sent_by}{transport}>"


def granted(response: Message, user: str, asked_s: int) -> int:
    """Seconds for which the registrar keeps our Contact, whose user part is ``user`` (RFC 3261 section 10.2.4)."""
    try:
        contacts = response.contacts
    except ParseError:
        contacts = []
    for contact in contacts:
        if not contact.is_star and contact.uri.user == user:
            text = contact.params.get("expires") or ""
            if text.isascii() and text.isdigit():
                return int(text[:9])
    return asked_s if response.expires is None else response.expires


def retry_after_s(response: Message | None) -> float:
    """RFC 3261 section 20.33, as far as we are willing to wait."""
    seconds = None if response is None else RETRY_AFTER.match(response.get("Retry-After") or "")
    return 0.0 if seconds is None else min(MAX_RETRY_AFTER_S, float(seconds[0]))
