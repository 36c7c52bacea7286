"""Response contexts: the branches of one request and the responses that come back (RFC 3261 section 16.7)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from native.sip import SEES_BRANCH_ENDS, ContextBase
from sipcore.ports import Exchange, Target
from sipcore.proxy.best import CHALLENGES, Outcome, best_outcome
from sipcore.proxy.branch import Branch, Headers, same_place
from sipcore.proxy.cookie import Cookie

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest, ProxyCore

__all__ = ["Branch", "ResponseContext"]

COMPLETED_ELSEWHERE: Headers = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)  # RFC 3326 section 3.1
FLOW_FAILED = frozenset({408, 430})
FAILOVER_STATUSES = frozenset({408, 502, 503})  # of our own making; of an answer only 503 (RFC 3263 section 4.3)


class ResponseContext(ContextBase):
    """One proxied request: its targets, its branches, its outcome.

    It waits with its branches for a late 2xx as long as their transactions do, so the garbage collector is spared walking them;
    ``finish`` cuts what could be a cycle. The fields are the base's, and so is the way of a response that simply passes.
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
    _outcomes: tuple[Outcome, ...]
    _pending: int  # branches without final status
    _stay: bool  # a failover target of the current group gave an answer that counts
    _stopped: bool  # no new branches
    _settled: bool  # which final response goes upstream is decided

    @property
    def call_key(self) -> str:
        return self.request.call_key

    # branches

    def start(self) -> None:
        """Starts the next group of targets."""
        targets, self._groups = self._groups[0], self._groups[1:]
        self.share = self.request.breadth // len(targets)
        if not self.share:
            self._refuse_breadth()
            return
        self._stay = False
        if len(targets) == 1:
            Branch(self, targets[0]).start()
            return
        for branch in [Branch(self, target) for target in targets]:
            if not self._stopped:
                branch.start()

    def _refuse_breadth(self) -> None:
        """RFC 5393 section 5.3.3; answers that came from earlier groups tell the caller more."""
        self.core.count("sip_proxy_breadth_exceeded_total")
        if self._outcomes:
            self._settle()
        else:
            self.refuse(440, "Max-Breadth Exceeded")

    # what the branches report

    def completed_elsewhere(self) -> None:
        """A 2xx came while other branches wait."""
        self._stop(COMPLETED_ELSEWHERE)

    def branch_failed(self, branch: Branch, outcome: Outcome) -> None:
        self._pending -= 1
        self._outcomes += (outcome,)
        if self.exchange is not None and self.sees & SEES_BRANCH_ENDS:
            self._tell_ended(self.exchange, branch, outcome.status)
        if outcome.status >= 600 and not self._stopped:
            self._stop((("Reason", f'SIP;cause={outcome.status};text="Declined elsewhere"'),))
        if self._settled:
            self.finish()
            return
        if outcome.status in CHALLENGES and self._answers(branch, outcome):
            return
        lost = outcome.status in FAILOVER_STATUSES if outcome.response is None else outcome.status == 503
        if lost and branch.destinations and not self._stopped:
            Branch(self, branch.target, branch.destinations).start()
            return
        spare = branch.target.spare
        if spare and not self._stopped and _flow_failed(outcome):
            self._outcomes = self._outcomes[:-1]  # the next flow's outcome takes its place
            Branch(self, replace(spare[0], group=branch.target.group, spare=spare[1:])).start()
            return
        if branch.target.failover and not lost:
            self._stay = True
        if not self._pending:
            self._group_failed()

    def _tell_ended(self, exchange: Exchange, branch: Branch, status: int) -> None:
        try:
            exchange.branch_ended(branch, status)
        except Exception:
            self.core.report("the end of a branch")

    def _answers(self, branch: Branch, outcome: Outcome) -> bool:
        """Whether the exchange answers the challenge; then the place it came from is asked again."""
        exchange, response = self.exchange, outcome.response
        if self._stopped or exchange is None or response is None or not exchange.challenged(branch, response):
            return False
        self._outcomes = self._outcomes[:-1]  # the next branch's outcome takes its place
        Branch(self, branch.target, same_place(branch)).start()
        return True

    def _group_failed(self) -> None:
        if self._groups and not self._stopped and not self._stay:
            self.start()
        else:
            self._settle()

    def cancel(self, headers: Headers = ()) -> None:
        """The caller gives up (RFC 3261 section 16.10)."""
        self.cancelled = True
        self._stop(headers)

    def _stop(self, headers: Headers) -> None:
        """No new branches; those that wait are cancelled (section 16.7 item 10)."""
        self._stopped = True
        for branch in self.branches:
            if not branch.status:
                branch.cancel(headers)

    # upstream

    def _settle(self) -> None:
        """Every branch has failed: the best response goes upstream (section 16.7 item 6)."""
        self._settled = True
        best = best_outcome(self._outcomes)
        if best.status == 503:  # the next hop's trouble, not ours
            if best.response is None:
                self._answer(500, best.reason)
            else:
                waits = [value for value in best.response.get_all("Retry-After") if "\0" not in value]
                self._answer(500, "Next Hop Unavailable", [("Retry-After", value) for value in waits])
        elif best.response is None:
            self._answer(best.status, best.reason)
        else:
            best.branch.pass_upstream(best.response)

    def refuse(self, status: int, reason: str) -> None:
        """Ends the request with a failure of our own, whatever the branches do."""
        self._settled = True
        self._stop(())
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


def _flow_failed(outcome: Outcome) -> bool:
    """Whether the user agent itself has not answered (RFC 5626 section 7)."""
    return outcome.status in FLOW_FAILED or (outcome.response is None and outcome.status in FAILOVER_STATUSES)


def in_groups(targets: list[Target]) -> tuple[list[Target], ...]:
    """Targets by ``group``, in ascending order."""
    if len(targets) == 1:
        return (targets,)
    key = attrgetter("group")
    return tuple(list(group) for _, group in groupby(sorted(targets, key=key), key))
