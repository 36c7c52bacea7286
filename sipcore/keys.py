"""Keys for what we hand out and want back unaltered: Via branches, Record-Route cookies, nonces, flow tokens.

A ring has one current key and any number of old ones that still verify. A key id is one character of KEY_IDS, so a token
names its key.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass

KEY_IDS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAC_BYTES = 9  # 72 bits, 12 characters of base64url without padding


@dataclass(frozen=True, slots=True)
class Key:
    """``purpose`` keeps the MACs of different uses apart even under one secret."""

    id: str  # one character of KEY_IDS
    secret: bytes  # 32 bytes


class KeyRing:
    """Signs with the current key, verifies with any."""

    __slots__ = ("_current", "_keys", "_person")

    def __init__(self, purpose: str, current: Key, old: Iterable[Key] = ()) -> None:
        self._person = purpose.encode()[:8]
        self._current = current
        self._keys = {key.id: key.secret for key in (*old, current)}

    def sign(self, text: str) -> tuple[str, str]:
        """(key id, MAC of ``text`` in 12 URL-safe characters)."""
        return self._current.id, self._mac(self._current.secret, text)

    def verify(self, key_id: str, mac: str, text: str) -> bool:
        """Constant time in the MAC; False for an unknown key id."""
        secret = self._keys.get(key_id)
        if secret is None:
            return False
        return hmac.compare_digest(self._mac(secret, text).encode(), mac.encode())

    def _mac(self, secret: bytes, text: str) -> str:
        digest = hashlib.blake2s(
            text.encode("utf-8", "surrogateescape"), digest_size=MAC_BYTES, key=secret, person=self._person
        )
        return urlsafe_b64encode(digest.digest()).decode()
