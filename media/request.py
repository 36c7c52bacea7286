"""One ng request: what it is about, and how it wants to be served.

Proxies send the same keys and flags with every call, so these are read once: what differs from call to call is kept apart, and
the rest is looked up as it came.
"""

from dataclasses import dataclass
from typing import Any

from media.flags import normalise, strings
from media.options import Options, address, read, text

_NAMES = ("sdp", "call-id", "from-tag", "to-tag", "via-branch", "received-from")
_OWN_TO_A_CALL = frozenset(_NAMES)
MAX_KNOWN = 1000
MAX_KNOWN_BYTES = 2000  # of one of them, written out


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
    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, Options] = {}

    def __len__(self) -> int:
        """Options that are known."""
        return len(self._known)

    def read(self, body: dict[str, Any], own: bool = False) -> Request:
        """``body`` as decoded; ``own``: from this node's own proxy. RequestError names the key whose type or value is wrong."""
        rest = {key: value for key, value in body.items() if key not in _OWN_TO_A_CALL}
        written = f"{own}{rest!r}"
        options = self._known.get(written)
        if options is None:
            keys = normalise(rest)
            names = {key: keys[key] for key in _NAMES if key in keys}
            options = read(keys, own)
            if names:  # in another spelling, or within rtpp-flags
                body = names | body
            elif len(written) < MAX_KNOWN_BYTES:
                self._remember(written, options)
        return Request(
            text(body, "call-id"),
            text(body, "from-tag"),
            text(body, "to-tag"),
            text(body, "via-branch"),
            text(body, "sdp"),
            _received_from(body),
            options,
        )

    def _remember(self, written: str, options: Options) -> None:
        """Forgotten as a whole before they are too many."""
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[written] = options


def _received_from(body: dict[str, Any]) -> str:
    if "received-from" not in body:
        return ""
    items = strings("received-from", body["received-from"])
    return address("received-from", items[-1]) if items else ""
