"""The Record-Route cookie: what a later request of a dialog brings back to us, unaltered or worthless.

It names the call, tells caller from callee and holds the flow of each side behind NAT, so that any process with the keys
handles any request of the dialog without a record of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from native.sip import Message, tag_hash
from sipcore.flow import Flow, FlowTable

if TYPE_CHECKING:
    from sipcore.keys import KeyRing


class Cookie(msgspec.Struct, frozen=True, gc=False):
    """The value of the ``c`` parameter of our Record-Route URIs: key id, MAC and four fields joined by ``~``.

    The MAC covers the fields and the Call-ID, so a cookie is of no use in another call.
    """

    call_key: str  # the same for every branch of one request
    caller_hash: str  # of the From tag of the request that made the dialog
    caller_flow: str  # flow token, "" when the caller is reached by its Contact
    callee_flow: str
    text: str  # as it stands in the URI

    @staticmethod
    def issue(
        keys: KeyRing,
        request: Message,
        call_key: str,
        caller_flow: str = "",
        callee_flow: str = "",
        caller_tag: str | None = None,
    ) -> Cookie:
        """For the dialog that ``request`` makes, or for the one it belongs to when ``caller_tag`` says who made that."""
        caller_hash = tag_hash(request.from_tag if caller_tag is None else caller_tag)
        text = keys.seal(f"{call_key}~{caller_hash}~{caller_flow}~{callee_flow}", request.call_id)
        return Cookie(call_key, caller_hash, caller_flow, callee_flow, text)

    @staticmethod
    def read(keys: KeyRing, text: str, request: Message) -> Cookie | None:
        """The cookie when it is ours and belongs to the dialog of ``request``; None otherwise."""
        fields = keys.unseal(text, request.call_id)
        to_tag = request.to_tag
        if fields is None or to_tag is None:
            return None
        call_key, caller_hash, caller_flow, callee_flow = fields.split("~")
        if tag_hash(request.from_tag) != caller_hash and tag_hash(to_tag) != caller_hash:
            return None
        return Cookie(call_key, caller_hash, caller_flow, callee_flow, text)

    def caller_to_callee(self, request: Message) -> bool:
        """Whether ``request`` goes the way of the request that made the dialog."""
        return tag_hash(request.from_tag) == self.caller_hash

    def flow_token(self, request: Message) -> str:
        """Token of the flow the receiver of ``request`` must be reached over; "" when its URI says where it is."""
        if not self.callee_flow and not self.caller_flow:
            return ""
        return self.callee_flow if self.caller_to_callee(request) else self.caller_flow


def flow_token(flow: Flow) -> str:
    """Names ``flow`` in characters that a URI parameter may hold: listener, address, port, connection."""
    return flow_name(flow.listener.index, *flow.remote, flow.connection_id)


def flow_name(listener_index: int, host: str, port: int, connection_id: int) -> str:
    """The token of a flow by its parts."""
    return f"{listener_index:x}_{host.replace(':', '-')}_{port:x}_{connection_id:x}"


def flow_of_token(flows: FlowTable, token: str) -> Flow | None:
    """The flow a token names; None when it is gone. The token comes out of a cookie, so it is one that we wrote."""
    listener, host, port, connection = token.split("_")
    return flows.flow_of(int(listener, 16), (host.replace("-", ":"), int(port, 16)), int(connection, 16))
