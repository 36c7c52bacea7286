"""The o= line we send to one party (RFC 8866 section 5.2, RFC 3264 section 8).

Owning it lets us send a new body to a party in its peer's place, as moving a call to another node does: the session id
stays and the version grows by one, when and only when the body changes.
"""

from dataclasses import dataclass

from media.sdp import Description
from media.sdp_fields import Connection

_VERSION = frozenset({"sdp-version", "force-increment-sdp-ver"})
_OF_ORIGIN = _VERSION | {"origin", "username"}


@dataclass(slots=True)
class Announced:
    """What one party has been told so far."""

    session_id: int
    version: int = 0
    body_hash: int = 0  # of the last body without its o= line
    username: str = ""
    session_name: str = ""


def stamp(lines: list[str], description: Description, announced: Announced, ours: Connection, wanted: frozenset[str]) -> None:
    """Writes the o= line of ``lines`` as ``wanted`` (items of the ng key ``replace``) says; counts in ``announced``."""
    at = next(index for index, line in enumerate(lines) if line.startswith("o="))
    announced.username = announced.username or description.origin.username
    if "session-name" in wanted:
        _keep_session_name(lines, announced)
    _count(lines, at, description, announced, "force-increment-sdp-ver" in wanted)
    origin = description.origin
    if "origin-full" in wanted:
        lines[at] = f"o=- {announced.session_id} {announced.version} {ours}"
        return
    if wanted & _OF_ORIGIN:
        username = announced.username if "username" in wanted else origin.username
        version = announced.version if wanted & _VERSION else origin.version
        connection = ours if "origin" in wanted else origin.connection
        lines[at] = f"o={username} {origin.session_id} {version} {connection}"


def _count(lines: list[str], at: int, description: Description, announced: Announced, force: bool) -> None:
    body_hash = hash((tuple(lines[:at]), tuple(lines[at + 1 :])))
    if not announced.version:
        version = description.origin.version
        announced.version = int(version) if version.isascii() and version.isdigit() and 0 < len(version) < 18 else 1
        announced.version = announced.version or 1
    elif force or body_hash != announced.body_hash:
        announced.version += 1
    announced.body_hash = body_hash


def _keep_session_name(lines: list[str], announced: Announced) -> None:
    for index, line in enumerate(lines):
        if line.startswith("s="):
            announced.session_name = announced.session_name or line
            lines[index] = announced.session_name
            return
