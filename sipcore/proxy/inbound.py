"""A request received, as the application sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import InboundBase, Message
from sipcore.errors import UsageError
from sipcore.flow import Flow, Listener
from sipcore.ports import Exchange, Target
from sipcore.proxy.context import ResponseContext, in_groups
from sipcore.proxy.cookie import Cookie
from sipcore.proxy.nat import sender_is_natted
from sipcore.transaction_table import ACCEPTED

if TYPE_CHECKING:
    from sipcore.proxy.core import ProxyCore
    from sipcore.transaction import ServerTransaction


class InboundRequest(InboundBase):
    """A request with its server transaction, for the application to answer or to send on.

    No garbage collector walks it, nor its transaction; ``release`` cuts what could be a cycle. The fields are the base's.
    """

    __slots__ = ()

    core: ProxyCore
    transaction: ServerTransaction
    message: Message  # gone once answered and every branch has ended
    flow: Flow  # it came over
    cookie: Cookie | None  # valid one, for a request of a dialog
    cancelled: bool  # by a CANCEL: then ``reply`` and ``proxy`` do nothing any more
    context: ResponseContext | None  # while proxied
    status: int  # final status sent
    identity: str  # what tells it from every other
    loop_hash: str  # RFC 5393 section 4.2.1; none within a dialog
    breadth: int  # Max-Breadth that it came with or got
    natted: bool  # whether the sender can only be reached over ``flow``; set it before ``proxy`` to overrule the default
    call_key: str  # names the call: the same for every branch, and in the cookie of the dialogs that arise

    @property
    def source(self) -> tuple[str, int]:
        return self.flow.remote

    @property
    def listener(self) -> Listener:
        return self.flow.listener

    def sender_is_natted(self) -> bool:
        """``natted`` by default, of a request that does not say of itself where it comes from."""
        return sender_is_natted(self.message, self.flow)

    @property
    def is_ours(self) -> bool:
        """Whether the Request-URI names us or a domain of ours: only then may it lead to other targets (section 16.5)."""
        return self.core.is_ours(self.message.request_uri)

    # ``reply``, which answers the request, and ``proxy``, which forwards it to its targets, are the base's

    def misanswered(self, status: int) -> None:
        """``reply`` was called too late, or with no final status."""
        raise UsageError(f"{status} for a request that is answered or proxied, or not final")

    def misused(self) -> None:
        """``proxy`` was called too late."""
        raise UsageError("a request that is answered or proxied can't be proxied")

    def fork(self, targets: list[Target], exchange: Exchange | None) -> None:
        """``proxy`` to other than one target; 480 when there is none."""
        if targets:
            self.begin(in_groups(targets), exchange)
        else:
            self.reply(480, "Temporarily Unavailable")

    def broke(self) -> None:
        """In the place of an except block: an error of ours has kept it from its targets."""
        self.core.report("a fork")
        if self.context is not None:
            self.context.give_up(500, "Server Internal Error")

    # for the core

    def respond_late(self, response: Message) -> None:
        """A 2xx after the final response (RFC 3261 section 16.7 items 5 and 9)."""
        if self.transaction.state == ACCEPTED:
            self.transaction.respond(response)
        else:
            self.core.transactions.respond_statelessly(response, self.flow, response)
