"""Every case of ``sipmesh conformance`` against this node and against Kamailio, over each transport.

``python -m interop.conformance`` writes the table of docs/conformance.md anew, which takes twenty minutes, most of them for
timers; ``--quick`` leaves the slow cases out. As root it runs with an /etc/resolv.conf of its own, for the cases about DNS.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from interop.certificates import Authority
from interop.kamailio.node import KamailioNode
from interop.node import ROOT, Setup, SipmeshNode
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Case, Target, Transport
from sipmesh.conformance.report import markdown
from sipmesh.conformance.run import all_cases, run_case

PAGE = ROOT / "docs" / "conformance.md"
NAMESERVER = "127.0.0.99"
RESOLV_CONF = f"nameserver {NAMESERVER}\n"
IN_OWN_MOUNTS = 'mount --bind "$0" /etc/resolv.conf && rm "$0" && exec "$@"'  # for sh -c
HEAD = "| # | RFC |"
USERS = {"alice": "wonder-land"}
COLUMNS: dict[str, tuple[type[SipmeshNode] | type[KamailioNode], Transport]] = {
    "sipmesh UDP": (SipmeshNode, "udp"),
    "sipmesh TCP": (SipmeshNode, "tcp"),
    "sipmesh TLS": (SipmeshNode, "tls"),
    "Kamailio UDP": (KamailioNode, "udp"),
    "Kamailio TCP": (KamailioNode, "tcp"),
    "Kamailio TLS": (KamailioNode, "tls"),
}


@contextmanager
def serving(kind: type[SipmeshNode] | type[KamailioNode], folder: Path) -> Iterator[SipmeshNode | KamailioNode]:
    files = Authority(folder / "ca").issue("node", "DNS:example.test", "IP:127.0.0.1")
    node = kind(Setup(users=USERS, digest=("SHA-256", "MD5"), tls=(files.certificate, files.key)), folder / "node")
    try:
        yield node
    finally:
        node.stop()


def asks_us() -> bool:
    """Whether all programs that we start ask ``NAMESERVER``."""
    return Path("/etc/resolv.conf").read_text() == RESOLV_CONF


def begin_anew() -> NoReturn:
    """Where they do."""
    configured = Path(tempfile.gettempdir(), f"resolv-{os.getpid()}.conf")
    configured.write_text(RESOLV_CONF)
    again = [sys.executable, "-m", "interop.conformance", *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", IN_OWN_MOUNTS, str(configured), *again])


def target_of(node: SipmeshNode | KamailioNode, transport: Transport, dns: str) -> Target:
    port = node.tls_port if transport == "tls" else node.port
    return Target(node.address, port, transport, Account("alice", USERS["alice"], node.setup.domain), dns)


def column(name: str, cases: list[Case], dns: str) -> list[dict[str, object]]:
    kind, transport = COLUMNS[name]
    found = []
    with tempfile.TemporaryDirectory() as folder, serving(kind, Path(folder)) as node:
        for case in cases:
            result = run_case(case, target_of(node, transport, dns))
            if result.outcome == "fail":
                print(f"{name}: {case.clause} {case.run.__name__}: {result.reason}", file=sys.stderr, flush=True)
            found.append(result.as_dict())
    return found


def write(table: str) -> None:
    text = PAGE.read_text()
    start = text.index(HEAD)
    end = next((at for at in (text.find("\n\n", start),) if at >= 0), len(text))
    PAGE.write_text(text[:start] + table + (text[end:] or "\n"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the slow cases; their cells stay empty")
    quick = parser.parse_args().quick
    cases = all_cases()
    chosen = [case for case in cases if not (quick and case.slow)]
    if not asks_us() and os.geteuid() == 0 and shutil.which("unshare"):
        begin_anew()
    dns = NAMESERVER if asks_us() else ""
    write(markdown({name: column(name, chosen, dns) for name in COLUMNS}, cases))


if __name__ == "__main__":
    main()
