"""Fingerprints of certificates in session descriptions (``a=fingerprint``, RFC 8122 section 5)."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Hash functions and the bytes of their digests. SHA-1 is what old phones have; MD5 and MD2 nobody may use (RFC 8122 section 5).
HASHES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
DEFAULT_HASH = "sha-256"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    hash_name: str
    digest: bytes

    def __str__(self) -> str:
        """The attribute's value."""
        return f"{self.hash_name} {self.digest.hex(':').upper()}"


def parse(value: str) -> Fingerprint | None:
    """The value of an ``a=fingerprint`` line. None for hash functions we don't know, which are passed over (RFC 8122 section
    5.1), and for what is none."""
    name, _, text = value.strip().partition(" ")
    size = HASHES.get(name.lower())
    try:
        digest = bytes.fromhex(text.strip().replace(":", " "))
    except ValueError:
        return None
    return Fingerprint(name.lower(), digest) if len(digest) == size else None


def parse_all(values: Iterable[str]) -> tuple[Fingerprint, ...]:
    """Those we can check, sorted: in any order they say the same."""
    known = {found for found in map(parse, values) if found is not None}
    return tuple(sorted(known, key=str))


def matches(fingerprints: Iterable[Fingerprint], digest: Callable[[str], bytes]) -> bool:
    """Whether a certificate is one of those; ``digest``: its digest by a hash function. It has to match one only (RFC 8122
    section 5.1)."""
    return any(hmac.compare_digest(each.digest, digest(each.hash_name)) for each in fingerprints)
