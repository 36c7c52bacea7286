"""A received session description turned into the one we send on: our addresses and ports, in the order of native.relay."""

from dataclasses import dataclass
from typing import NamedTuple

from media.sdp import Description
from media.sdp_fields import Connection
from native import relay

LOOP_MARK = "rtpengine"  # the attribute that other relays of this protocol look for too

Parts = tuple[str, str, str]
"""What comes before the o= line, that line as received, and what comes after it."""


class LocalLine(NamedTuple):
    """What we announce for one m= line."""

    port: int  # 0: rejected or removed
    port_count: int = 1
    rtcp_port: int = 0  # 0: no a=rtcp line
    mux: bool = False
    protocol: str = ""  # empty: as received
    keys: str | None = None  # a=crypto lines in place of what was said of keys; None: that is left as it is


@dataclass(frozen=True, slots=True)
class Style:
    connection: Connection  # our address
    full_rtcp: bool = False  # the address in a=rtcp too
    replace_zero: bool = False  # our address even in place of 0.0.0.0
    keep_directions: bool = False  # as received; else each line says its own, and "hold" where its address is zero
    strip_extmap: bool = False  # no a=extmap
    loop_mark: str = ""  # put at session level when not empty


def rewrite(description: Description, locals_: list[LocalLine | None], mids: list[str] | None, style: Style) -> Parts:
    """The body to send on. ``locals_``: per m= line; None passes it on untouched, with the address it inherited. ``mids``: per
    m= line too, perhaps more of them, in place of what was said of it, "" for none; None: that is left as it is."""
    ours, session = style.connection, description.session
    inherited = session.connection.text if None in locals_ and session.connection is not None else ""
    return relay.sdp_write(
        description.body,
        locals_,
        mids,
        ours.text,
        ours.family,
        style.full_rtcp,
        style.replace_zero,
        style.keep_directions,
        style.strip_extmap,
        style.loop_mark,
        inherited,
    )
