"""The proxy core: what happens to a request between its server transaction and its branches (RFC 3261 section 16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from native.sip import Address, Message, Uri
from sipcore.flow import Flow, FlowTable, Listener
from sipcore.keys import KeyRing
from sipcore.ports import Application, Counters, Exchange, Resolver, Target
from sipcore.proxy.context import ResponseContext
from sipcore.proxy.cookie import Cookie
from sipcore.timers import Timers

if TYPE_CHECKING:
    from sipcore.transaction import ServerTransaction, TransactionLayer


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """``address_id`` names our service address in Via branches, so that a response finds its owner."""

    address_id: str = "0"  # characters of a token, no "."
    timer_c_s: float = 185.0  # RFC 3261 section 16.6 item 11: more than three minutes
    cancelled_s: float = 32.0  # RFC 3261 section 9.1: 64*T1 for the final response to a cancelled INVITE
    max_breadth: int = 60  # RFC 5393 section 5.3.3
    max_forwards: int = 70  # RFC 3261 section 16.6 item 3
    supported: frozenset[str] = frozenset()  # option-tags of Proxy-Require that are understood, lower case


class ProxyCore:
    """The transaction user of a proxy. ``attach`` it to its transaction layer before the first message."""

    def __init__(
        self,
        settings: ProxySettings,
        app: Application,
        flows: FlowTable,
        resolver: Resolver,
        timers: Timers,
        branch_keys: KeyRing,
        cookie_keys: KeyRing,
        counters: Counters,
    ) -> None: ...

    def attach(self, transactions: TransactionLayer) -> None:
        """The layer that requests leave by; its user is this core."""

    def is_ours(self, uri: Uri) -> bool:
        """Whether ``uri`` names us: one of our listeners, or a domain of ours on the default port or a port of a listener."""
        raise NotImplementedError

    # TransactionUser

    def on_request(self, transaction: ServerTransaction) -> None: ...

    def on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None: ...

    def on_ack(self, request: Message, flow: Flow) -> None: ...

    def on_stray_response(self, response: Message, flow: Flow) -> None: ...


class InboundRequest:
    """A request with its server transaction, for the application to answer or to send on."""

    message: Message
    flow: Flow  # it came over
    transaction: ServerTransaction
    source: Address
    listener: Listener  # it came to
    cookie: Cookie | None  # valid one, for a request of a dialog whose Request-URI is one of our own users
    natted: bool  # whether the sender can only be reached over ``flow``; set it before ``proxy`` to overrule the default
    cancelled: bool  # a CANCEL came and 487 was sent: ``reply`` and ``proxy`` do nothing any more
    context: ResponseContext | None  # once proxied
    call_key: str  # the same for every branch, and in the cookie of the dialogs that arise

    def reply(self, status: int, reason: str | None = None, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        """Sends a response of our own (RFC 3261 section 8.2.6) with a To tag; any number of 100, one final."""

    def proxy(self, targets: list[Target], exchange: Exchange | None = None) -> None:
        """Sends 100 for an INVITE and forwards the request to ``targets`` (RFC 3261 section 16.6); 480 when there is none."""
