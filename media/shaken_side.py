"""A side of a line whose SRTP keys come from DTLS with us."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from media.dtls import Association
from media.endpoint import Address
from media.identity import Identity
from media.line import Line
from media.shake import Peer


class Timer(Protocol):
    def cancel(self) -> object: ...


Later = Callable[[float, Callable[[], None]], Timer]


@dataclass(slots=True, eq=False)
class Session:
    """Of one side of a line. ``association`` is the last one, ``established`` the one whose keys are in effect."""

    line: Line
    side: int
    stream: int
    identity: Identity
    tls_id: str
    peer: Peer | None = None
    active: bool | None = None
    association: Association | None = None
    established: Association | None = None
    source: Address | None = None  # where it was last heard
    unsent: list[bytes] = field(default_factory=list)
    timer: Timer | None = None
