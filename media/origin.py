"""The o= line we send to one party (RFC 8866 section 5.2, RFC 3264 section 8).

Owning it lets us send a new body to a party in its peer's place, as moving a call to another node does: the session id
stays and the version grows by one, when the body changes.
"""

from dataclasses import dataclass

from media.rewrite import Parts
from media.sdp import Description
from media.sdp_fields import Connection, Origin

_VERSION = frozenset({"sdp-version", "force-increment-sdp-ver"})
_OF_ORIGIN = _VERSION | {"origin", "origin-full", "username"}


@dataclass(slots=True)
class Announced:
    """What one party has been told so far."""

    session_id: int
    version: int = 0
    body_hash: int = 0  # of the last body without its o= line
    username: str = ""
    session_name: str = ""


def stamp(parts: Parts, description: Description, announced: Announced, ours: Connection, wanted: frozenset[str]) -> str:
    """The body with an o= line as ``wanted`` (items of the ng key ``replace``) says; counts in ``announced``.

    ``description``: of the received body."""
    origin = description.origin
    head, line, tail = parts
    announced.username = announced.username or origin.username
    if "session-name" in wanted:
        tail = _with_session_name(tail, announced)
    moved = _places(description) if "sdp-version" in wanted else ()
    _count(hash((head, tail, moved)), origin, announced, "force-increment-sdp-ver" in wanted)
    if wanted & _OF_ORIGIN:
        line = _origin_line(origin, announced, ours, wanted)
    return head + line + tail


def _origin_line(origin: Origin, announced: Announced, ours: Connection, wanted: frozenset[str]) -> str:
    if "origin-full" in wanted:
        return f"o=- {announced.session_id} {announced.version} {ours.text}\r\n"
    username = announced.username if "username" in wanted else origin.username
    version = announced.version if wanted & _VERSION else origin.version
    connection = ours.text if "origin" in wanted else origin.connection.text
    return f"o={username} {origin.session_id} {version} {connection}\r\n"


def _places(description: Description) -> tuple[object, ...]:
    """Where its sender takes media: whoever asks for the version to be ours sees it grow with that too, though we stay."""
    return description.session.connection, *((media.connection, media.port) for media in description.media)


def _count(body_hash: int, origin: Origin, announced: Announced, force: bool) -> None:
    if not announced.version:
        version = origin.version
        announced.version = int(version) if version.isascii() and version.isdigit() and 0 < len(version) < 18 else 1
        announced.version = announced.version or 1
    elif force or body_hash != announced.body_hash:
        announced.version += 1
    announced.body_hash = body_hash


def _with_session_name(tail: str, announced: Announced) -> str:
    """The first one this party was told."""
    start = 0 if tail.startswith("s=") else tail.find("\r\ns=") + 2
    if not tail.startswith("s=", start):
        return tail
    end = tail.index("\r\n", start)
    announced.session_name = announced.session_name or tail[start:end]
    return tail[:start] + announced.session_name + tail[end:]
