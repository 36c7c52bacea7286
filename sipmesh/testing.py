"""A harness to test a policy file without a network, for pytest or anything else:

    policy = PolicyTester("sipmesh.toml")
    decision = policy.ask("INVITE", "sip:0044123@example.com", caller="alice@example.com")
    assert decision == "trunk:carrier:+44123"

The hooks, the tables of the configuration and what is refused are those of a running node. Nothing is sent, and nobody needs to
be registered. A hook that raises or runs too long raises ``HookError`` here, where a node would fall back to the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from native.sip import Message
from sipcore.errors import PeerError
from sipmesh.config import Config
from sipmesh.config_load import load_config, parse_config
from sipmesh.policy.host import Asked, described, load_within_limits, new_runner
from sipmesh.policy.offline import OfflineTables
from sipmesh.policy.views import Actions, EndedCall, Registration, Request
from sipmesh.signalling.routing_table import Hop

__all__ = ["Decision", "HookError", "PolicyTester"]

SOURCE = "192.0.2.1"
Headers = Iterable[tuple[str, str]]


class HookError(Exception):
    """A hook raised, ran too long, or asked for what can't be; the log says which and where."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request. Compared with a text it is its ``where``."""

    where: str  # "trunk:NAME:NUMBER", "user:AOR", "uri:URI,URI" or "reject STATUS"
    reason: str = ""  # of a refusal
    message: Message = field(repr=False, kw_only=True)  # as it would leave, but for its Request-URI

    def header(self, name: str) -> str | None:
        return self.message.get(name)

    def headers(self, name: str) -> list[str]:
        return self.message.get_all(name)

    def __eq__(self, other: object) -> bool:
        return self.where == (other.where if isinstance(other, Decision) else other)

    def __hash__(self) -> int:
        return hash(self.where)


class PolicyTester:
    """``config``: the configuration file, or its text with ``base``, the folder that its relative names start from.
    ConfigError, PolicyError. A ``limit_ms`` of its own spares tests the pace of a slow machine."""

    def __init__(self, config: str | Path, *, base: Path | None = None, limit_ms: int = 1000) -> None:
        loaded = load_config(Path(config)) if base is None else parse_config(str(config), base=base)
        self.config: Config = loaded.config
        if self.config.policy is None:
            raise ValueError("the configuration has no [policy]")
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.policy = load_within_limits(self.config.policy, self.counters)
        self._runner = new_runner(self.config.policy, self.counters, limit_ms)
        self._tables = OfflineTables(self.config)

    def ask(
        self,
        method: str,
        uri: str,
        *,
        caller: str = "",
        trunk: str = "",
        headers: Headers = (),
        source: str = SOURCE,
        transport: str = "udp",
    ) -> Decision:
        """A request by our user ``caller`` (AOR) or by ``trunk``, past its authentication: on_request, the tables, on_route."""
        if bool(caller) == bool(trunk):
            raise ValueError("give caller or trunk")
        message = request_of(method, uri, f"sip:{caller}" if caller else f"sip:{trunk}@{source}", source, headers)
        target = message.request_uri
        domain = self._tables.domains.canonical(target.host)
        user = target.user_unescaped or ""
        view = Request(
            method=method,
            uri=uri,
            called=user,
            domain=domain or target.host,
            caller=caller,
            trunk=trunk,
            from_uri=message.from_.uri.text,
            call_id=message.call_id,
            source=source,
            source_port=5060,
            transport=transport,
            _message=message,
        )
        asked = Asked(self.policy, self._runner, view, message, self._tables.trunks.__contains__)
        try:
            hop = asked.decide(lambda: self._tables.hop(view))
        except PeerError as error:
            return Decision(f"reject {error.status}", error.reason, message=message)
        finally:
            self._check(asked.failed)
        return Decision(self._followed(hop, trunk), message=message)

    def register(
        self,
        aor: str,
        *,
        contacts: Iterable[str] = ("sip:192.0.2.1:5060",),
        expires_s: int | None = 3600,
        user_agent: str = "",
        headers: Headers = (),
        source: str = SOURCE,
        transport: str = "udp",
    ) -> str:
        """A REGISTER past its authentication: "" when it is taken on, else "reject STATUS"."""
        actions = Actions()
        message = request_of("REGISTER", f"sip:{aor.rpartition('@')[2]}", f"sip:{aor}", source, headers)
        view = Registration(
            aor=aor,
            contacts=tuple(contacts),
            expires_s=expires_s,
            source=source,
            source_port=5060,
            transport=transport,
            user_agent=user_agent,
            _message=message,
            _actions=actions,
        )
        self._call("on_register", view)
        return f"reject {actions.refusal[0]}" if actions.refusal else ""

    def call_ended(self, call: EndedCall) -> None:
        self._call("on_call_end", call)

    def _followed(self, hop: Hop | None, trunk: str) -> str:
        """A trunk without ``transit`` reaches our users only."""
        transit = not trunk or (trunk in self._tables.trunks and self._tables.trunks[trunk].transit)
        return described(hop) if hop is None or hop.aor or transit else "reject 403"

    def _call(self, name: str, view: object) -> None:
        hook = self.policy.hooks.get(name)
        if hook is not None:
            self._check("" if self._runner.call(name, hook, view) else name)

    def _check(self, failed: str) -> None:
        if failed:
            raise HookError(f"{failed} of {self.policy.file} failed")


def request_of(method: str, uri: str, caller_uri: str, source: str, headers: Headers) -> Message:
    standard = [
        ("Via", f"SIP/2.0/UDP {source}:5060;branch=z9hG4bKtest"),
        ("Max-Forwards", "70"),
        ("From", f"<{caller_uri}>;tag=test"),
        ("To", f"<{uri}>"),
        ("Call-ID", "test"),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<sip:{source}:5060>"),
    ]
    return Message.request(method, uri, [*standard, *headers])
