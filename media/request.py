"""One ng request: what it is about, and how it wants to be served.

Proxies send the same keys and flags with every call, so these are read once: what differs from call to call is kept apart, and
the rest is looked up as it came (native/crelay/relay_ng.c).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from media.flags import normalise, strings
from media.ng import Message
from media.options import Options, address, read, text
from native import relay

_NAMES = ("sdp", "call-id", "from-tag", "to-tag", "via-branch", "received-from")
read_source = partial(address, "received-from")
MAX_KNOWN = 1000  # forgotten as a whole before they are more
MAX_KNOWN_BYTES = 2000  # of one of them, as it came


@dataclass(slots=True)
class Request:
    """Strings are empty when absent."""

    call_id: str
    from_tag: str
    to_tag: str
    via_branch: str
    sdp: str
    received_from: str  # numeric address the SIP message came from
    options: Options


class RequestReader:
    """``known``: options by how they were written, of other proxies and of this node's own; ``Dispatcher`` looks there
    first."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: tuple[dict[bytes, Options], dict[bytes, Options]] = {}, {}

    def __len__(self) -> int:
        """Options that are known."""
        return sum(map(len, self.known))

    def read(self, message: Message, own: bool = False) -> Request:
        """``own``: from this node's own proxy. DecodeError; RequestError names the key whose type or value is wrong."""
        request, plain = _read_body(message.body(), own)
        written = relay.ng_options(message.data)
        if written is not None and plain and len(written) < MAX_KNOWN_BYTES:
            known = self.known[own]
            if len(known) >= MAX_KNOWN:
                known.clear()
            request.options = known.setdefault(written, request.options)
        return request


def _read_body(body: dict[str, Any], own: bool) -> tuple[Request, bool]:
    """Also whether nothing that is its own to a call is in another spelling, or within rtpp-flags."""
    keys = normalise({key: value for key, value in body.items() if key not in _NAMES})
    spelled = {key: keys[key] for key in _NAMES if key in keys}
    names = spelled | body
    request = Request(
        text(names, "call-id"),
        text(names, "from-tag"),
        text(names, "to-tag"),
        text(names, "via-branch"),
        text(names, "sdp"),
        _received_from(names),
        read(keys, own),
    )
    return request, not spelled


def _received_from(body: dict[str, Any]) -> str:
    if "received-from" not in body:
        return ""
    items = strings("received-from", body["received-from"])
    return address("received-from", items[-1]) if items else ""
