"""The policy in force: asks its hooks, falls back to the tables when they fail, and takes over a changed file.

A changed file is compiled and run once, then asked about the last requests that were routed. Only if it answers all of them
does it replace the old one; what it would have done otherwise is said in the log.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from native.sip import Message
from sipcore.errors import PeerError
from sipmesh.config import PolicyFile
from sipmesh.policy.load import Policy, PolicyError, load_policy
from sipmesh.policy.runner import Runner
from sipmesh.policy.views import Actions, EndedCall, Registration, Request
from sipmesh.signalling.routing_table import Hop
from sipmesh.store import RecentRoute

if TYPE_CHECKING:
    from sipcore.ports import Counters
    from sipmesh.store import Cdr

MAX_RECENT = 100
LOAD_LIMIT_MS = 2000  # calls wait meanwhile
DRY_RUN_S = 0.1  # that calls may wait for a dry-run; what is left then is not tried, but the first is
MAX_DIFFERENCES_LOGGED = 10

log = logging.getLogger(__name__)

Tables = Callable[[], Hop | None]
"""What the tables say about one request."""


@dataclass(frozen=True, slots=True)
class Routed:
    """A request that was routed: all that is needed to ask again."""

    view: Request
    message: Message  # before it was edited
    tables: Hop | None
    decision: str


class PolicyHost:
    """``trunk_known``: whether there is a trunk of that name. ``kept``: where the text of the last good file is kept, for a
    worker that finds a bad one at its start."""

    __slots__ = ("_counters", "_kept", "_policy", "_recent", "_runner", "_trunk_known", "_unseen", "active")

    def __init__(self, counters: Counters, trunk_known: Callable[[str], bool], kept: Path | None = None) -> None:
        self._counters = counters
        self._trunk_known = trunk_known
        self._kept = kept
        self._policy: Policy | None = None
        self._runner: Runner | None = None
        self._recent: deque[Routed] = deque(maxlen=MAX_RECENT)
        self._unseen = False  # ``take_recent`` has not given the last of them yet
        self.active = False  # whether there is a policy

    # the file

    def start(self, settings: PolicyFile | None) -> None:
        """The file, or the last good one when it is bad now; else the tables alone."""
        if settings is None:
            return
        try:
            self._take(load_within_limits(settings, self._counters), settings)
        except PolicyError as error:
            self._counters["policy_reload_errors_total"] += 1
            log.error("policy refused: %s", error)
            self._take_kept(settings)

    def reload(self, settings: PolicyFile | None) -> bool:
        """False: the file is bad, and the policy stays as it was."""
        self._counters["policy_reloads_total"] += 1
        if settings is None:
            self._drop()
            return True
        try:
            policy = load_within_limits(settings, self._counters)
            self._dry_run(policy, settings)
        except PolicyError as error:
            self._counters["policy_reload_errors_total"] += 1
            log.error("policy refused, nothing is changed: %s", error)
            return False
        self._take(policy, settings)
        return True

    def _take(self, policy: Policy, settings: PolicyFile) -> None:
        self._policy, self._runner, self.active = policy, new_runner(settings, self._counters), True
        log.info("policy %s is in force: %s", policy.file, ", ".join(policy.hooks))
        if self._kept is not None:
            keep(self._kept, policy.source)

    def _take_kept(self, settings: PolicyFile) -> None:
        """Unless it can't be used any more, as when it imports what has changed."""
        if self._kept is None or not self._kept.exists():
            return
        try:
            policy = load_within_limits(settings, self._counters, self._kept.read_text(encoding="utf-8"))
        except (PolicyError, OSError, UnicodeDecodeError) as error:
            log.error("nor is the last good policy of use, the tables decide alone: %s", error)
            return
        log.error("the last good policy is used instead")
        self._take(policy, settings)

    def _drop(self) -> None:
        self._policy, self._runner, self.active = None, None, False

    def _dry_run(self, policy: Policy, settings: PolicyFile) -> None:
        runner = new_runner(settings, self._counters)
        until = time.monotonic() + DRY_RUN_S
        tried, different = 0, 0
        for routed in list(self._recent):
            if tried and time.monotonic() > until:
                break
            tried += 1
            asked = Asked(policy, runner, routed.view, routed.message.copy(), self._trunk_known)
            now = asked.described(lambda routed=routed: routed.tables)  # type: ignore[misc]
            if asked.failed:
                raise PolicyError(policy.file, 1, f"{asked.failed} fails for {routed.view.method} {routed.view.uri}")
            if now != routed.decision:
                different += 1
                if different <= MAX_DIFFERENCES_LOGGED:
                    log.info("policy: %s from %s to %s: %s", *said(routed.view), f"{routed.decision} becomes {now}")
        log.info("policy: of the last %d requests routed %d would go another way", tried, different)

    def watch(self) -> None:
        """Once a second."""
        if self._runner is not None and not self._runner.watch_memory():
            self._drop()
            self._counters["policy_memory_stops_total"] += 1
            log.error("the worker has grown too much since the policy was loaded; the policy is off until the next reload")

    # the hooks

    def route(self, view: Request, message: Message, tables: Tables) -> Hop | None:
        """Where the request goes; ``message`` is edited as the hooks ask. PeerError when they refuse it."""
        assert self._policy is not None
        assert self._runner is not None
        before = message.copy()
        self._unseen = True
        asked = Asked(self._policy, self._runner, view, message, self._trunk_known)
        try:
            hop = asked.decide(tables)
        except PeerError as error:
            self._recent.append(Routed(view, before, asked.tables, described(error)))
            raise
        self._recent.append(Routed(view, before, asked.tables, described(hop)))
        return hop

    def take_recent(self) -> list[RecentRoute] | None:
        """The last requests routed; None when there were none since the last time."""
        if not self._unseen:
            return None
        self._unseen = False
        return [recent_route(routed) for routed in self._recent]

    def register(self, view: Registration, actions: Actions) -> None:
        """PeerError when the hook refuses it."""
        if self._call("on_register", view) and actions.refusal is not None:
            raise PeerError(*actions.refusal)

    def call_ended(self, cdr: Cdr) -> None:
        if self._policy is not None and "on_call_end" in self._policy.hooks:
            self._call("on_call_end", ended_call(cdr))

    def _call(self, name: str, view: object) -> bool:
        return self._policy is not None and self._runner is not None and call(self._policy, self._runner, name, view)


