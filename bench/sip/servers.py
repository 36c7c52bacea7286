"""The two servers, each pinned to one core, configured alike: in-memory bindings, Record-Route, rport; media is left alone, or
relayed: by our media process, and by rtpengine beside Kamailio."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from bench.relay import contenders
from interop import ng
from interop.node import ROOT
from interop.ports import free_port
from interop.process import Process, cpu_ns, tree
from interop.rawsip import Client, options

PASSWORD = "bench-password"  # of every user of the domain digest.test
USERS = 500
PROBER = "prober"  # the user of the prober, whom no load calls
OPEN, DIGEST = "open.test", "digest.test"
CARRIER, PREFIX = "carrier.test", "9"  # whom a trunk calls for; the first digit of the numbers that another takes


@dataclass(slots=True)
class Server:
    name: str
    address: str
    port: int
    process: Process
    trunk_port: int  # of 127.0.0.1: where calls to numbers with the prefix go, without it
    worker: str = ""  # how the command line of the process that handles SIP ends; "": not known
    relay: Process | None = None  # what relays media for it, when that is none of its processes

    def cpu_ns(self) -> int:
        """Time on a CPU of all its processes, since they started."""
        roots = [self.process, *([self.relay] if self.relay is not None else [])]
        return sum(cpu_ns(pid) for root in roots for pid in tree(root.pid))

    def stop(self) -> None:
        self.process.stop()
        if self.relay is not None:
            self.relay.stop()

    def signal_ns(self) -> int:
        """As ``cpu_ns``, of its signal workers."""
        return sum(cpu_ns(pid) for pid in tree(self.process.pid) if " signal-" in command_of(pid))

    def worker_ns(self) -> int:
        """As ``cpu_ns``, of the process that handles SIP alone; 0 when it is not known."""
        return sum(cpu_ns(pid) for pid in tree(self.process.pid) if self.worker and command_of(pid).endswith(self.worker))

    def register_users(self, port: int, transport: str, private_host: str = "", users: range = range(USERS)) -> None:
        """Binds ``users`` of open.test to the callee's port; from there, to what a phone behind NAT says, if that is given."""
        with Client((self.address, self.port), port=port if private_host else 0) as client:
            for index in users:
                contact = f"<sip:user{index}@{private_host or '127.0.0.1'}:{port};transport={transport}>"
                self._register(client, f"user{index}", contact, 3600)

    def unregister_users(self) -> None:
        with Client((self.address, self.port)) as client:
            for index in range(USERS):
                self._register(client, f"user{index}", "*", 0)

    def _register(self, client: Client, user: str, contact: str, expires_s: int) -> None:
        """Patiently: a load that was too much may still be worked off."""
        for _ in range(10):
            try:
                status = client.register(user, OPEN, PASSWORD, contact=contact, expires_s=expires_s).status
            except TimeoutError:
                continue
            if status == 200:
                return
            if status == 503:  # it sheds load; Retry-After says how long, a second is its least
                time.sleep(1.0)
                continue
            raise RuntimeError(f"{self.name}: REGISTER answered {status}")
        raise RuntimeError(f"{self.name}: REGISTER is not answered")


def on_cores(cores: Sequence[int]) -> list[str]:
    """What a command begins with to run there, before all else that does if that may be said: servers and SIPp alike."""
    before = ["nice", "-n", "-20"] if os.geteuid() == 0 else []
    return [*before, "taskset", "-c", ",".join(map(str, cores))]


