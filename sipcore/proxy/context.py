"""Response contexts: the branches of one request and the responses that come back (RFC 3261 section 16.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from native.sip import Message
from sipcore.flow import Destination, Flow
from sipcore.ports import Exchange, Target
from sipcore.proxy.best import CHALLENGES, Outcome, best_outcome
from sipcore.proxy.branch import Branch, Headers, same_place
from sipcore.proxy.cookie import Cookie, flow_token

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest, ProxyCore

__all__ = ["Branch", "ResponseContext"]

COMPLETED_ELSEWHERE: Headers = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)  # RFC 3326 section 3.1
FLOW_FAILED = frozenset({408, 430})
FAILOVER_STATUSES = frozenset({408, 502, 503})  # of our own making; of an answer only 503 (RFC 3263 section 4.3)


class ResponseContext(msgspec.Struct, eq=False, gc=False):
    """One proxied request: its targets, its branches, its outcome.

    It waits with its branches for a late 2xx as long as their transactions do, so the garbage collector is spared walking them
    (``gc=False``, and tuples instead of lists); ``_finish`` cuts what could be a cycle.
    """

    core: ProxyCore
    request: InboundRequest
    invite: bool
    exchange: Exchange | None
    _groups: tuple[list[Target], ...]  # left to try, in their order
    _cookie: Cookie | None  # of the dialog, or the last one issued
    branches: tuple[Branch, ...] = ()  # in the order they were started
    status: int = 0  # final response sent upstream
    cancelled: bool = False  # by the caller
    share: int = 0  # Max-Breadth of each branch of the current group
    _outcomes: tuple[Outcome, ...] = ()
    _pending: int = 0  # branches without final status
    _stay: bool = False  # a failover target of the current group gave an answer that counts
    _stopped: bool = False  # no new branches
    _settled: bool = False  # which final response goes upstream is decided

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
            self._add(targets[0], None).start()
            return
        for branch in [self._add(target, None) for target in targets]:
            if not self._stopped:
                branch.start()

    def _add(self, target: Target, destinations: Sequence[Destination] | None) -> Branch:
        branch = Branch(self, target, len(self.branches), self.request.message, destinations)
        self.branches += (branch,)
        self._pending += 1
        return branch

    def cookie_for(self, target: Target, flow: Flow) -> str:
        """Text of the Record-Route cookie: the dialog's own once there is a dialog."""
        request = self.request
        callee_flow = flow_token(flow) if target.natted else ""
        cookie = self._cookie
        if cookie is not None and (cookie is request.cookie or cookie.callee_flow == callee_flow):
            return cookie.text
        caller_flow = flow_token(request.flow) if request.natted else ""
        cookie = Cookie.issue(self.core.cookie_keys, request.message, request.call_key, caller_flow, callee_flow)
        self._cookie = cookie
        return cookie.text

    def _refuse_breadth(self) -> None:
        """RFC 5393 section 5.3.3; answers that came from earlier groups tell the caller more."""
        self.core.count("sip_proxy_breadth_exceeded_total")
        if self._outcomes:
            self._settle()
        else:
            self.refuse(440, "Max-Breadth Exceeded")

    # what the branches report

    def branch_succeeded(self, branch: Branch, first: bool) -> None:
        """A 2xx came; ``first`` if the branch had no final status before."""
        if first:
            self._pending -= 1
            if self.exchange is not None:
                self.exchange.branch_ended(branch, branch.status)
        self._settled = True
        if self._pending:
            self._stop(COMPLETED_ELSEWHERE)

    def branch_failed(self, branch: Branch, outcome: Outcome) -> None:
        self._pending -= 1
        self._outcomes += (outcome,)
        if self.exchange is not None:
            self.exchange.branch_ended(branch, outcome.status)
        if outcome.status >= 600 and not self._stopped:
            self._stop((("Reason", f'SIP;cause={outcome.status};text="Declined elsewhere"'),))
        if self._settled:
            self._finish()
            return
        if outcome.status in CHALLENGES and self._answers(branch, outcome):
            return
        lost = outcome.status in FAILOVER_STATUSES if outcome.response is None else outcome.status == 503
        if lost and branch.destinations and not self._stopped:
            self._add(branch.target, branch.destinations).start()
            return
        spare = branch.target.spare
        if spare and not self._stopped and _flow_failed(outcome):
            self._outcomes = self._outcomes[:-1]  # the next flow's outcome takes its place
            self._add(replace(spare[0], group=branch.target.group, spare=spare[1:]), None).start()
            return
        if branch.target.failover and not lost:
            self._stay = True
        if not self._pending:
            self._group_failed()

    def _answers(self, branch: Branch, outcome: Outcome) -> bool:
        """Whether the exchange answers the challenge; then the place it came from is asked again."""
        exchange, response = self.exchange, outcome.response
        if self._stopped or exchange is None or response is None or not exchange.challenged(branch, response):
            return False
        self._outcomes = self._outcomes[:-1]  # the next branch's outcome takes its place
        self._add(branch.target, same_place(branch)).start()
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
                waits = [("Retry-After", value) for value in best.response.get_all("Retry-After")]
                self._answer(500, "Next Hop Unavailable", waits)
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

    def _answer(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        if status != 408 or self.invite:  # RFC 4320 section 4.2
            self.request.respond(status, reason, headers)
        self._ended(status)

    def forward(self, branch: Branch, response: Message) -> None:
        """Sends a response upstream that may go there now (section 16.7 items 5 and 9)."""
        status = response.status
        request = self.request
        if self.status:
            if 200 <= status < 300 and self.invite:
                request.respond_late(response)
            return
        if status == 408 and not self.invite:
            self._ended(status)
            return
        request.transaction.respond(response)
        if status >= 200:
            self._ended(status)

    def _ended(self, status: int) -> None:
        self.status = status
        self.request.status = status
        if self.exchange is not None:
            self.exchange.ended(self, status)
        self._finish()

    def _finish(self) -> None:
        """Lets go of the messages when nothing is left to wait for; a late 2xx needs none of them."""
        if self._pending or not self.status or self.request.context is None:
            return
        for branch in self.branches:
            branch.release()
        self.branches = ()
        self._outcomes = ()
        self.request.release()


def _flow_failed(outcome: Outcome) -> bool:
    """Whether the user agent itself has not answered (RFC 5626 section 7)."""
    return outcome.status in FLOW_FAILED or (outcome.response is None and outcome.status in FAILOVER_STATUSES)


def in_groups(targets: list[Target]) -> tuple[list[Target], ...]:
    """Targets by ``group``, in ascending order."""
    if len(targets) == 1:
        return (targets,)
    key = attrgetter("group")
    return tuple(list(group) for _, group in groupby(sorted(targets, key=key), key))
