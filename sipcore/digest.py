"""Digest authentication of requests (RFC 7616, RFC 8760; for SIP: RFC 3261 section 22).

Nonces are stateless: issue time, a serial and a MAC bound to the realm. Only nonces that served a correct password take
room, in a bounded table of use counts, so a stranger stores nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol, Self

import msgspec

from native.sip import DIGEST_ACCEPTED, DIGEST_REFUSED, DIGEST_STALE, DigestBase, ParseError
from sipcore.digest_header import MalformedDigestError, decode_username
from sipcore.keys import KeyRing

MAX_ATTEMPTS = 4  # of our realm's credentials in one request: a client sends one per algorithm at most


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
ALGORITHMS = {algorithm.lower(): algorithm for algorithm in Algorithm}


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
    max_tracked_nonces: int = 262_144


MISSING = Verdict(Outcome.MISSING)
_OUTCOMES = {DIGEST_REFUSED: Outcome.REFUSED, DIGEST_STALE: Outcome.STALE, DIGEST_ACCEPTED: Outcome.ACCEPTED}
_RANK = {Outcome.ACCEPTED: 0, Outcome.STALE: 1, Outcome.REFUSED: 2, Outcome.MALFORMED: 3, Outcome.MISSING: 4}


class Digest(DigestBase):
    """Challenges and checks for one realm.

    ``instance`` tells the nonces of processes apart that share ``keys``. A nonce of another process is accepted while it is
    fresh, so that users survive its restart; use counts are each process's own.
    """

    __slots__ = ()

    def __new__(
        cls,
        realm: str,
        credentials: Credentials,
        keys: KeyRing,
        instance: str,
        config: DigestConfig | None = None,
        algorithms: tuple[Algorithm, ...] = tuple(Algorithm),
    ) -> Self:
        config = config or DigestConfig()
        head = 'Digest realm="{}", nonce="'.format(realm.replace("\\", "\\\\").replace('"', '\\"'))
        limits = (config.nonce_lifetime_s, config.max_tracked_nonces)
        return super().__new__(cls, realm, head, credentials, keys, instance, algorithms, *limits)

    def check(self, values: list[str], method: str, body: bytes, now: float) -> Verdict:
        """The best outcome among the Authorization (or Proxy-Authorization) ``values`` of a request.

        Other schemes, realms and algorithms are passed over: they are for somebody else (RFC 3261 section 22.3). The digest URI
        is not compared with the Request-URI, which proxies and clients may legitimately write differently (section 22.4).
        """
        best = MISSING
        attempts = 0
        for value in values:
            try:
                found = self.weigh(value, method, body, now)
            except ParseError as error:
                verdict = Verdict(Outcome.MALFORMED, reason=error.reason)
            except MalformedDigestError as error:
                verdict = Verdict(Outcome.MALFORMED, reason=str(error))
            else:
                if found is None:
                    continue
                attempts += 1
                verdict = Verdict(_OUTCOMES[found[0]], found[1])
            if verdict.outcome is Outcome.ACCEPTED:
                return verdict
            if _RANK[verdict.outcome] < _RANK[best.outcome]:
                best = verdict
            if attempts == MAX_ATTEMPTS:
                break
        return best

    # for the base

    decode_username = staticmethod(decode_username)
