"""Kamailio with rtpengine (Debian's packages) as the node: every case must hold here before it judges us."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from string import Template

from interop import ng
from interop.node import ROOT, Setup
from interop.ports import free_port
from interop.process import Process, rss_bytes
from interop.rawsip import options

TLS_LISTEN = "enable_tls=yes\nlisten=tls:{address}:{port}"
TLS_MODULE = """loadmodule "tls.so"
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "tls_method", "TLSv1.2+")"""
TEMPLATE = Path(__file__).with_name("kamailio.cfg")


class Rtpengine:
    """rtpengine in user space, its ng port on loopback."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.ng = (address, free_port((socket.SOCK_DGRAM,)))
        first = free_port((socket.SOCK_DGRAM,), span=200)
        command = ["rtpengine", "--foreground", "--log-stderr", "--log-level=6", "--table=-1", f"--interface={address}"]
        command += [
            f"--listen-ng={address}:{self.ng[1]}",
            f"--port-min={first}",
            f"--port-max={first + 199}",
            "--num-threads=1",
        ]
        command += [f"--pidfile={folder / 'rtpengine.pid'}", "--config-file=none"]
        self.process = Process(command, folder / "rtpengine.log")
        self.process.wait_ready(lambda: ng.alive(self.ng))

    def stop(self) -> None:
        self.process.stop()


class MediaDaemon:
    """Our relay daemon alone, in rtpengine's place."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.ng = (address, free_port((socket.SOCK_DGRAM,)))
        first = free_port((socket.SOCK_DGRAM,), span=200)
        self.ports = range(first, first + 200)
        command = [sys.executable, "-m", "media", "--ng", f"{address}:{self.ng[1]}", "--address", address]
        self.process = Process([*command, "--ports", f"{first}-{self.ports[-1]}"], folder / "media.log", cwd=ROOT)
        self.process.wait_ready(lambda: ng.alive(self.ng))

    def stop(self) -> None:
        self.process.stop()


class Kamailio:
    """A Kamailio with our configuration; ``ng`` is the address of whatever relay it shall drive."""

    def __init__(self, setup: Setup, folder: Path, ng_address: tuple[str, int], options_: tuple[str, ...] = ()) -> None:
        self.setup = setup
        self.address = "127.0.0.1"
        self.port = free_port()
        self.tls_port = free_port() if setup.tls else 0
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "kamailio.cfg"
        config.write_text(self._configuration(folder, ng_address))
        (folder / "dispatcher.list").write_text(self._dispatcher())
        command = ["kamailio", "-DD", "-E", "-f", str(config), "-m", "64", "-M", "8", "-Y", str(folder), *options_]
        self.process = Process(command, folder / "kamailio.log")
        self.process.wait_ready(self.healthy)

    def _configuration(self, folder: Path, ng_address: tuple[str, int]) -> str:
        setup = self.setup
        users = "\n".join(f'    $sht(users=>{name}) = "{password}";' for name, password in setup.users.items())
        return Template(TEMPLATE.read_text()).substitute(
            address=self.address,
            port=self.port,
            tls_listen=TLS_LISTEN.format(address=self.address, port=self.tls_port) if setup.tls else "",
            tls_module=TLS_MODULE.format(certificate=setup.tls[0], key=setup.tls[1]) if setup.tls else "",
            domain=setup.domain,
            users=users,
            folder=folder,
            ng=f"{ng_address[0]}:{ng_address[1]}",
            anchor="yes" if setup.anchor else "no",
            prefix=setup.trunk.prefix.replace("+", r"\+") if setup.trunk else "none",
            algorithm=setup.digest[0],
            bindings=setup.bindings,
            fr_timer=1500 if setup.trunk else 30000,  # ms; a trunk's next target is tried soon
            profile=setup.profile,
        )

    def _dispatcher(self) -> str:
        if not self.setup.trunk:
            return ""
        return "".join(f"1 {target} 0\n" for target in self.setup.trunk.targets)

    def healthy(self) -> bool:
        return options((self.address, self.port), timeout_s=1.0) == 200

    def stop(self) -> None:
        self.process.stop()


class KamailioNode:
    """Kamailio with a relay: rtpengine, or our own daemon."""

    def __init__(self, setup: Setup, folder: Path, relay: type[Rtpengine] | type[MediaDaemon] = Rtpengine) -> None:
        self.setup = setup
        folder.mkdir(parents=True, exist_ok=True)
        self.relay = relay(folder)
        try:
            self.proxy = Kamailio(setup, folder, self.relay.ng)
        except BaseException:
            self.relay.stop()
            raise
        self.address, self.port, self.tls_port = self.proxy.address, self.proxy.port, self.proxy.tls_port

    def pids(self) -> list[int]:
        return self.proxy.process.tree() + self.relay.process.tree()

    def healthy(self) -> bool:
        return self.proxy.healthy() and ng.alive(self.relay.ng)

    def rss_bytes(self) -> int:
        return sum(rss_bytes(pid) for pid in self.pids())

    def relayed(self, call_id: str) -> int:
        return ng.relayed(self.relay.ng, call_id)

    def log(self) -> str:
        return self.proxy.process.log.read_text(errors="replace") + self.relay.process.log.read_text(errors="replace")

    def leftovers(self) -> list[str]:
        return []

    def stop(self) -> int:
        self.proxy.stop()
        self.relay.stop()
        return 0
