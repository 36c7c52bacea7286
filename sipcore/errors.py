"""Errors of the SIP core: the peer's carry the status to answer, ours carry none."""


class SipError(Exception):
    """Base of both families."""


class PeerError(SipError):
    """What the peer sent can't be served; ``status`` and ``reason`` are the answer."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class TransportError(SipError):
    """A message can't leave: no listener fits, refused, connection lost."""


class UsageError(SipError):
    """Our own code broke a contract (a response outside its transaction, say)."""
