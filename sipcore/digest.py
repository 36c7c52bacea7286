"""Digest authentication of requests (RFC 7616, RFC 8760; for SIP: RFC 3261 section 22).

Nonces are stateless: issue time, a serial and a MAC bound to the realm. Only nonces that served a correct password take
room, in a bounded table of use counts, so a stranger stores nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import count, islice, takewhile
from typing import Protocol

import msgspec

from native.sip import DigestClaim, ParseError
from sipcore.digest_header import MalformedDigestError, username_of
from sipcore.keys import KeyRing

MAX_ATTEMPTS = 4  # of our realm's credentials in one request: a client sends one per algorithm at most
ROOM_SHARE = 64  # one in so many of the oldest nonces goes when there is no room
TIDY_INTERVAL_S = 1.0  # between two looks for expired nonces while there is room
STAMP_AT = 13  # in a nonce, behind key id and MAC: the issue time in 8 hex digits


class Algorithm(StrEnum):
    """What we challenge with, strongest first (RFC 8760 section 2.3); the value is the IANA name."""

    SHA_256 = "SHA-256"
    MD5 = "MD5"

    def hash(self, text: str) -> str:
        """Lower-case hex digest."""
        return _HASHES[self](text.encode("utf-8", "surrogateescape")).hexdigest()


_HASHES: dict[Algorithm, Callable[[bytes], "hashlib._Hash"]] = {
    Algorithm.SHA_256: hashlib.sha256,
    Algorithm.MD5: partial(hashlib.md5, usedforsecurity=False),
}
_NOBODY = {
    algorithm: "0" * len(_HASHES[algorithm](b"").hexdigest()) for algorithm in Algorithm
}  # stands for an unknown user's HA1
ALGORITHMS = {algorithm.lower(): algorithm for algorithm in Algorithm}
_MIDDLE = {algorithm: f'", algorithm={algorithm.value}, qop="auth"' for algorithm in Algorithm}
_BY_NAME = {algorithm.value: algorithm for algorithm in Algorithm}


def ha1(username: str, realm: str, password: str, algorithm: Algorithm) -> str:
    """What is stored of a password (RFC 7616 section 3.4.2)."""
    return algorithm.hash(f"{username}:{realm}:{password}")


class Credentials(Protocol):
    """Where users' secrets come from."""

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        """H(username:realm:password) in lower-case hex; None for an unknown user."""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    MISSING = "missing"  # no credentials of our realm and of an algorithm we know
    STALE = "stale"  # right password, but a nonce that is too old or not ours, or a use count seen before
    REFUSED = "refused"  # unknown user or wrong password
    MALFORMED = "malformed"  # to be answered 400 with the reason


class Verdict(msgspec.Struct, frozen=True):
    outcome: Outcome
    username: str = ""
    reason: str = ""  # of MALFORMED


@dataclass(frozen=True, slots=True)
class DigestConfig:
    nonce_lifetime_s: int = 300
    max_tracked_nonces: int = 65_536


MISSING = Verdict(Outcome.MISSING)
_RANK = {Outcome.ACCEPTED: 0, Outcome.STALE: 1, Outcome.REFUSED: 2, Outcome.MALFORMED: 3, Outcome.MISSING: 4}


