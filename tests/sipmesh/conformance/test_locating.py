"""The cases that have the target ask the tester's DNS server, against a sound node and against ones that ask wrongly."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import pytest

from native.sip import Uri
from sipcore.nat import Reach
from sipcore.ports import Destination
from sipcore.transport.resolver import DnsResolver, ResolverSettings
from sipmesh.conformance.errors import NotApplicableError
from sipmesh.conformance.locating import CASES
from sipmesh.conformance.nameserver import Nameserver
from sipmesh.conformance.run import run_case
from tests.sipmesh.conformance.faulty_node import FaultyNode

BY_NAME = {case.run.__name__: case for case in CASES}
Spoil = Callable[[list[Destination]], list[Destination]]

FAULTS: dict[str, Spoil] = {
    "naptr_order": lambda found: [each for each in found if each.transport != "tcp"],
    "srv_priority": lambda found: found[::-1],
    "srv_spread": lambda found: sorted(found, key=lambda each: each.port),
    "next_after_503": lambda found: found[:1],
    "next_after_nobody": lambda found: found[:1],
}


class SpoiledResolver:
    """What the node's own finds passes ``spoil``."""

    def __init__(self, resolver: DnsResolver, spoil: Spoil, *, without_port: bool) -> None:
        self._resolver = resolver
        self._spoil = spoil
        self._without_port = without_port

    def resolve(self, uri: Uri, done: Callable[[list[Destination]], None]) -> list[Destination] | None:
        if self._without_port and uri.port:
            bare = Uri(uri.text.replace(f":{uri.port}", ""))
            return self._resolver.resolve(bare, lambda _: (found := self._resolver.resolve(uri, done)) is None or done(found))
        known = self._resolver.resolve(uri, lambda found: done(self._spoil(found)))
        return None if known is None else self._spoil(known)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver, name)


def outcome(
    name: str, folder: Path, patch: pytest.MonkeyPatch, spoil: Spoil = lambda found: found, *, without_port: bool = False
) -> tuple[str, str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def resolver_for(engine: Any, listeners: Any, counters: Any) -> SpoiledResolver:
        settings = ResolverSettings(nameservers=("127.0.0.1",), port=port)
        resolver = DnsResolver(engine.run, counters, ("udp", "tcp"), (4,), settings)
        return SpoiledResolver(resolver, spoil, without_port=without_port)

    patch.setattr("sipmesh.signalling.node.resolver_for", resolver_for)
    node = FaultyNode(folder, patch)
    try:
        result = run_case(BY_NAME[name], replace(node.target, dns=f"127.0.0.1:{port}"))
    finally:
        node.stop()
    return result.outcome, result.reason


@pytest.mark.parametrize("name", BY_NAME)
def test_a_sound_node_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(name, tmp_path, monkeypatch) == ("pass", "")


@pytest.mark.parametrize("name", FAULTS)
def test_one_that_goes_elsewhere_fails(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, reason = outcome(name, tmp_path, monkeypatch, FAULTS[name])
    assert verdict == "fail"
    assert reason


def test_one_that_asks_for_srv_beside_a_port_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = outcome("port_given", tmp_path, monkeypatch, without_port=True)
    assert verdict == ("fail", "asked for the SRV record")


def test_one_that_looks_invalid_names_up_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipcore.registrar.reach_of", lambda *_: Reach(natted=False, by_connection=False))
    monkeypatch.setattr(DnsResolver, "_refuse", lambda *_: False)
    verdict, reason = outcome("invalid_names", tmp_path, monkeypatch)
    assert verdict == "fail"
    assert reason.startswith("asked for")


def test_without_an_address_to_serve_dns_on_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = FaultyNode(tmp_path, monkeypatch)
    try:
        result = run_case(BY_NAME["port_given"], node.target)
    finally:
        node.stop()
    assert (result.outcome, result.reason) == ("not applicable", "about DNS")


def ask(address: tuple[str, int], query: dns.message.Message | bytes) -> dns.message.Message:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(100)
        client.sendto(query if isinstance(query, bytes) else query.to_wire(), address)
        return dns.message.from_wire(client.recv(4096))


def test_the_nameserver_answers_what_it_was_told_and_bears_nonsense() -> None:
    names = Nameserver("127.0.0.1:0")
    try:
        names.add("a.test", "A", "192.0.2.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"nonsense", names.address)
        known = ask(names.address, dns.message.make_query("A.test", "A"))
        assert [str(item) for item in known.answer[0]] == ["192.0.2.1"]
        empty = ask(names.address, dns.message.make_query("a.test", "AAAA"))
        assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
        assert ask(names.address, dns.message.make_query("b.test", "A")).rcode() == dns.rcode.NXDOMAIN
        assert names.asked == [("a.test", "A"), ("a.test", "AAAA"), ("b.test", "A")]
        with pytest.raises(NotApplicableError, match="can't serve DNS on"):
            Nameserver(f"127.0.0.1:{names.address[1]}")
    finally:
        names.close()
