"""A minimal ng client: JSON over UDP (any rtpengine-compatible daemon answers in kind)."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from interop.process import PATIENCE_S


def ask(address: tuple[str, int], command: str, timeout_s: float = PATIENCE_S, **keys: Any) -> dict[str, Any]:
    """Sends one command and returns the reply; raises TimeoutError without one. Key names are written with ``_`` for ``-``."""
    cookie = os.urandom(6).hex()
    request = {"command": command, **{key.replace("_", "-"): value for key, value in keys.items()}}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.connect(address)
        client.send(f"{cookie} {json.dumps(request)}".encode())
        while True:
            answered, _, body = client.recv(65535).decode().partition(" ")
            if answered == cookie:
                return json.loads(body)


def alive(address: tuple[str, int]) -> bool:
    try:
        return ask(address, "ping", timeout_s=1.0).get("result") == "pong"
    except OSError:
        return False


def relayed(address: tuple[str, int], call_id: str) -> int:
    """RTP packets that the daemon has relayed for a call."""
    return int(ask(address, "query", call_id=call_id).get("totals", {}).get("RTP", {}).get("packets", 0))


def calls(address: tuple[str, int]) -> list[str]:
    """Call-IDs the daemon has sessions for."""
    return list(ask(address, "list")["calls"])
