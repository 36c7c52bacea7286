"""Keys in session descriptions (SDES, RFC 4568): ``a=crypto`` lines read, chosen among and made."""

import base64
import binascii
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from media.flags import canonical
from media.sdp_fields import is_number

RelayKey = tuple[str, bytes, int]  # suite, master key and salt, bytes of MKI: native.relay's
KeyPair = tuple[RelayKey, RelayKey]  # what a side protects with, what we do towards it

# Suites we have (RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 14.2), best first, with the bytes of key and salt
SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
# Of those we offer, as rtpengine's: peers and tests that were written beside it may have these numbers fixed
TAGS = dict(zip(SUITES, (1, 2, 3, 4, 7, 8), strict=True))
# Parameters that change nothing of how packets look: RFC 4568 section 6.3
_HARMLESS = ("WSH=", "KDR=0")
_MAX_MKI_BYTES = 128


@dataclass(frozen=True, slots=True)
class Crypto:
    """One crypto attribute: what its sender protects with. The key is nothing to be shown."""

    tag: int
    suite: str
    key: bytes = field(repr=False)  # master key and salt
    mki_bytes: int = 0

    def __str__(self) -> str:
        """The attribute's value, without MKI."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"

    @property
    def relayed(self) -> RelayKey:
        """As native.relay takes it."""
        return self.suite, self.key, self.mki_bytes


def parse(value: str) -> Crypto | None:
    """The value of an ``a=crypto`` line (RFC 4568 section 9.1). None for what we can't serve: a line that is not understood is
    passed over as if it weren't there (section 5.1.2), and so are several keys in one line and session parameters that
    leave packets unprotected."""
    fields = value.split()
    if len(fields) < 3 or not is_number(fields[0], 999_999_999) or SUITES.get(fields[1].upper()) is None:
        return None
    if not all(parameter.upper().startswith(_HARMLESS) for parameter in fields[3:]):
        return None
    suite = fields[1].upper()
    key, mki_bytes = _inline(fields[2])
    return Crypto(int(fields[0]), suite, key, mki_bytes) if len(key) == SUITES[suite] else None


def parse_all(values: Iterable[str]) -> tuple[Crypto, ...]:
    """Those we can serve, in the order of preference they came in."""
    return tuple(crypto for crypto in map(parse, values) if crypto is not None)


def allowed(words: frozenset[str]) -> tuple[str, ...]:
    """Suites that the items of the ng list ``SDES`` leave: ``only-SUITE`` some of, ``no-SUITE`` less."""
    only = {suite for suite in SUITES if f"only-{canonical(suite)}" in words} or set(SUITES)
    return tuple(suite for suite in SUITES if suite in only and f"no-{canonical(suite)}" not in words)


class OwnKeys:
    """What we protect with towards one side of one line: a key a suite. They stay, since parties that share an offer (a forked
    INVITE) may take different ones of it, and come back to them."""

    __slots__ = ("_keys", "_left", "_used")

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._used = ""
        self._left: set[str] = set()

    def crypto(self, tag: int, suite: str) -> Crypto:
        if suite not in self._keys:
            self._keys[suite] = os.urandom(SUITES[suite])
        return Crypto(tag, suite, self._keys[suite])

    def offer(self, suites: Iterable[str]) -> tuple[Crypto, ...]:
        return tuple(self.crypto(TAGS[suite], suite) for suite in suites)

    def use(self, suite: str) -> None:
        """The suite in effect from now on, "" for none."""
        if self._used != suite:
            self._left.add(self._used)
            self._left.discard(suite)
            self._used = suite

    def renew(self) -> None:
        """New keys for the suites that were in effect and are no more: a party that has forgotten how far such a key had
        counted could read nothing under it."""
        for suite in self._left:
            self._keys.pop(suite, None)
        self._left.clear()


def _inline(text: str) -> tuple[bytes, int]:
    """(key and salt, bytes of MKI) of ``inline:KEY|lifetime|MKI:length``; an empty key for what is no such thing."""
    method, _, value = text.partition(":")
    if method.lower() != "inline" or ";" in value:
        return b"", 0
    encoded, *rest = value.split("|")
    mki = next((part for part in rest if ":" in part), "")
    length = mki.partition(":")[2]
    if mki and not (is_number(length, _MAX_MKI_BYTES) and int(length)):
        return b"", 0
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True), int(length or 0)
    except (binascii.Error, ValueError):
        return b"", 0