class Digest:
    """Challenges and checks for one realm.

    ``instance`` tells the nonces of processes apart that share ``keys``. A nonce of another process is accepted while it is
    fresh, so that users survive its restart; use counts are each process's own.
    """

    __slots__ = (
        "_algorithms",
        "_config",
        "_credentials",
        "_floor_s",
        "_head",
        "_instance",
        "_keys",
        "_realm",
        "_serial",
        "_tidy_at",
        "_used",
    )

    def __init__(
        self,
        realm: str,
        credentials: Credentials,
        keys: KeyRing,
        instance: str,
        config: DigestConfig | None = None,
        algorithms: tuple[Algorithm, ...] = tuple(Algorithm),
    ) -> None:
        self._realm = realm
        self._head = 'Digest realm="{}", nonce="'.format(realm.replace("\\", "\\\\").replace('"', '\\"'))
        self._credentials = credentials
        self._keys = keys
        self._instance = instance
        self._config = config or DigestConfig()
        self._algorithms = algorithms
        self._serial = count()
        self._used: dict[str, int] = {}  # nonce → highest use count, in the order of first use
        self._tidy_at = 0.0
        self._floor_s = 0  # nonces issued up to this second are stale: their counts were forgotten for want of room

    def challenges(
        self, now: float, algorithms: tuple[Algorithm, ...] | None = None, *, stale: bool = False
    ) -> tuple[str, ...]:
        """Values of WWW-Authenticate or Proxy-Authenticate, one per algorithm, in the order given (RFC 8760 section 2.4).

        ``algorithms``: some of the realm's, for a client that can't read all; None: all.
        """
        nonce = self._issue(now)
        head, tail = self._head + nonce, ", stale=true" if stale else ""
        return tuple([f"{head}{_MIDDLE[algorithm]}{tail}" for algorithm in algorithms or self._algorithms])

    def check(self, values: list[str], method: str, body: bytes, now: float) -> Verdict:
        """The best outcome among the Authorization (or Proxy-Authorization) ``values`` of a request.

        Other schemes, realms and algorithms are passed over: they are for somebody else (RFC 3261 section 22.3). The digest URI
        is not compared with the Request-URI, which proxies and clients may legitimately write differently (section 22.4).
        """
        best = MISSING
        attempts = 0
        for value in values:
            try:
                claim = DigestClaim.read(value)
                if claim is None or claim.realm != self._realm:
                    if claim is None or claim.count:
                        continue
                    raise MalformedDigestError("digest without parameters")
                algorithm = _BY_NAME.get(claim.algorithm)
                if algorithm not in self._algorithms:
                    continue
                attempts += 1
                if attempts > MAX_ATTEMPTS:
                    break
                verdict = self._check_one(claim, algorithm, method, body, now)
            except ParseError as error:
                verdict = Verdict(Outcome.MALFORMED, reason=error.reason)
            except MalformedDigestError as error:
                verdict = Verdict(Outcome.MALFORMED, reason=str(error))
            if verdict.outcome is Outcome.ACCEPTED:
                return verdict
            if _RANK[verdict.outcome] < _RANK[best.outcome]:
                best = verdict
        return best

    def _check_one(self, claim: DigestClaim, algorithm: Algorithm, method: str, body: bytes, now: float) -> Verdict:
        username, fault = claim.username or "", claim.fault
        if claim.extended_username is not None:
            username = username_of(claim)
        if fault is not None:
            raise MalformedDigestError(fault)
        nonce = claim.nonce or ""
        stamp = self._keys.unseal(nonce, self._realm)
        stored = self._credentials.ha1(username, self._realm, algorithm)
        # an unknown user costs what a wrong password costs, and is answered alike
        matches = claim.matches(_NOBODY[algorithm] if stored is None else stored, method, body)
        if stored is None or not matches:
            return Verdict(Outcome.REFUSED, username)
        if stamp is None or not self._fresh(nonce, int(stamp[:8], 16), claim.use_count, now):
            return Verdict(Outcome.STALE, username)
        return Verdict(Outcome.ACCEPTED, username)

    def _issue(self, now: float) -> str:
        return self._keys.seal(f"{int(now):08x}{next(self._serial):x}.{self._instance}", self._realm)

    def _fresh(self, nonce: str, issued_s: int, use: int, now: float) -> bool:
        """Not expired, and used with a higher count than ever before (RFC 7616 section 3.4, nc)."""
        if now - issued_s > self._config.nonce_lifetime_s or issued_s <= self._floor_s:
            return False
        last = self._used.get(nonce)
        if last is None:
            self._make_room(now)
        elif use <= last:
            return False
        self._used[nonce] = use
        return True

    def _make_room(self, now: float) -> None:
        """Forgets expired nonces. Live ones that go for want of room take all as old as them along: none is replayable."""
        used, config = self._used, self._config
        full = len(used) >= config.max_tracked_nonces
        if now < self._tidy_at and not full:
            return
        self._tidy_at = now + TIDY_INTERVAL_S
        gone = list(takewhile(lambda nonce: now - _issued_s(nonce) > config.nonce_lifetime_s, used))
        if full and not gone:
            gone = list(islice(used, len(used) // ROOM_SHARE + 1))
            self._floor_s = max(self._floor_s, *map(_issued_s, gone))
        for nonce in gone:
            del used[nonce]


def _issued_s(nonce: str) -> int:
    """Of one that is ours."""
    return int(nonce[STAMP_AT : STAMP_AT + 8], 16)
