"""The Record-Route cookie: what a later request of a dialog brings back to us, unaltered or worthless.

It names the call, tells caller from callee and holds the flow of each side behind NAT, for nobody but us to read, so that
any process with the keys handles any request of the dialog without a record of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Cookie, Message, tag_hash

if TYPE_CHECKING:
    from sipcore.keys import KeyRing

__all__ = ["Cookie", "issue_cookie"]


def issue_cookie(
    keys: KeyRing, request: Message, call_key: str, caller_flow: str = "", callee_flow: str = "", caller_tag: str | None = None
) -> Cookie:
    """For the dialog that ``request`` makes, or for the one it belongs to when ``caller_tag`` says who made that."""
    caller_hash = tag_hash(request.from_tag if caller_tag is None else caller_tag)
    return Cookie.issue(keys, f"{call_key}~{caller_hash}~{caller_flow}~{callee_flow}", request.call_id)
