"""Replies by cookie, so that a retransmitted request is answered again and not done twice.

A key is the client's host and port and its cookie: two clients may count alike, and a retransmission comes from the same
socket. Two generations: the older is dropped each GENERATION_S, so a reply lives between one and two of them. Requests are
served to their end in the order of their arrival, so a retransmission always finds the reply of the first.
"""

from native.relay import ReplyCacheBase

GENERATION_S = 10.0  # proxies try again each second, five times, before they take another relay
MAX_GENERATION_BYTES = 16 * 1024 * 1024  # keys included: many short replies are no less


class ReplyCache(ReplyCacheBase):
    """``get`` and ``put`` are the base's (native/crelay/relay_replies.c)."""

    __slots__ = ()

    def __init__(self, now: float) -> None:
        super().__init__(now, GENERATION_S, MAX_GENERATION_BYTES)
