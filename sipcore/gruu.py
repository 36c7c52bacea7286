"""GRUUs: URIs that lead to one user agent instance of an AOR (RFC 5627).

A public one is the AOR with the instance in its ``gr`` parameter. A temporary one is sealed: nobody but us can read it, make
one or tell whose two of them are. It holds the AOR and hashes of the instance and of the Call-ID that this registered with, so
nothing need be stored: it is valid while that registration lasts (sections 5.1, 5.3).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from native.sip import Uri
from sipcore.keys import KeyRing
from sipcore.location import Binding

GRUU = "gruu"
PARAM = "gr"
PREFIX = "tgruu."
NONCE_CHARS = MAC_CHARS = 12
BLOCK_BYTES = 9  # what one MAC gives
PADDED_BYTES = 3 * BLOCK_BYTES  # sealed texts are of few lengths, so that theirs says little of the AOR's
HASH_BYTES = 8
PARAM_CHARS = "[]/:&+$-_.!~*'()"  # of a URI parameter, besides letters and digits (RFC 3261 section 25.1)
USER_CHARS = "-_.!~*'()&=+$,;?/"  # of a user part, likewise


class Temporary(NamedTuple):
    """What a temporary GRUU says."""

    aor: str
    instance: bytes
    call_id: bytes

    def is_of(self, binding: Binding) -> bool:
        return bool(binding.instance) and hash_of(binding.instance) == self.instance

    def is_valid_for(self, binding: Binding) -> bool:
        return self.is_of(binding) and hash_of(binding.call_id) == self.call_id


class Gruus:
    """``keys`` seal the temporary ones; ``nonce`` makes 12 unguessable characters of those that base64 for URLs has."""

    __slots__ = ("_keys", "_nonce")

    def __init__(self, keys: KeyRing, nonce: Callable[[], str]) -> None:
        self._keys = keys
        self._nonce = nonce

    def params_of(self, binding: Binding, aor: str) -> str:
        """Parameters of a Contact in the answer to a REGISTER (section 5.2)."""
        return f';pub-gruu="{public(binding, aor)}";temp-gruu="{self.temporary(binding, aor)}"'

    def temporary(self, binding: Binding, aor: str) -> str:
        """A new one, unlike any before."""
        plain = hash_of(binding.instance) + hash_of(binding.call_id) + aor.encode()
        plain += bytes(-len(plain) % PADDED_BYTES)
        key_id, nonce = self._keys.sign("")[0], self._nonce()
        sealed = urlsafe_b64encode(self._masked(key_id, nonce, plain)).decode()
        user = f"{PREFIX}{key_id}{nonce}{sealed}{self._seal(nonce, sealed)}"
        return f"{scheme_of(binding)}:{user}@{aor.rpartition('@')[2]};{PARAM}"

    def read(self, user: str) -> Temporary | None:
        """What the user part of a temporary GRUU says; None when it is none of ours."""
        text = user.removeprefix(PREFIX)
        key_id, nonce, sealed, seal = text[:1], text[1 : 1 + NONCE_CHARS], text[1 + NONCE_CHARS : -MAC_CHARS], text[-MAC_CHARS:]
        if text == user or not sealed or not self._keys.verify(key_id, seal, f"seal\n{nonce}\n{sealed}"):
            return None
        plain = self._masked(key_id, nonce, urlsafe_b64decode(sealed))
        aor = plain[2 * HASH_BYTES :].rstrip(b"\0").decode()
        return Temporary(aor, plain[:HASH_BYTES], plain[HASH_BYTES : 2 * HASH_BYTES])

    def _seal(self, nonce: str, sealed: str) -> str:
        return self._keys.sign(f"seal\n{nonce}\n{sealed}")[1]

    def _masked(self, key_id: str, nonce: str, data: bytes) -> bytes:
        """``data`` with the MACs of nonce and block number laid over it: a pseudo-random function in counter mode."""
        blocks = range(len(data) // BLOCK_BYTES)
        stream = b"".join(urlsafe_b64decode(self._keys.mac(key_id, f"mask\n{nonce}\n{block}")) for block in blocks)
        return bytes(left ^ right for left, right in zip(data, stream, strict=True))


def public(binding: Binding, aor: str) -> str:
    """Section 5.4; the same at all times, and valid as long as the AOR is."""
    user, _, domain = aor.rpartition("@")
    instance = quote(binding.instance.removeprefix("<").removesuffix(">"), safe=PARAM_CHARS)
    return f"{scheme_of(binding)}:{quote(user, safe=USER_CHARS)}@{domain};{PARAM}={instance}"


def instance_in(uri: Uri) -> str | None:
    """The instance that a public GRUU names, as Contacts write it; None when ``uri`` is not one."""
    value = uri.params.get(PARAM)
    return None if value is None else f"<{unquote(value)}>"


def scheme_of(binding: Binding) -> str:
    """RFC 5630 section 5.2.1."""
    return "sips" if binding.contact[:5].lower() == "sips:" else "sip"


def hash_of(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=HASH_BYTES).digest()
