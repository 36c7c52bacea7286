"""Response contexts: the branches of one request and the responses that come back (RFC 3261 section 16.7)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from native.sip import ContextBase, Message
from sipcore.ports import Exchange, Target
from sipcore.proxy.branch import Branch, same_place
from sipcore.proxy.cookie import Cookie

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest, ProxyCore

__all__ = ["Branch", "ResponseContext"]

CHALLENGES = frozenset({401, 407})
FLOW_FAILED = frozenset({408, 430})
FAILOVER_STATUSES = frozenset({408, 502, 503})  # of our own making; of an answer only 503 (RFC 3263 section 4.3)


class ResponseContext(ContextBase):
    """One proxied request: its targets, its branches, what they bring.

    It waits with its branches for a late 2xx as long as their transactions do, so the garbage collector is spared walking them;
    ``finish`` cuts what could be a cycle. The fields are the base's, and so is the way of responses: of those that simply pass,
    and to the best of those that failed (native/csip/sip_proxy_response.c, sip_proxy_failed.c, sip_proxy_best.c).
    """

    __slots__ = ()

    core: ProxyCore
    request: InboundRequest
    invite: bool
    exchange: Exchange | None
    looks_on: bool  # what the exchange says of itself
    sees: int
    _groups: tuple[list[Target], ...]  # left to try, in their order
    _cookie: Cookie | None  # of the dialog, or the last one issued
    branches: tuple[Branch, ...]  # in the order they were started
    status: int  # final response sent upstream
    cancelled: bool  # by the caller
    share: int  # Max-Breadth of each branch of the current group
    _failed: tuple[Branch, ...]  # those that count: of a target that is tried again the last
    _pending: int  # branches without final status
    _stay: bool  # a failover target of the current group gave an answer that counts
    _stopped: bool  # no new branches
    _settled: bool  # which final response goes upstream is decided

    @property
    def call_key(self) -> str:
        return self.request.call_key

    # ``start``, which starts the next group of targets, is the base's

    def refuse_breadth(self) -> None:
        """RFC 5393 section 5.3.3; answers that came from earlier groups tell the caller more."""
        self.core.count("sip_proxy_breadth_exceeded_total")
        if self._failed:
            self.settle()
        else:
            self.refuse(440, "Max-Breadth Exceeded")

    # what the branches report

    def try_again(self, branch: Branch) -> bool:
        """Whether the target of a branch that failed is tried another way: with credentials, at its next destination, or over
        another flow. What comes of the first and the last of these takes the place of this failure."""
        if branch.status in CHALLENGES and self._answers(branch):
            return True
        silent = branch.answer is None and branch.status in FAILOVER_STATUSES
        if branch.destinations and (silent or branch.status == 503):
            Branch(self, branch.target, branch.destinations).start()
            return True
        spare = branch.target.spare
        if spare and (silent or branch.status in FLOW_FAILED):  # the user agent itself has not answered (RFC 5626 section 7)
            self._failed = self._failed[:-1]
            Branch(self, replace(spare[0], group=branch.target.group, spare=spare[1:])).start()
            return True
        return False

    def _answers(self, branch: Branch) -> bool:
        """Whether the exchange answers the challenge; then the place it came from is asked again."""
        exchange, challenge = self.exchange, branch.answer
        if exchange is None or challenge is None or not exchange.challenged(branch, challenge):
            return False
        self._failed = self._failed[:-1]
        Branch(self, branch.target, same_place(branch)).start()
        return True

    # upstream, when every branch has failed

    def join_challenges(self, best: Branch) -> None:
        """One 401 or 407 has those of all branches (RFC 3261 section 16.7 item 7)."""
        for branch in self._failed:
            if branch is not best and branch.status in CHALLENGES and best.answer is not None and branch.answer is not None:
                add_challenges(best.answer, branch.answer)

    def answer_for(self, best: Branch) -> None:
        """It has no answer that can go upstream as it is."""
        answer = best.answer
        if best.status != 503:
            self._answer(best.status, best.reason)
        elif answer is None:  # the next hop's trouble, not ours
            self._answer(500, best.reason)
        else:
            waits = [value for value in answer.get_all("Retry-After") if "\0" not in value]
            self._answer(500, "Next Hop Unavailable", [("Retry-After", value) for value in waits])

    def refuse(self, status: int, reason: str) -> None:
        """Ends the request with a failure of our own, whatever the branches do."""
        self._settled = True
        self.stop(())
        if not self.status:
            self._answer(status, reason)

    def give_up(self, status: int, reason: str) -> None:
        """Its last branch has ended and brought nothing that can go upstream, where this goes unless something went before."""
        self.refuse(status, reason)
        self.finish()

    def _answer(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        if status != 408 or self.invite:  # RFC 4320 section 4.2
            self.request.respond(status, reason, headers)
        self.end(status)


def add_challenges(response: Message, other: Message) -> None:
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for value in other.get_all(name):
            if "\0" not in value:  # a quoted NUL can't be written anew
                response.append(name, value)


def in_groups(targets: list[Target]) -> tuple[list[Target], ...]:
    """Targets by ``group``, in ascending order."""
    key = attrgetter("group")
    return tuple(list(group) for _, group in groupby(sorted(targets, key=key), key))
