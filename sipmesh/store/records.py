"""What the store keeps, besides bindings (``sipcore.location.Binding``). Readers ignore fields they do not know.

Records of calls are made and written in C, since each call has some of its own: see CallRecord and CallLeg in native/sip.pyi.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

from native.sip import CallLeg, CallRecord
from sipmesh.config import Route, Trunk
from sipmesh.config_values import Srtp

Origin = Literal["file", "cli"]
Ender = Literal["", "caller", "callee", "node"]


class StoredUser(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account. ``ha1`` is H(user:domain:password) in hex by algorithm, "MD5" and "SHA-256" (RFC 7616 section 3.4.2);
    ``ha1_long`` is H(user@domain:domain:password), for clients that write the whole AOR as their username."""

    aor: str
    ha1: dict[str, str]
    origin: Origin = "cli"
    v: int = 1
    ha1_long: dict[str, str] = {}
    srtp: Srtp | None = None  # None: as the domain has it
    caller_ids: tuple[str, ...] = ()


class StoredTrunk(msgspec.Struct, frozen=True, omit_defaults=True):
    trunk: Trunk
    origin: Origin = "cli"
    v: int = 1


class StoredRoute(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str  # "f1", "f2" ... in the order of the file; "c1", "c2" ... as they were added
    route: Route
    origin: Origin = "cli"
    v: int = 1


class Quality(NamedTuple):
    """Of one side's RTP as the relay received it."""

    packets: int = 0
    lost: int = 0
    jitter_ms: int = 0
    mos: float = 0.0  # 1 to 5; 0: unknown
    loss_bursts: int = 0  # runs of missing packets
    round_trip_ms: int = 0  # between the parties, by their RTCP; 0: unknown


Shifts = tuple[tuple[int, int], ...]
"""Of the CSeq numbers that one side writes; see ``sipmesh.signalling.cseq_shift``."""


class Names(NamedTuple):
    """From and To without their tags, as the caller writes them and as the callee sees them."""

    caller_from: str
    caller_to: str
    callee_from: str
    callee_to: str


def read_call(stored: Any) -> CallRecord:
    """Of what ``CallRecord.packed`` wrote, decoded: an array in the order of its FIELDS. Schema 1 had a map by their names."""
    old = isinstance(stored, dict)
    known = _by_name(stored, CallRecord.FIELDS)
    if old:
        known.pop("v", None)
    for name in ("legs", "forks"):
        if name in known:
            known[name] = [read_leg(each) for each in known[name]]
    for name, make in MADE.items():
        if known.get(name) is not None:
            known[name] = make(known[name])
    return CallRecord(**known)


def read_leg(stored: Any) -> CallLeg:
    known = _by_name(stored, CallLeg.FIELDS)
    if "route_set" in known:
        known["route_set"] = tuple(map(_text, known["route_set"]))
    return CallLeg(**known)


def _by_name(stored: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(stored, dict):
        return {name: _text(value) for name, value in stored.items() if name in names}
    return {name: _text(value) for name, value in zip(names, stored, strict=False)}


def _text(value: Any) -> Any:
    """Text that isn't UTF-8 is stored as bytes."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _quality(stored: Any) -> Quality:
    return Quality(**stored) if isinstance(stored, dict) else Quality(*stored)


MADE: dict[str, Callable[[Any], Any]] = {
    "srtp": tuple,
    "names": lambda names: Names(*map(_text, names)),
    "shifts": lambda sides: tuple(tuple(map(tuple, side)) for side in sides),
    "media": lambda sides: tuple(map(_quality, sides)),
}
"""Fields of a call record that are not stored as they are."""


class Cdr(msgspec.Struct, frozen=True, omit_defaults=True):
    """What remains of a call that has ended, until it is in the file. The fields are explained in docs/cdr.md."""

    key: str
    call: CallRecord
    ended_at: float  # Unix time, s
    disposition: str
    cause: str
    status: int = 0
    ended_by: Ender = ""
    v: int = 1


class CdrPlace(msgspec.Struct, frozen=True):
    """How far the CDR file holds what was taken out of the outbox."""

    inode: int
    size_bytes: int


class RecentRoute(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request that a policy was asked about; see ``sipmesh.policy.views.Request``."""

    message: bytes  # as it came
    called: str
    domain: str
    caller: str
    trunk: str
    source: str
    source_port: int
    transport: str
    decision: str


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person asked of the running signal worker."""

    verb: Literal["end", "policy"]  # end a call; read the policy file again
    key: str = ""  # of the call
    at: float = 0.0  # Unix time, s
    v: int = 1


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A worker's counters; they start at 0 with its process."""

    pid: int
    at: float  # Unix time, s
    counters: dict[str, float]
    v: int = 1
