"""Keys in session descriptions (SDES, RFC 4568): ``a=crypto`` lines read, chosen among and made."""

import base64
import binascii
import os
import re
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
# Parameters that change nothing of how packets look (RFC 4568 section 6.3), and those that who doesn't know them may ignore
_HARMLESS = re.compile(r"WSH=\d{2,}|KDR=0|FEC_ORDER=FEC_SRTP|-.+", re.ASCII | re.IGNORECASE)
_KEY = re.compile(
    r"(?i:inline):([A-Za-z0-9+/]+)=*(?:\|(2\^)?([1-9]\d{0,14}))?(?:\|(0|[1-9]\d{0,308}):([1-9]\d{0,2}))?", re.ASCII
)
_MAX_LIFETIME_LOG2 = 48  # packets
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
    if not all(_HARMLESS.fullmatch(parameter) for parameter in fields[3:]):
        return None
    suite = fields[1].upper()
    key, mki_bytes = _inline(fields[2])
    return Crypto(int(fields[0]), suite, key, mki_bytes) if len(key) == SUITES[suite] else None


def parse_all(values: Iterable[str]) -> tuple[Crypto, ...]:
    """Those we can serve, in the order of preference they came in."""
    return tuple(crypto for crypto in map(parse, values) if crypto is not None)


def is_allowed(suite: str, words: frozenset[str]) -> bool:
    """Whether the items of the ng list ``SDES`` leave that suite: ``nonew`` every one, else ``only-SUITE`` no other, else
    ``no-SUITE`` all but that."""
    if "nonew" in words:
        return True
    if any(word.startswith("only-") for word in words):
        return f"only-{canonical(suite)}" in words
    return f"no-{canonical(suite)}" not in words


def allowed(words: frozenset[str]) -> tuple[str, ...]:
    """Of the suites we have those that the items of ``SDES`` leave."""
    return tuple(suite for suite in SUITES if is_allowed(suite, words))


class OwnKeys:
    """What we protect with towards one side of one line: a key a suite. They stay, since parties that share an offer (a forked
    INVITE) may take different ones of it, and come back to them. But whoever is there after another party, or has made a
    new context, begins a key with rollover counter 0 (RFC 4568 section 6.4): it would not understand one that is further."""

    __slots__ = ("_in_effect", "_keys", "_worn")

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._worn: set[str] = set()  # of those keys: they were in effect
        self._in_effect: KeyPair | None = None

    def crypto(self, tag: int, suite: str) -> Crypto:
        if suite not in self._keys:
            self._keys[suite] = os.urandom(SUITES[suite])
        return Crypto(tag, suite, self._keys[suite])

    def offer(self, suites: Iterable[str]) -> tuple[Crypto, ...]:
        return tuple(self.crypto(TAGS[suite], suite) for suite in suites)

    def answer(self, theirs: Crypto) -> Crypto:
        """To the line that we take of their offer. Ours stays while theirs does; who has another key may be another party."""
        if self._in_effect is not None and self._in_effect[0] == theirs.relayed:
            return Crypto(theirs.tag, theirs.suite, self._in_effect[1][1])
        self._drop({theirs.suite})
        return self.crypto(theirs.tag, theirs.suite)

    def use(self, pair: KeyPair | None) -> None:
        """What is in effect from now on; None: nothing."""
        self._in_effect = pair
        if pair is not None and self._keys.get(pair[1][0]) == pair[1][1]:
            self._worn.add(pair[1][0])

    def renew(self, *, turned: bool) -> None:
        """New keys in place of those that were in effect and are no more, and of the one that is if its rollover counter is
        not 0 any more (``turned``): we can't know who will answer an offer."""
        left = set() if self._in_effect is None or turned else {self._in_effect[1][0]}
        self._drop(self._worn - left)

    def _drop(self, suites: set[str]) -> None:
        """Of those whose keys were in effect."""
        for suite in suites & self._worn:
            del self._keys[suite]
        self._worn -= suites


def _inline(text: str) -> tuple[bytes, int]:
    """(key and salt, bytes of MKI) of ``inline:KEY|lifetime|MKI:length`` (RFC 4568 section 6.1); an empty key for what is no
    such thing. The lifetime is the sender's to keep."""
    found = _KEY.fullmatch(text)
    if found is None:
        return b"", 0
    encoded, power, lifetime, mki, mki_bytes = found.group(1, 2, 3, 4, 5)
    if lifetime and int(lifetime) > (_MAX_LIFETIME_LOG2 if power else 1 << _MAX_LIFETIME_LOG2):
        return b"", 0
    if mki and not (int(mki_bytes) <= _MAX_MKI_BYTES and int(mki).bit_length() <= 8 * int(mki_bytes)):
        return b"", 0
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4)), int(mki_bytes or 0)
    except binascii.Error:
        return b"", 0
