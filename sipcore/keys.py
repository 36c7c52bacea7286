"""Keys for what we hand out and want back unaltered: Via branches, Record-Route cookies, nonces, flow tokens.

A ring has one current key and any number of old ones that still verify. A key id is one character of KEY_IDS, so a token
names its key.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from native.sip import Mac

KEY_IDS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Key:
    """``purpose`` keeps the MACs of different uses apart even under one secret."""

    id: str  # one character of KEY_IDS
    secret: bytes  # 32 bytes


class KeyRing:
    """Signs with the current key, verifies with any."""

    __slots__ = ("current", "id", "macs")

    def __init__(self, purpose: str, current: Key, old: Iterable[Key] = ()) -> None:
        self.macs = {key.id: _mac(key, purpose) for key in (*old, current)}
        self.id = current.id
        self.current = self.macs[current.id]

    def sign(self, text: str) -> tuple[str, str]:
        """(key id, MAC of ``text`` in 12 URL-safe characters)."""
        return self.id, self.current.of(text)

    def mac(self, key_id: str, text: str) -> str:
        """That of a key which ``verify`` or ``sign`` named."""
        return self.macs[key_id].of(text)

    def verify(self, key_id: str, mac: str, text: str) -> bool:
        """Constant time in the MAC; False for an unknown key id."""
        known = self.macs.get(key_id)
        return known is not None and known.matches(text, mac)


def _mac(key: Key, purpose: str) -> Mac:
    """The key of that purpose alone, derived from the secret."""
    return Mac(hashlib.blake2s(key=key.secret, person=purpose.encode()[:8], digest_size=16).digest())
