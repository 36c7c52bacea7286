"""What session descriptions say of DTLS (RFC 5763 section 5, RFC 8842): ``a=fingerprint``, ``a=setup`` and ``a=tls-id``."""

import secrets
from dataclasses import dataclass

from media.fingerprint import Fingerprint, parse_all
from media.sdp import Media, Section

OFFERED, ACTIVE, PASSIVE, HELD = "actpass", "active", "passive", "holdconn"


@dataclass(frozen=True, slots=True)
class Peer:
    """A party as it tells of itself. ``setup`` is empty when it says nothing, or nothing that we know."""

    fingerprints: tuple[Fingerprint, ...]
    setup: str = ""
    tls_id: str = ""

    def is_same(self, other: "Peer") -> bool:
        """Whether both are of one association (RFC 8842 section 5.1)."""
        return self.fingerprints == other.fingerprints and self.tls_id == other.tls_id


@dataclass(frozen=True, slots=True)
class Shake:
    """What is agreed with a side whose DTLS ends here. ``offered``: the side made the offer; ``passive``: we are to wait for
    its ClientHello if we may choose."""

    peer: Peer
    offered: bool
    passive: bool


Shakes = tuple[Shake | None, Shake | None]  # by side
NO_SHAKES: Shakes = (None, None)


def speaks(media: Media, session: Section) -> bool:
    """Whether its keys come from DTLS: by its profile, or as some had it before there was one for it."""
    protocol = media.protocol.upper()
    if "TLS" in protocol:
        return True
    return "SAVP" in protocol and not media.crypto and bool(_said(media, session, "fingerprint"))


def read(media: Media, session: Section) -> Peer | None:
    """What holds of the session holds of each line that says nothing itself (RFC 8122 section 5). None: there is no fingerprint
    that we could check."""
    fingerprints = parse_all(_said(media, session, "fingerprint"))
    if not fingerprints:
        return None
    setup = "".join(_said(media, session, "setup")[:1]).strip().lower()
    known = setup in (OFFERED, ACTIVE, PASSIVE, HELD)
    return Peer(fingerprints, setup if known else "", "".join(_said(media, session, "tls-id")[:1]))


def is_active(shake: Shake, present: bool | None) -> bool:
    """Whether we send the ClientHello (RFC 5763 section 5, RFC 8842 section 5). ``present``: as it is by now, None: there is
    nothing yet. Who offers both, or answers nothing that we know, leaves it to us."""
    if shake.peer.setup in (ACTIVE, PASSIVE):
        return shake.peer.setup == PASSIVE
    if present is not None:
        return present
    return not (shake.passive and shake.offered)


def make_tls_id() -> str:
    """RFC 8842 section 4: at least 20 characters, of 120 bits by chance."""
    return secrets.token_hex(16)


def lines(setup: str, fingerprint: Fingerprint, tls_id: str) -> str:
    """``tls_id`` empty: none."""
    told = f"a=setup:{setup}\r\na=fingerprint:{fingerprint}\r\n"
    return f"{told}a=tls-id:{tls_id}\r\n" if tls_id else told


def _said(media: Media, session: Section, name: str) -> list[str]:
    return media.attributes(name) or session.attributes(name)
