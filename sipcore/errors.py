"""Errors of the SIP core: the peer's carry the status to answer, ours carry none."""


class SipError(Exception):
    """Base of both families."""


class PeerError(SipError):
    """What the peer sent can't be served; ``status`` and ``reason`` are the answer."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.headers = headers


class TransportError(SipError):
    """A message can't leave: no listener fits, refused, connection lost."""


class UsageError(SipError):
    """Our own code broke a contract (a response outside its transaction, say)."""