def kamailio(folder: Path, core: int, *, relayed: bool = False, behind_nat: bool = False) -> Server:
    """Kamailio with its faster allocator and large socket buffers, one UDP worker. It looks for NAT when ``behind_nat``."""
    port, trunk_port = free_port(), free_port()
    relay, ng_port = _rtpengine(folder, core) if relayed else (None, 0)
    config = folder / "kamailio.cfg"
    text = Template(Path(__file__).with_name("kamailio.cfg").read_text())
    ports = {"port": port, "trunk_port": trunk_port, "ng": f"127.0.0.1:{ng_port}"}
    config.write_text(text.substitute(address="127.0.0.1", password=PASSWORD, carrier=CARRIER, prefix=PREFIX, **ports))
    command = [*on_cores([core]), "kamailio", "-DD", "-E", "-f", str(config), "-x", "fm", "-b", "4194304"]
    command += ["-m", "1024", "-M", "32", "-Y", str(folder)]
    command += [*(("-A", "RELAYED") if relayed else ()), *(("-A", "BEHIND_NAT") if behind_nat else ())]
    return replace(_started("kamailio", port, Process(command, folder / "kamailio.log"), trunk_port), relay=relay)


def _rtpengine(folder: Path, core: int) -> tuple[Process, int]:
    """In user space, on the same core; the process and the port it takes ng on."""
    address = ("127.0.0.1", free_port((socket.SOCK_DGRAM,)))
    command = [*on_cores([core]), *contenders.rtpengine(address, address[0])]
    process = Process(command, folder / "rtpengine.log")
    process.wait_ready(lambda: ng.alive(address), 20.0)
    return process, address[1]


def sipmesh(folder: Path, core: int, signal_workers: int = 1, *, relayed: bool = False, behind_nat: bool = False) -> Server:
    """A node as `sipmesh run` makes it, but for the media that it leaves alone unless it is to be ``relayed``. NAT is
    always looked for."""
    folder.mkdir(exist_ok=True)
    port, trunk_port = free_port(), free_port()
    console = free_port((socket.SOCK_STREAM,))
    lines = ["[node]", 'name = "bench"', f'data = "{folder / "data"}"', f"signal_workers = {signal_workers}"]
    for transport in ("udp", "tcp"):
        lines += ["[[listen]]", f'transport = "{transport}"', f'address = "127.0.0.1:{port}"']
    for domain, auth in ((OPEN, "false"), (DIGEST, "true")):
        lines += ["[[domain]]", f'name = "{domain}"', f"auth = {auth}", 'digest = ["MD5"]']
        for user in (*(f"user{index}" for index in range(USERS)), PROBER):
            lines += ["[[user]]", f'aor = "{user}@{domain}"', f'password = "{PASSWORD}"']
    lines += ["[[trunk]]", 'name = "callers"', 'sources = ["127.0.0.1/32"]', "transit = true"]
    lines += ["[[trunk]]", 'name = "carrier"', f'targets = ["sip:127.0.0.1:{trunk_port}"]', "probe_s = 0"]
    lines += ["[[route]]", f'match = "{PREFIX}*"', 'to = "trunk:carrier"', f"strip = {len(PREFIX)}"]
    first, last = contenders.PORTS
    lines += ["[media]", *((f'ports = "{first}-{last}"', "threads = 1") if relayed else ("anchor = false",))]
    lines += ["[limits]", 'exempt = ["127.0.0.0/8"]', "[console]", f'address = "127.0.0.1:{console}"']
    config = folder / "sipmesh.toml"
    config.write_text("\n".join([*lines, ""]))
    command = [*on_cores([core]), sys.executable, "-c", "from sipmesh.cli import main; main()"]
    process = Process([*command, "run", "--config", str(config)], folder / "sipmesh.log", cwd=ROOT)
    process.wait_ready(lambda: _healthy(console), 20.0)  # answers come before the start is over
    return replace(_started("sipmesh", port, process, trunk_port), worker="signal-0")


def _started(name: str, port: int, process: Process, trunk_port: int) -> Server:
    process.wait_ready(lambda: options(("127.0.0.1", port), timeout_s=0.3) == 200, 20.0)
    return Server(name, "127.0.0.1", port, process, trunk_port)


def _healthy(console: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{console}/health", timeout=1.0) as answer:
            return bool(json.load(answer)["ready"])
    except (OSError, urllib.error.URLError, ValueError):
        return False


def command_of(pid: int) -> str:
    """Its command line; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
