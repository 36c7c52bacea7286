"""The Record-Route cookie: what a later request of a dialog brings back to us, unaltered or worthless.

It names the call, tells caller from callee and holds the flow of each side behind NAT, for nobody but us to read, so that
any process with the keys handles any request of the dialog without a record of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Cookie, Message, tag_hash
from sipcore.flow import Flow, FlowTable

if TYPE_CHECKING:
    from sipcore.keys import KeyRing

__all__ = ["Cookie", "flow_name", "flow_of_token", "flow_token", "issue_cookie"]


def issue_cookie(
    keys: KeyRing, request: Message, call_key: str, caller_flow: str = "", callee_flow: str = "", caller_tag: str | None = None
) -> Cookie:
    """For the dialog that ``request`` makes, or for the one it belongs to when ``caller_tag`` says who made that."""
    caller_hash = tag_hash(request.from_tag if caller_tag is None else caller_tag)
    return Cookie.issue(keys, f"{call_key}~{caller_hash}~{caller_flow}~{callee_flow}", request.call_id)


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
