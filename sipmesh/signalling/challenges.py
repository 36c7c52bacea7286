"""Which digest algorithms a client is offered, and in what order.

RFC 8760 section 2.4 wants one challenge for each algorithm, strongest first, and clients to pass over those they don't know.
Some in the field give up at the first unknown one instead. They are offered what they can use: those we recognise at once,
any other when it comes back with the same Call-ID in a new request and no credentials. Nothing is lost by it: whoever could
strip the stronger challenge from the way could also have answered the weaker.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TypeVar

from native.sip import Message
from sipcore.digest import Algorithm

Key = TypeVar("Key")
Value = TypeVar("Value")

REMEMBERED = 4096  # Call-IDs, and clients

# SIPp up to 3.6 reads only the first algorithm of all challenges together, sipsak only the first challenge; both end when it
# isn't MD5
_READS_FIRST = re.compile(r"z9hG4bK-\d+-\d+-\d+|z9hG4bK\.[0-9a-f]{1,8}")  # their branches
# baresip before 3 gives up when any challenge names an algorithm other than MD5
_READS_MD5 = re.compile(r"baresip v[0-2]\.")  # its User-Agent

_MD5_ALONE = (Algorithm.MD5,)


class Challenges:
    """Remembers who was challenged and who is known not to understand more than MD5; both bounded."""

    __slots__ = ("_challenged", "_md5_only")

    def __init__(self) -> None:
        self._challenged: OrderedDict[str, str] = OrderedDict()  # server keys by Call-ID: challenges not answered yet
        self._md5_only: OrderedDict[tuple[str, str], None] = OrderedDict()  # (From URI, User-Agent)

    def algorithms(self, request: Message, configured: tuple[Algorithm, ...], answered: bool) -> tuple[Algorithm, ...]:
        """What to offer the sender of ``request``; ``answered``: it brought credentials for us, though useless ones."""
        if len(configured) < 2 or Algorithm.MD5 not in configured:
            return configured
        agent = request.get("User-Agent") or ""
        client = (request.from_.uri.text, agent)
        if client in self._md5_only or _READS_MD5.match(agent):
            return _MD5_ALONE
        if not answered:
            key = request.server_key
            if self._challenged.get(request.call_id, key) != key:  # else it was repeated for want of an answer
                _remember(self._md5_only, client, None)
                return _MD5_ALONE
            _remember(self._challenged, request.call_id, key)
        if _READS_FIRST.fullmatch(request.via.branch or ""):
            return tuple(sorted(configured, key=lambda algorithm: algorithm is not Algorithm.MD5))
        return configured

    def accepted(self, call_id: str) -> None:
        """The client understood: without credentials again, it merely starts anew."""
        self._challenged.pop(call_id, None)


def _remember(table: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    table[key] = value
    if len(table) > REMEMBERED:
        table.popitem(last=False)
