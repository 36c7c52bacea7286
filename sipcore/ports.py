"""What the layers of the core ask of each other and of the application (sipmesh).

    transports → TransactionLayer → ProxyCore → Application
               ←                  ←           ←

Everything is synchronous and driven by bytes and time. Where an answer may take time (media, DNS), the caller hands over a
``proceed`` callback; the callee calls it exactly once, at once or later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from native.sip import (
    SEES_BRANCH_ENDS,
    SEES_END,
    SEES_FAILURES,
    SEES_IDENTITIES,
    SEES_PROVISIONALS,
    SEES_REQUESTS,
    SEES_SUCCESSES,
    Message,
    Uri,
)
from sipcore.flow import Destination, Flow

if TYPE_CHECKING:
    from sipcore.proxy.context import Branch, ResponseContext
    from sipcore.proxy.cookie import Cookie
    from sipcore.proxy.core import InboundRequest
    from sipcore.transaction import ClientTransaction, ServerTransaction

SEES_RESPONSES = SEES_PROVISIONALS | SEES_SUCCESSES | SEES_FAILURES
SEES_ALL = SEES_REQUESTS | SEES_RESPONSES | SEES_IDENTITIES | SEES_BRANCH_ENDS | SEES_END

Counters = dict[str, int]
"""Counts by name: ``sip_requests_total``, with labels ``sip_requests_total|method=INVITE,transport=udp``; a defaultdict."""


# transaction layer → its user (the proxy core)


class TransactionUser(Protocol):
    def on_request(self, transaction: ServerTransaction) -> None:
        """A new server transaction; ``transaction.request`` and ``.flow`` are set. Never ACK, never CANCEL."""

    def on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None:
        """A CANCEL; ``invite`` is the transaction it names (RFC 3261 section 9.2), None when there is none."""

    def on_ack(self, request: Message, flow: Flow) -> None:
        """An ACK that belongs to no server transaction of ours that ended with 300-699: one for a 2xx."""

    def on_stray_response(self, response: Message, flow: Flow) -> None:
        """A response without client transaction."""


class ClientUser(Protocol):
    """Whoever started a client transaction; given to ``TransactionLayer.request``."""

    def on_response(self, transaction: ClientTransaction, response: Message) -> None:
        """Every provisional, the first final, and every 2xx of an INVITE (RFC 6026)."""

    def on_timeout(self, transaction: ClientTransaction) -> None: ...

    def on_transport_error(self, transaction: ClientTransaction) -> None: ...


# RFC 3263


class Resolver(Protocol):
    def resolve(self, uri: Uri, done: Callable[[list[Destination]], None]) -> list[Destination] | None:
        """Next hops in the order to try them; empty when there is none. None when somebody has to be asked: then ``done`` is
        called with them later. Numeric hosts are answered at once. The list is not the caller's to change."""


# proxy core → application


class Target(msgspec.Struct, eq=False):
    """One place to forward a request to (RFC 3261 section 16.5).

    Targets of equal ``group`` are tried in parallel, groups in ascending order. With ``failover`` only a timeout, a transport
    error or 503 moves on to the next group; without it every final response but 2xx and 6xx does.
    """

    uri: str  # becomes the Request-URI
    routes: tuple[str, ...] = ()  # pushed as Route, topmost first (Path of the binding)
    flow: Flow | None = None  # send over this flow; None: resolve
    natted: bool = False  # requests of the dialog towards this target must use ``flow`` too
    group: int = 0
    failover: bool = False
    first_response_s: float | None = None  # no response at all for so long counts as a timeout
    secure: bool = False  # over TLS only, though ``uri`` is no sips URI (RFC 5630 section 5.3)
    headers: tuple[tuple[str, str], ...] = ()  # set on this branch's request
    label: Any = None  # the application's own
    spare: tuple[Target, ...] = ()  # other flows to the same user agent, tried in turn when this one fails (RFC 5626 section 7)


class Dialog(NamedTuple):
    """What the application knows of the dialog that a request without our Route belongs to."""

    call_key: str
    caller_tag: str  # From tag of the INVITE that made it
    caller_flow: str  # token of the flow of a side behind NAT, else ""
    callee_flow: str
    target: str  # where the receiver of the request is: its Contact URI
    routes: tuple[str, ...]  # towards it, topmost first


class Exchange(Protocol):
    """The application's part in one proxied request: told of, and may rewrite, everything that passes. One object per request.

    Messages handed in may be edited; they leave as they are when ``proceed`` is called. Messages of one branch keep their order
    though ``proceed`` may come late. ``proceed`` takes an optional (status, reason): the message does not leave, and that
    status is the outcome: of the branch for a request, of the response for a response (a failure to the caller)."""

    looks_on: bool
    """It holds nothing back: messages leave when its method returns, and its ``proceed`` has no effect."""
    sees: int
    """What it is to be told of, a sum of SEES_... (native/sip.pyi). Of one that doesn't look on it is told all requests and
    responses anyhow."""

    def request_out(self, branch: Branch, request: Message, proceed: Proceed) -> None: ...

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        """Each response about to be sent upstream: provisionals but 100, every 2xx, and the chosen final of 300 and up."""

    def challenged(self, branch: Branch, response: Message) -> bool:
        """The branch ended with 401 or 407. True: the same place is asked once more (RFC 3261 section 22.2) by a new branch,
        whose ``request_out`` puts in the credentials and a higher CSeq number."""

    def branch_ended(self, branch: Branch, status: int) -> None:
        """The branch has its final status (408: timeout, 503: transport error, 487: cancelled); the request may not yet."""

    def ended(self, context: ResponseContext, status: int) -> None:
        """The final response of the request has been sent upstream; once."""


class Proceed(Protocol):
    def __call__(self, status: int = 0, reason: str = "") -> None: ...


class Application(Protocol):
    """The policy the proxy core serves."""

    def is_our_domain(self, host: str) -> bool:
        """Whether ``host`` (lower case) is a domain we are responsible for, our own names and addresses included."""

    def on_request(self, request: InboundRequest) -> None:
        """A request outside any dialog of ours that passed RFC 3261 section 16.3 and 16.4. Sooner or later exactly one of
        ``request.reply`` and ``request.proxy`` must be called."""

    def find_dialog(self, request: Message, flow: Flow) -> Dialog | None:
        """The dialog of a request with a To tag that brought no valid cookie; None: it is treated as outside any dialog."""

    def find_instance(self, request: Message, cookie: Cookie) -> Target | None:
        """Where a request within a dialog goes whose Request-URI is a GRUU of ours, the Contact of the other side (RFC 5627
        section 6.1). None: it is not that, or leads nowhere now. May set another Request-URI in place of one that hides it."""

    def on_dialog_request(self, request: InboundRequest, cookie: Cookie) -> Exchange | None:
        """A request of a dialog (BYE, re-INVITE, UPDATE ...), about to be forwarded. ``cookie``: the one it brought, or that
        of the dialog ``find_dialog`` found."""

    def on_ack(self, request: Message, cookie: Cookie | None, proceed: Proceed) -> None:
        """An ACK for a 2xx, about to be forwarded."""
