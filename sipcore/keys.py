"""Keys for what we hand out and want back unaltered: Via branches, Record-Route cookies, nonces, flow tokens.

A ring has one current key and any number of old ones that still verify. A key id is one character of KEY_IDS, so a token
names its key.
"""

import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass

KEY_IDS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAC_BYTES = 9  # 72 bits, 12 characters of base64url without padding
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Key:
    """``purpose`` keeps the MACs of different uses apart even under one secret."""

    id: str  # one character of KEY_IDS
    secret: bytes  # 32 bytes


class KeyRing:
    """Signs with the current key, verifies with any."""

    __slots__ = ("_current", "_hashes", "_id")

    def __init__(self, purpose: str, current: Key, old: Iterable[Key] = ()) -> None:
        person = purpose.encode()[:8]
        # keyed once: a copy costs half of keying
        self._hashes = {
            key.id: hashlib.blake2s(digest_size=MAC_BYTES, key=key.secret, person=person) for key in (*old, current)
        }
        self._id = current.id
        self._current = self._hashes[current.id]

    def sign(self, text: str) -> tuple[str, str]:
        """(key id, MAC of ``text`` in 12 URL-safe characters)."""
        return self._id, _mac(self._current, text).decode()

    def verify(self, key_id: str, mac: str, text: str) -> bool:
        """Constant time in the MAC; False for an unknown key id."""
        keyed = self._hashes.get(key_id)
        if keyed is None:
            return False
        return hmac.compare_digest(_mac(keyed, text), mac.encode("utf-8", "surrogateescape"))


def _mac(keyed: "hashlib.blake2s", text: str) -> bytes:
    digest = keyed.copy()
    digest.update(text.encode("utf-8", "surrogateescape"))
    return b2a_base64(digest.digest(), newline=False).translate(_URL_SAFE)
