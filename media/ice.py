"""ICE as a lite agent (RFC 8445, RFC 8839): on which lines we speak it with whom, by which credentials, and what we tell of
it. Checks are answered by native.relay."""

import base64
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from media.endpoint import Endpoint
from media.line import Line
from media.options import Options
from media.rewrite import LocalLine
from media.sdp import Description
from media.session import Described, Dialogue, Offer
from native import relay

_UFRAG_BYTES, _PASSWORD_BYTES = 6, 18  # random; RFC 8445 section 5.3 wants 24 and 128 bits
_FORCED = frozenset({"force", "force-relay", "optional"})
_PRIORITY = (126 << 24) + (65535 << 8) + 256  # of a host candidate, less its component (RFC 8445 section 5.1.2.1)
_TRICKLE = frozenset({"trickle-ice", "webrtc"})
_MISMATCH = "a=ice-mismatch\r\n"
UNKNOWN = Endpoint(None, None, relay.ICE, None, False)  # a full agent that nominated nobody yet


class Peer(NamedTuple):
    """What a party says of a line."""

    ufrag: str
    password: str
    lite: bool
    mismatch: bool  # something between us has changed its address


class OwnIce:
    """What we say to one side of one line, and the party it is said to. It stays until that party restarts."""

    __slots__ = ("password", "peer", "ufrag")

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self._renew()

    def meet(self, peer: Peer) -> None:
        """Another password, in a session that goes on, is a restart of its (RFC 8839 section 4.4.1.1.1), which is ours too."""
        if self.peer is not None and (self.peer.ufrag, self.peer.password) != (peer.ufrag, peer.password):
            self._renew()
        self.peer = peer

    def _renew(self) -> None:
        self.ufrag, self.password = _random(_UFRAG_BYTES), _random(_PASSWORD_BYTES)


def _random(count: int) -> str:
    """A whole number of the characters of RFC 8839 section 5.4, which are those of base64."""
    return base64.b64encode(secrets.token_bytes(count)).decode()


def own_ice(line: Line, side: int) -> OwnIce:
    if line.kept_ice is None:
        line.kept_ice = OwnIce(), OwnIce()
    return line.kept_ice[side]


def _spoken(line: Line | None, side: int) -> bool:
    return line is not None and line.kept_ice is not None and line.kept_ice[side].peer is not None


def offered(
    described: list[Described], dialogue: Dialogue, answerer: int, description: Description, options: Options
) -> list[bool]:
    """On which lines of an offer the answerer is offered ICE: where the offerer speaks it, where the answerer speaks it by now,
    and where the proxy wants it."""
    forced = options.ice in _FORCED or "webrtc" in options.flags
    removed = options.ice == "remove"
    asked = []
    for index, (state, media) in enumerate(zip(described, description.media, strict=True)):
        line = dialogue.lines[index] if index < len(dialogue.lines) else None
        wanted = forced or (not removed and (state.ice is not None or _spoken(line, answerer)))
        asked.append(wanted and state.stream_kind is not None and media.port != 0 and media.count == 1)
    return asked


def rejected(options: Options) -> bool:
    """The offerer's ICE is not to be taken."""
    return "reject-ice" in options.flags or options.ice == "reject"


def taken(offer: Offer, index: int, options: Options) -> Peer | None:
    """The offerer of a line, when our answer to it has ICE; ``options``: of the answer."""
    state = offer.described[index]
    peer = None if state.ice is None else Peer(*state.ice)
    if peer is None or offer.ice_rejected or options.ice == "remove" or rejected(options) or peer.mismatch:
        return None
    return peer


def answered(offer: Offer, index: int, described: Described) -> Peer | None:
    """The answerer of a line, when it takes our ICE. Where it says that it is is no matter: it checks us."""
    return Peer(*described.ice) if offer.ices[index] and described.ice is not None else None


def place(endpoint: Endpoint, peer: Peer) -> Endpoint:
    """Where a party is that speaks ICE: where it nominates; a lite one, which does no checks, at its default candidate."""
    return endpoint._replace(mode=relay.ICE) if peer.lite else UNKNOWN._replace(held=endpoint.held)


def told(
    locals_: list[LocalLine | None],
    lines: Sequence[Line | None],
    side: int,
    spoken: list[bool],
    host: str,
    options: Options,
    one_port: bool,
    changed: Sequence[bool] = (),
) -> list[LocalLine | None]:
    """What ``side`` is told, with our credentials and candidates on the lines that are ``spoken``. ``one_port``: where RTCP is
    multiplexed it has no other port to fall back to. ``changed``: lines of ``mismatches``, which the answer names."""
    said = list(locals_)
    for index, (local, line) in enumerate(zip(locals_, lines, strict=False)):
        if local is None or not local.port or line is None:
            continue
        if spoken[index]:
            alone = "RTP/" not in local.protocol.upper() or (local.mux and one_port)
            said[index] = local._replace(ice=_lines(own_ice(line, side), host, local.port, 1 if alone else 2, options))
        elif changed and changed[index]:
            said[index] = local._replace(ice=_MISMATCH)
    return said


def _lines(own: OwnIce, host: str, port: int, components: int, options: Options) -> str:
    trickles = bool(options.flags & _TRICKLE)  # RFC 8838: all candidates come at once
    lines = [f"ice-ufrag:{own.ufrag}", f"ice-pwd:{own.password}", *(["ice-options:trickle"] if trickles else [])]
    for component in range(1, components + 1):
        lines.append(f"candidate:1 {component} UDP {_PRIORITY - component} {host} {port + component - 1} typ host")
    lines += ["end-of-candidates"] if trickles else []
    return "".join(f"a={line}\r\n" for line in lines)


def mismatches(offer: Offer) -> list[bool]:
    """On which lines something between us has changed the offerer's address."""
    return [state.ice is not None and Peer(*state.ice).mismatch for state in offer.described]


def writing(locals_: list[LocalLine | None]) -> int:
    """For a body that has such lines (native.relay's bits)."""
    speaks = any(local is not None and local.ice and local.ice != _MISMATCH for local in locals_)
    return relay.WRITE_ICE_LITE if speaks else 0
