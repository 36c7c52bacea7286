"""The ng protocol's messages: ``COOKIE SP DICT``, the dictionary in bencode or JSON and answered in kind.

Sources: the control protocol as Kamailio's and OpenSIPS's rtpengine modules speak it; docs/ng.md says what of it we serve.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from media import bencode
from media.errors import DecodeError, FrameError

Body = dict[str, Any]
"""Strings, integers, lists and dictionaries; bytes stand for the value they are in bencode."""

MAX_COOKIE_BYTES = 4096


@dataclass(slots=True)
class Message:
    """One framed message. ``encode`` renders a reply's dictionary in the encoding of the request."""

    cookie: bytes
    data: bytes  # the dictionary, still encoded
    encode: Callable[[Body], bytes]

    def body(self) -> Body:
        """The decoded dictionary. DecodeError saying what is wrong with it."""
        if self.encode is encode_json:
            return _decode_json(self.data)
        body = bencode.decode(self.data.rstrip(b"\r\n"))
        if not isinstance(body, dict):
            raise DecodeError("Could not decode bencode: not a dictionary")
        return body

    def reply(self, body: Body) -> bytes:
        return self.cookie + b" " + self.encode(body)


def split(datagram: bytes) -> Message:
    """The cookie and what follows. FrameError when there is no cookie to answer to."""
    cookie, space, data = datagram.partition(b" ")
    if not space or not cookie:
        raise FrameError("no cookie")
    if len(cookie) > MAX_COOKIE_BYTES:
        raise FrameError(f"a cookie of {len(cookie)} bytes")
    return Message(cookie, data, encode_json if data[:1] == b"{" else bencode.encode)


def encode_json(body: Body) -> bytes:
    """An SDP body goes back in the bytes it came in. Elsewhere a byte that is no UTF-8 is written as an escape: the Call-ID of
    somebody else's call shall not make a list unreadable."""
    return _json(body, "surrogateescape" if "sdp" in body else "backslashreplace")


def _json(body: Body, unreadable: str) -> bytes:
    """``unreadable``: how what is no UTF-8 is written."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=bencode.decode).encode("utf-8", unreadable)


def error(reason: str) -> Body:
    return {"result": "error", "error-reason": reason}


def _decode_json(data: bytes) -> Body:
    if len(data) > bencode.MAX_SIZE_BYTES:
        raise DecodeError(f"Could not decode JSON: {len(data)} bytes, more than {bencode.MAX_SIZE_BYTES}")
    try:
        body = json.loads(data.decode("utf-8", "surrogateescape"))
        body = _plain(body, 0)
        _json(body, "surrogateescape")
    except RecursionError:
        raise DecodeError("Could not decode JSON: nested too deep") from None
    except UnicodeEncodeError:
        raise DecodeError("Could not decode JSON: a lone surrogate in a string") from None
    except ValueError as cause:
        raise DecodeError(f"Could not decode JSON: {cause}") from None
    if not isinstance(body, dict):
        raise DecodeError("Could not decode JSON: not an object")
    return body


def _plain(value: Any, depth: int) -> Any:
    """``value`` with what bencode can't say taken away: null members dropped, booleans and whole numbers as integers."""
    if depth > bencode.MAX_DEPTH:
        raise DecodeError(f"Could not decode JSON: nested deeper than {bencode.MAX_DEPTH}")
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value if item is not None]
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    return int(value) if isinstance(value, bool) else value
