"""What hooks see, and what they may ask for. A view changes nothing: the node does what was asked after the hook."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from native.sip import Message, ParseError, Uri

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
AOR = re.compile(r"[^@\s:\ud800-\udfff]+@[^@\s:\ud800-\udfff]+")
OURS = frozenset(  # headers that the protocol itself needs as they are, in their short forms too
    {
        *("via", "v", "route", "record-route", "path", "max-forwards", "max-breadth"),
        *("from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "rack", "rseq"),
        *("content-length", "l", "content-type", "c", "content-encoding", "e"),
        *("authorization", "www-authenticate", "proxy-authorization", "proxy-authenticate"),
        *("require", "proxy-require", "supported", "k"),
    }
)
MAX_URIS = 10


@dataclass(slots=True)
class Actions:
    """What a hook asked for."""

    refusal: tuple[int, str] | None = None
    edits: list[tuple[str, str, str]] = field(default_factory=list)  # "set", "append" or "remove", name, value
    user: str = ""
    trunk: str = ""
    number: str = ""
    uris: tuple[str, ...] = ()

    @property
    def routed(self) -> bool:
        return bool(self.user or self.trunk or self.uris)


@dataclass(frozen=True, slots=True)
class Registration:
    """A REGISTER whose sender has proved to own ``aor``."""

    aor: str
    contacts: tuple[str, ...]  # URIs, or "*"
    expires_s: int | None  # the Expires header
    source: str  # numeric address
    source_port: int
    transport: str  # udp, tcp
    user_agent: str
    _message: Message = field(repr=False, compare=False)
    _actions: Actions = field(default_factory=Actions, repr=False, compare=False)

    def header(self, name: str) -> str | None:
        return self._message.get(name)

    def reject(self, status: int = 403, reason: str = "") -> None:
        """The REGISTER gets this answer and changes nothing."""
        self._actions.refusal = refusal(status, reason)


@dataclass(frozen=True, slots=True)
class Request:
    """A request outside any dialog, from somebody we know; most are INVITEs."""

    method: str
    uri: str  # the Request-URI
    called: str  # its user part, escapes undone
    domain: str  # its host; one of ours by its canonical name
    caller: str  # AOR of our user, "" when a trunk calls
    trunk: str  # that it came in by, "" when a user calls
    from_uri: str
    call_id: str
    source: str  # numeric address
    source_port: int
    transport: str  # udp, tcp
    tables: str = ""  # in on_route: what the tables say, as "trunk:NAME:NUMBER", "user:AOR", "uri:URI"; "" for nothing
    _message: Message = field(repr=False, compare=False, kw_only=True)
    _actions: Actions = field(default_factory=Actions, repr=False, compare=False, kw_only=True)

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return self._message.get(name)

    def headers(self, name: str) -> list[str]:
        return self._message.get_all(name)

    def reject(self, status: int = 403, reason: str = "") -> None:
        """The request gets this final response, from 300 to 699."""
        self._actions.refusal = refusal(status, reason)

    def set_header(self, name: str, value: str) -> None:
        """In place of all headers of that name."""
        self._edit("set", name, value)

    def add_header(self, name: str, value: str) -> None:
        self._edit("append", name, value)

    def remove_header(self, name: str) -> None:
        self._edit("remove", name, "")

    def set_caller(self, uri: str, display: str = "") -> None:
        """Asserts this identity (P-Asserted-Identity, RFC 3325 section 9.1); a proxy must leave From alone."""
        checked_uri(uri)
        if not TEXT.fullmatch(display):
            raise ValueError(f"{display!r} can't be a display name")
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        self._edit("set", "P-Asserted-Identity", f'"{quoted}" <{uri}>' if display else f"<{uri}>")

    def route_to_user(self, aor: str) -> None:
        """In on_route: to the contacts of one of our users."""
        if not AOR.fullmatch(aor):
            raise ValueError(f"{aor!r} is no AOR; write user@domain")
        self._route(user=aor)

    def route_to_trunk(self, name: str, number: str | None = None) -> None:
        """In on_route: ``number`` is dialled there, by default the one that was called."""
        number = self.called if number is None else number
        if not name or not is_number(number):
            raise ValueError(f"trunk {name!r}, number {number!r}: one of them can't be")
        self._route(trunk=name, number=number)

    def route_to_uris(self, uris: list[str]) -> None:
        """In on_route: one after the other, until one answers."""
        if not 1 <= len(uris) <= MAX_URIS:
            raise ValueError(f"{len(uris)} URIs; give 1 to {MAX_URIS}")
        for uri in uris:
            checked_uri(uri)
        self._route(uris=tuple(uris))

    def _edit(self, action: str, name: str, value: str) -> None:
        if not TOKEN.fullmatch(name) or not TEXT.fullmatch(value):
            raise ValueError(f"{name!r}: {value!r} can't be a header")
        if name.lower() in OURS:
            raise ValueError(f"{name} is not for a policy to change")
        self._actions.edits.append((action, name, value))

    def _route(self, *, user: str = "", trunk: str = "", number: str = "", uris: tuple[str, ...] = ()) -> None:
        actions = self._actions
        actions.user, actions.trunk, actions.number, actions.uris = user, trunk, number, uris


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call as its CDR has it (docs/cdr.md); times are Unix seconds, 0: did not happen."""

    key: str
    call_id: str
    caller: str
    called: str
    callee: str
    source: str
    trunk_in: str
    trunk_out: str
    route: str
    started_at: float
    answered_at: float
    ended_at: float
    duration_s: float
    disposition: str
    cause: str
    status: int
    ended_by: str


def refusal(status: int, reason: str) -> tuple[int, str]:
    if not isinstance(status, int) or not 300 <= status <= 699:
        raise ValueError(f"{status} is no final status from 300 to 699")
    if not TEXT.fullmatch(reason):
        raise ValueError(f"{reason!r} can't be a reason")
    return status, reason


def is_number(text: str) -> bool:
    """Whether it can be the user part of a URI as it stands."""
    try:
        return bool(TEXT.fullmatch(text)) and Uri(f"sip:{text}@host.invalid").user == text != ""
    except ParseError:
        return False


def checked_uri(uri: str) -> None:
    try:
        scheme = Uri(uri).scheme
    except ParseError as error:
        raise ValueError(f"{uri!r} is no URI: {error.reason}") from None
    if scheme not in ("sip", "sips", "tel"):
        raise ValueError(f"{uri!r} is no SIP URI")
