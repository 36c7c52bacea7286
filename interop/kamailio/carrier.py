"""Kamailio as a carrier with an account: registrar and proxy with digest, and calls back to what is registered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from interop.ports import free_port
from interop.process import Process
from interop.rawsip import options

TEMPLATE = Path(__file__).with_name("carrier.cfg")


@dataclass(frozen=True, slots=True)
class Account:
    """``once``: a nonce serves one request. The gateway is where calls leave and come from."""

    user: str = "acct"
    password: str = "s3cret-pw"
    domain: str = "carrier.test"
    algorithm: str = "MD5"
    once: bool = True
    granted_s: int = 600
    least_s: int = 0
    gateway: tuple[str, int] = ("127.0.0.3", 5060)


class KamailioCarrier:
    def __init__(self, account: Account, folder: Path, address: str = "127.0.0.2") -> None:
        self.account = account
        self.address, self.port = address, free_port(address=address)
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "carrier.cfg"
        values = {
            "address": address,
            "port": self.port,
            "domain": account.domain,
            "user": account.user,
            "password": account.password,
            "algorithm": account.algorithm if account.algorithm != "MD5" else "",
            "once": int(account.once),
            "granted": account.granted_s,
            "least": account.least_s,
            "gateway_host": account.gateway[0],
            "gateway_port": account.gateway[1],
        }
        config.write_text(Template(TEMPLATE.read_text()).substitute(values))
        command = ["kamailio", "-DD", "-E", "-f", str(config), "-m", "64", "-M", "8", "-Y", str(folder)]
        self.process = Process(command, folder / "carrier.log")
        self.process.wait_ready(self.healthy)

    def healthy(self) -> bool:
        return options((self.address, self.port), timeout_s=1.0) == 200

    def logged(self, pattern: str) -> list[str]:
        """Each thing that its log says in words of this pattern."""
        return re.findall(pattern, self.process.log.read_text(errors="replace"))

    def stop(self) -> None:
        self.process.stop()
