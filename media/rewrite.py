"""A received session description turned into the one we send on: our addresses and ports, in the order of native.relay."""

from typing import NamedTuple

from native import relay

LOOP_MARK = "rtpengine"  # the attribute that other relays of this protocol look for too

_FLAGS = {
    "full-rtcp-attribute": relay.WRITE_FULL_RTCP,
    "original-sendrecv": relay.WRITE_DIRECTIONS,
    "strip-extmap": relay.WRITE_NO_EXTMAP,
    "loop-protect": relay.WRITE_LOOP_MARK,
}
_REPLACE = {
    "zero-address": relay.WRITE_ZERO_ADDRESS,
    "origin": relay.WRITE_ORIGIN,
    "origin-full": relay.WRITE_OWN_ORIGIN,
    "username": relay.WRITE_USERNAME,
    "sdp-version": relay.WRITE_VERSION,
    "force-increment-sdp-ver": relay.WRITE_NEXT_VERSION,
    "session-name": relay.WRITE_NAME,
}


class LocalLine(NamedTuple):
    """What we announce for one m= line."""

    port: int  # 0: rejected or removed
    port_count: int = 1
    rtcp_port: int = 0  # 0: no a=rtcp line
    mux: bool = False
    protocol: str = ""  # empty: as received
    keys: str | None = None  # a=crypto lines in place of what was said of keys; None: that is left as it is
    ice: str = ""  # lines of ours


def writing(flags: frozenset[str], replace: frozenset[str]) -> int:
    """How a body is written for whom asks so: bits of native.relay's ``WRITE_``."""
    return sum(bits for asked, of in ((flags, _FLAGS), (replace, _REPLACE)) for word, bits in of.items() if word in asked)
