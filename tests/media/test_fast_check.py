"""What an operator is told of the fast path before it is turned on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from interop.namespaces import Namespace, run
from media import fast_check, fast_path
from media.fast_check import FastReport, examine
from tests.native.relay_fast import MAY_OPEN_FAST

needs_programs = pytest.mark.skipif(not MAY_OPEN_FAST, reason="programs in the kernel take Linux 6.6 and CAP_BPF")


@pytest.fixture(autouse=True)
def no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this machine are its own affair."""
    monkeypatch.setattr(fast_check.shutil, "which", lambda name: None)
    monkeypatch.setattr(fast_check, "LEGACY", ())


def test_a_wildcard_has_none() -> None:
    report = examine(["0.0.0.0"])
    assert report.status == "unavailable"
    assert "wildcard" in report.reason or "clang" in report.reason


@needs_programs
def test_ready_and_nothing_is_left_of_the_attempt() -> None:
    before = os.listdir("/proc/self/fd")
    report = examine(["127.0.0.1"])
    assert (report.status, report.reason, report.interfaces) == ("ready", "", ("lo",))
    assert report.notes == ("only calls whose parties are on this machine come onto it: the relay's address is loopback",)
    assert os.listdir("/proc/self/fd") == before


@needs_programs
def test_an_mtu_too_small_for_any_call_is_told() -> None:
    here, there = Namespace(), Namespace()
    here.join(there, ("10.79.1.1/24",), ("10.79.1.2/24",))
    with here.inside():
        assert examine(["10.79.1.1"]) == FastReport("ready", "", ("v107911",), ())
        run("link set v107911 mtu 1000")
        assert examine(["10.79.1.1"]).notes == ("no call by v107911 comes onto it: its MTU is 1000, and 1280 is the least",)
    here.close()
    there.close()


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (errno.EPERM, "unknown", "it takes CAP_BPF and CAP_NET_ADMIN, or root"),
        (errno.EACCES, "unknown", "it takes CAP_BPF and CAP_NET_ADMIN, or root"),
        (errno.EINVAL, "unavailable", f"it takes Linux 6.6 or newer, and this is {os.uname().release}"),
        (errno.ENOSYS, "unavailable", f"it takes Linux 6.6 or newer, and this is {os.uname().release}"),
    ],
)
def test_what_the_kernel_says_becomes_what_would_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, status: str, reason: str
) -> None:
    def refuse(streams: int) -> fast_path.FastPath:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fast_path, "PROGRAM", tmp_path)
    monkeypatch.setattr(fast_path, "load", refuse)
    report = examine(["127.0.0.1"])
    assert report.status == status
    assert report.reason == f"{reason}: {os.strerror(number)}"


def chain(family: str, name: str, hook: str | None = None) -> dict[str, Any]:
    return {"chain": {"family": family, "table": "filter", "name": name} | ({"hook": hook} if hook else {})}


def rules(monkeypatch: pytest.MonkeyPatch, said: str) -> tuple[str, ...]:
    monkeypatch.setattr(fast_check.shutil, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(
        fast_check.subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 0, said.encode())
    )
    return examine(["127.0.0.1"]).notes[1:]


@needs_programs
def test_rules_that_its_packets_will_not_meet_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chains = [{"metainfo": {}}, chain("ip", "INPUT", "input"), chain("ip", "mine"), chain("inet", "through", "forward")]
    (tmp_path / "ip6_tables_names").write_text("nat\n")
    monkeypatch.setattr(fast_check, "LEGACY", (str(tmp_path / "ip6_tables_names"), str(tmp_path / "none")))
    assert rules(monkeypatch, json.dumps({"nftables": chains})) == (
        "packets on it do not meet the rules of ip filter INPUT, ip6tables nat",
    )
    many = [chain("ip", f"c{number}", "output") for number in range(12)]
    assert rules(monkeypatch, json.dumps({"nftables": many}))[0].endswith("ip filter c7 and 5 more")


@needs_programs
@pytest.mark.parametrize("said", ["", "{}", "[", '{"nftables": []}'])
def test_an_answer_that_is_none_is_no_rule(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    assert rules(monkeypatch, said) == ()
