"""Errors of the media daemon: what a request can't have, with the exact words of the answer.

The words that proxies compare are fixed by the ng protocol: Kamailio and OpenSIPS go to another relay on SESSION_LIMIT and
OUT_OF_PORTS, OpenSIPS on the other limits too, Kamailio by their result "load limit".
"""

SESSION_LIMIT = "Parallel session limit reached"
CPU_LIMIT = "CPU usage limit exceeded"
LOAD_LIMIT = "Load limit exceeded"
BANDWIDTH_LIMIT = "Bandwidth limit exceeded"
OUT_OF_PORTS = "Ran out of ports"
UNKNOWN_CALL = "Unknown call-id"
UNKNOWN_COMMAND = "Unrecognized command"
NO_MATCH = "Call-ID not found or tags didn't match"
NO_LABEL = "No monologue matching the given label"
NO_ADDRESS = "Failed to match address to any tag"
NO_TAG = "From-tag given, but no such tag exists"


class MediaError(Exception):
    """Base of all."""


class RequestError(MediaError):
    """The request can't be served; ``reason`` becomes ``error-reason`` of the reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecodeError(RequestError):
    """What came is no dictionary in bencode or JSON."""


class BencodeError(DecodeError):
    """A body that is not bencode, or larger or deeper than we take."""


class SdpError(RequestError):
    """A session description that can't be used; ``line`` counts from 1, 0 when the whole body is meant."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"Failed to parse SDP: line {line}: {what}" if line else f"Failed to parse SDP: {what}")
        self.line = line
        self.what = what


class LoadLimitError(RequestError):
    """We are full; ``reason`` is one of the strings on which a proxy tries another relay."""


class OutOfPortsError(RequestError):
    """No port, descriptor or table entry is left for another stream."""

    def __init__(self) -> None:
        super().__init__(OUT_OF_PORTS)


class FrameError(MediaError):
    """A datagram that is no ng message at all: there is no cookie to answer to."""


class ConfigError(MediaError):
    """Settings that can't work; the text names the field."""
