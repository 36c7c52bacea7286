"""What the store keeps, besides bindings (``sipcore.location.Binding``). Readers ignore fields they do not know."""

from typing import Literal, NamedTuple

import msgspec

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


class CallLeg(msgspec.Struct, omit_defaults=True):
    """One side of a call: what a request to it within the dialog needs."""

    tag: str = ""
    remote_target: str = ""  # its Contact URI
    route_set: tuple[str, ...] = ()  # Route values towards it, topmost first, ours left out
    cseq: int = 0  # highest CSeq it has seen from us in its other party's name
    listener: int = 0  # the flow its requests came over
    remote_host: str = ""
    remote_port: int = 0
    connection_id: int = 0
    natted: bool = False  # requests go over that flow, whatever the Contact says


class Quality(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one side's RTP as the relay received it."""

    packets: int = 0
    lost: int = 0
    jitter_ms: int = 0
    mos: float = 0.0  # 1 to 5; 0: unknown
    loss_bursts: int = 0  # runs of missing packets
    round_trip_ms: int = 0  # between the parties, by their RTCP; 0: unknown


Shifts = tuple[tuple[int, int], ...]
"""See ``sipmesh.signalling.cseq_shift``."""


class Names(NamedTuple):
    """From and To without their tags, as the caller writes them and as the callee sees them."""

    caller_from: str
    caller_to: str
    callee_from: str
    callee_to: str


class CallRecord(msgspec.Struct, omit_defaults=True):
    """A call this node proxies, from the first INVITE that leaves to the end of its dialog."""

    call_id: str
    from_tag: str = ""
    to_tag: str = ""
    caller: str = ""  # AOR or number, as shown to people
    callee: str = ""
    source: str = ""  # address:port the INVITE came from
    trunk_in: str = ""  # name; "" when a user calls
    trunk_out: str = ""
    state: Literal["ringing", "answered", "ending"] = "ringing"
    started_at: float = 0.0  # Unix time, s
    answered_at: float = 0.0  # 0 before the answer
    legs: list[CallLeg] = []  # caller's, then callee's, of which only the CSeq is known before the answer
    ng_call_id: str = ""  # call-id at the media daemon; "" without relayed media
    ng_branch: str = ""  # via-branch at the media daemon
    v: int = 1
    destination: str = ""  # where ``callee``, as dialled, was routed: AOR, number at the trunk, foreign AOR
    route: str = ""  # id of the [[route]]
    ringing_at: float = 0.0  # first 18x; not kept over the end of the worker while it rings
    bye_at: float = 0.0  # the request that may end it passed, or was sent by us
    bye_by: Ender = ""
    media: tuple[Quality, Quality] | None = None  # of what the caller and the callee sent
    silent: Ender = ""  # of whom nothing was heard for a while, the other one speaking
    srtp: tuple[Srtp, Srtp] = ("pass", "pass")  # as it was when the call began: the caller's and the callee's
    names: Names | None = None  # when the callee is shown others than the caller wrote
    hides_caller: bool = False  # the callee is shown nothing of where the caller is
    shifts: tuple[Shifts, Shifts] = ((), ())  # of the CSeq numbers that the caller and the callee write
    forks: list[CallLeg] = []  # callees of its other dialogs: early ones with 100rel, then those that answered after the first

    @property
    def disguised(self) -> bool:
        """Whether the callee is shown something else than the caller wrote."""
        return self.hides_caller or self.names is not None


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
