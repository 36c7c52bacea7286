"""Our media daemon and rtpengine side by side: both started on the same addresses, both asked the same."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop import ng
from interop.ports import free_port
from interop.process import Process

FIRST_PORT, LAST_PORT = 40000, 41999
PORTS_EACH = 1000
ALICE, BOB = "198.51.100.1", "198.51.100.3"
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv"
EVENTS = ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")
COMMON = {"ICE": "remove", "DTLS": "off"}
NO_ADDRESS = {4: "0.0.0.0", 6: "::"}  # "send nothing to me"

Address = tuple[str, int]


@dataclass(frozen=True)
class Relays:
    ours: Address
    theirs: Address

    def changed(self, steps: list[Step]) -> list[str]:
        """Lines that only one of them writes: ``-`` rtpengine, ``+`` ours."""
        lines = difflib.unified_diff(served(self.theirs, steps), served(self.ours, steps), "theirs", "ours", lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@dataclass(frozen=True)
class Step:
    command: str
    sdp: str
    keys: dict[str, Any]
    back: bool = False  # an offer of the callee's, or the caller's answer to it


def offer(sdp: str, *flags: str, back: bool = False, **keys: Any) -> Step:
    return Step("offer", sdp, {**keys, "flags": list(flags)}, back)


def answer(sdp: str, *flags: str, back: bool = False, **keys: Any) -> Step:
    return Step("answer", sdp, {**keys, "flags": list(flags)}, back)


def audio(formats: str, *attributes: str, host: str = ALICE, port: int = 2000, profile: str = "RTP/AVP") -> tuple[str, ...]:
    return (f"m=audio {port} {profile} {formats}", connection(host), *attributes)


def connection(host: str) -> str:
    return f"c=IN IP{6 if ':' in host else 4} {host}"


def body(*sections: tuple[str, ...], host: str = ALICE, version: int = 1, session: tuple[str, ...] = ()) -> str:
    head = ("v=0", f"o=- 1545997027 {version} IN IP4 {host}", "s=tester", "t=0 0", *session)
    return "".join(f"{line}\r\n" for part in (head, *sections) for line in part)


def of_bob(*sections: tuple[str, ...]) -> str:
    return body(*(tuple(line.replace(ALICE, BOB) for line in section) for section in sections), host=BOB)


PLAIN = body(audio("0"))
OF_BOB = of_bob(audio("0"))


def started(folder: Path) -> Iterator[Relays]:
    """Both on 127.0.0.1 and ::1, and as ``inside`` and ``outside`` on two more."""
    ours, theirs = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    commands = {
        ours: [
            *(sys.executable, "-m", "media", "--ng", f"{ours[0]}:{ours[1]}"),
            *("--ports", f"{FIRST_PORT}-{FIRST_PORT + PORTS_EACH - 1}", "--address", "127.0.0.1", "--address", "::1"),
            *("--address", "inside=127.0.0.7", "--address", "outside=127.0.0.8"),
        ],
        theirs: [
            *("rtpengine", "--config-file=none", "--table=-1", f"--listen-ng={theirs[0]}:{theirs[1]}"),
            *("--interface=127.0.0.1", "--interface=::1", "--interface=inside/127.0.0.7", "--interface=outside/127.0.0.8"),
            *("--foreground", "--log-stderr", "--log-level=3"),
            *(f"--port-min={LAST_PORT - PORTS_EACH + 1}", f"--port-max={LAST_PORT}"),
        ],
    }
    processes: list[Process] = []
    try:
        for address, command in commands.items():
            processes.append(Process(command, folder / f"{address[1]}.log"))
        for process, address in zip(processes, commands, strict=True):
            process.wait_ready(lambda address=address: ng.alive(address))  # type: ignore[misc]
        yield Relays(ours, theirs)
    finally:
        for process in processes:
            process.stop()


def served(relay: Address, steps: list[Step]) -> list[str]:
    """The lines handed back. Ports are numbered as they come, keys and marks are named: who keeps a port does so in both."""
    call_id = os.urandom(8).hex()
    lines: list[str] = []
    ports: dict[str, str] = {}
    for step in steps:
        caller, callee = ("b", "a") if step.back else ("a", "b")
        tags = {"from_tag": caller, **({"to_tag": callee} if step.command == "answer" or lines else {})}
        keys = {"call_id": call_id, "sdp": step.sdp, **tags, **COMMON, **step.keys}
        reply = ng.ask(relay, step.command, **{key: value for key, value in keys.items() if value is not None})
        told = reply.get("sdp", str(reply))
        host = re.search(r"c=IN IP. (\S+)", told)
        lines += [step.command, *(_named(line, host[1] if host else "", ports) for line in told.splitlines())]
    ng.ask(relay, "delete", call_id=call_id, from_tag="a")
    return lines


def _named(line: str, host: str, ports: dict[str, str]) -> str:
    line = re.sub(r"^a=(ice-ufrag|ice-pwd|candidate):\S+", r"a=\1:OWN", line)
    if line.startswith(("m=", "a=rtcp:", "a=candidate:")):
        line = re.sub(r"\b4[01]\d{3}\b", lambda match: ports.setdefault(host + match[0], f"PORT{len(ports)}"), line)
    line = re.sub(r"inline:[A-Za-z0-9+/=]+", "inline:KEY", line)
    return re.sub(r"^a=rtpengine:[0-9a-f]{12}$", "a=rtpengine:MARK", line)