class Asked:
    """One request put to the hooks of one policy."""

    def __init__(
        self, policy: Policy, runner: Runner, view: Request, message: Message, trunk_known: Callable[[str], bool]
    ) -> None:
        self._policy = policy
        self._runner = runner
        self._view = view
        self._message = message
        self._trunk_known = trunk_known
        self.failed = ""  # the hook that did
        self.tables: Hop | None = None  # what they said

    def decide(self, tables: Tables) -> Hop | None:
        self._ask("on_request", "")
        self.tables = hop = tables()
        actions = self._ask("on_route", described(hop) if hop is not None else "")
        if actions is None or not actions.routed:
            return hop
        if actions.trunk and not self._trunk_known(actions.trunk):
            self.failed = "on_route"
            log.error("the policy routes to the trunk %s, which there is not", actions.trunk)
            return hop
        return Hop(actions.trunk, actions.number, actions.user, "policy", actions.uris)

    def described(self, tables: Tables) -> str:
        try:
            return described(self.decide(tables))
        except PeerError as error:
            return described(error)

    def _ask(self, name: str, tables: str) -> Actions | None:
        """What the hook asked for, as far as it is not done here; None when it did not end well or is not there."""
        if name not in self._policy.hooks or name in self._runner.disabled:
            return None
        actions = Actions()
        view = replace(self._view, tables=tables, _message=self._message, _actions=actions)
        if not call(self._policy, self._runner, name, view):
            self.failed = name
            return None
        if name == "on_request" and actions.routed:
            self.failed = name
            log.error("the policy's on_request can't route; on_route can")
            return None
        if actions.refusal is not None:
            raise PeerError(*actions.refusal)
        for action, header, value in actions.edits:
            if action == "remove":
                self._message.remove(header)
            elif action == "set":
                self._message.set(header, value)
            else:
                self._message.append(header, value)
        return actions


def call(policy: Policy, runner: Runner, name: str, view: object) -> bool:
    hook = policy.hooks.get(name)
    return hook is not None and name not in runner.disabled and runner.call(name, hook, view)


def keep(file: Path, source: str) -> None:
    draft = file.with_suffix(f".{os.getpid()}")  # other signal workers do the same
    try:
        draft.write_text(source, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        log.error("the policy can't be kept for a worker that starts anew: %s", error)


def load_within_limits(settings: PolicyFile, counters: Counters, source: str | None = None) -> Policy:
    """PolicyError, also when the file takes too long. ``source``: its text, when it was read already."""
    file = Path(settings.file)
    found: list[Policy | PolicyError] = []

    def load(_: object) -> None:
        try:
            found.append(load_policy(file, source))
        except PolicyError as error:
            found.append(error)

    Runner(LOAD_LIMIT_MS, settings.memory_mb, 1, counters).call("load", load, None)
    if not found:
        raise PolicyError(file, 1, f"did not load within {LOAD_LIMIT_MS} ms, or tried to end the process")
    if isinstance(found[0], PolicyError):
        raise found[0]
    return found[0]


def new_runner(settings: PolicyFile, counters: Counters, limit_ms: int = 0) -> Runner:
    """``limit_ms``: instead of the one in ``settings``."""
    return Runner(limit_ms or settings.limit_ms, settings.memory_mb, settings.max_overruns, counters)


def described(decision: Hop | PeerError | None) -> str:
    """As ``Request.tables`` has it, or the refusal."""
    if decision is None:
        return "reject 404"
    if isinstance(decision, PeerError):
        return f"reject {decision.status}"
    if decision.aor:
        return f"user:{decision.aor}"
    return f"trunk:{decision.trunk}:{decision.number}" if decision.trunk else "uri:" + ",".join(decision.uris)


def said(view: Request) -> tuple[str, str, str]:
    return view.method, view.caller or f"trunk {view.trunk}", view.uri


def recent_route(routed: Routed) -> RecentRoute:
    view = routed.view
    return RecentRoute(
        message=routed.message.to_bytes(),
        called=view.called,
        domain=view.domain,
        caller=view.caller,
        trunk=view.trunk,
        source=view.source,
        source_port=view.source_port,
        transport=view.transport,
        decision=routed.decision,
    )


def ended_call(cdr: Cdr) -> EndedCall:
    call = cdr.call
    return EndedCall(
        key=cdr.key,
        call_id=call.call_id,
        caller=call.caller,
        called=call.callee,
        callee=call.destination,
        source=call.source,
        trunk_in=call.trunk_in,
        trunk_out=call.trunk_out,
        route=call.route,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=cdr.ended_at,
        duration_s=max(0.0, cdr.ended_at - call.answered_at) if call.answered_at else 0.0,
        disposition=cdr.disposition,
        cause=cdr.cause,
        status=cdr.status,
        ended_by=cdr.ended_by,
    )
