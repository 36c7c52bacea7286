"""Server transactions: one request received, and our answers to it (RFC 3261 section 17.2, RFC 6026, RFC 4320)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Machine, ServerTransactionBase
from sipcore.flow import Flow
from sipcore.transaction_table import COMPLETED, INVITE_SERVER, NON_INVITE_SERVER, Event

if TYPE_CHECKING:
    from sipcore.transaction import TransactionLayer


class ServerTransaction(ServerTransactionBase):
    """``owner`` is the user's own. ``request`` is gone once the final response was sent, of an INVITE ``owner`` too: only bytes
    that may have to be sent again are kept.

    The actions are in C, and declared in native/sip.pyi.
    """

    __slots__ = ()

    layer: TransactionLayer
    flow: Flow  # where the request came from
    reply_flow: Flow

    def count_illegal(self, event: Event) -> None:
        self.layer.count_illegal("server", self.state, event)

    def answered_at(self, now: float) -> bool:
        """Whether a non-INVITE request got its final response, over an unreliable transport, at ``now``."""
        if self.machine is not NON_INVITE or self.state != COMPLETED:
            return False
        return self.wait_deadline == now + self.layer.settings.timeout_s


INVITE = Machine(INVITE_SERVER, ServerTransaction)
NON_INVITE = Machine(NON_INVITE_SERVER, ServerTransaction)
