"""A received session description turned into the one we send on: our addresses and ports, everything else in its place."""

from dataclasses import dataclass
from typing import NamedTuple

from media.sdp import Description, Media
from media.sdp_fields import Connection
from native import relay

_HELD = {"sendrecv": "sendonly", "sendonly": "sendonly", "recvonly": "inactive", "inactive": "inactive"}
LOOP_MARK = "x-relayed-by"

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
    direction: str = ""  # in place of what was said; empty: that is left


@dataclass(frozen=True, slots=True)
class Style:
    connection: Connection  # our address
    full_rtcp: bool = False  # the address in a=rtcp too
    replace_zero: bool = False  # our address even in place of 0.0.0.0
    loop_mark: str = ""  # put at session level when not empty


def rewrite(description: Description, locals_: list[LocalLine | None], style: Style) -> Parts:
    """The body to send on. ``locals_``: per m= line; None passes it on untouched, with the address it inherited."""
    ours, session = style.connection, description.session
    if style.replace_zero:
        locals_ = [_directed(description, media, local) for media, local in zip(description.media, locals_, strict=True)]
    inherited = str(session.connection) if None in locals_ and session.connection is not None else ""
    return relay.sdp_write(
        description.body,
        locals_,
        str(ours),
        ours.family,
        style.full_rtcp,
        style.replace_zero,
        style.loop_mark,
        inherited,
    )


def _directed(description: Description, media: Media, local: LocalLine | None) -> LocalLine | None:
    """Says "hold" by direction where our address replaces the zero one that said so."""
    connection = description.connection_of(media)
    if local is None or connection is None or not connection.zero:
        return local
    return local._replace(direction=_HELD[description.direction_of(media)])
