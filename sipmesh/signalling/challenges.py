"""Which digest algorithms a client is offered, and in what order.

RFC 8760 section 2.4 wants one challenge for each algorithm, strongest first, and clients to pass over those they don't know.
Some in the field give up at the first unknown one instead. They are offered what they can use: those we recognise at once,
any other when it comes back with the same Call-ID in a new request and no credentials. Nothing is lost by it: whoever could
strip the stronger challenge from the way could also have answered the weaker.
"""

from __future__ import annotations

import re

from native.sip import Message
from sipcore.digest import Algorithm
from sipmesh.signalling.rates import Recent

REMEMBERED = 2048  # Call-IDs, and clients, in each of two generations

# SIPp up to 3.6 reads only the first algorithm of all challenges together, sipsak only the first challenge; both end when it
# isn't MD5
_READS_FIRST = re.compile(r"z9hG4bK-\d+-\d+-\d+|z9hG4bK\.[0-9a-f]{1,8}")  # their branches
# baresip before 3 gives up when any challenge names an algorithm other than MD5
_READS_MD5 = re.compile(r"baresip v[0-2]\.")  # its User-Agent

_MD5_ALONE = (Algorithm.MD5,)


class Challenges:
    """Remembers who was challenged and who is known not to understand more than MD5; both bounded.

    ``challenged``: server keys by Call-ID, of challenges not answered yet. One that was answered is dropped from it, as the
    client understood: without credentials again, it merely starts anew.
    """

    __slots__ = ("_md5_only", "challenged")

    def __init__(self) -> None:
        self.challenged: Recent[str, str] = Recent(REMEMBERED)
        self._md5_only: Recent[tuple[str, str], bool] = Recent(REMEMBERED)  # (From URI, User-Agent)

    def algorithms(self, request: Message, configured: tuple[Algorithm, ...], answered: bool = False) -> tuple[Algorithm, ...]:
        """What to offer the sender of ``request``; ``answered``: it brought credentials for us, though useless ones."""
        if len(configured) < 2 or Algorithm.MD5 not in configured:
            return configured
        agent = request.get("User-Agent") or ""
        client = (request.from_uri_text, agent)
        if self._md5_only.get(client) or (agent and _READS_MD5.match(agent)):
            return _MD5_ALONE
        if not answered:
            key = request.server_key
            if (self.challenged.get(request.call_id) or key) != key:  # else it was repeated for want of an answer
                self._md5_only.put(client, True)
                return _MD5_ALONE
            self.challenged.put(request.call_id, key)
        if _READS_FIRST.fullmatch(request.via.branch or ""):
            return (Algorithm.MD5, *[each for each in configured if each is not Algorithm.MD5])
        return configured
