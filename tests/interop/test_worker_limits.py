"""Limits of a node with several signal workers hold for all of them together. (sipmesh only.)"""

from __future__ import annotations

import time
from pathlib import Path

from interop.node import Setup, SipmeshNode
from interop.process import PATIENCE_S
from interop.rawsip import Client
from tests.interop.conftest import USERS, serving

PER_S = 10
SENT = 300


def test_a_source_gets_its_rate_once(tmp_path: Path) -> None:
    setup = Setup(users=USERS, signal_workers=3, requests_per_source_per_s=PER_S)
    for node in serving(SipmeshNode(setup, tmp_path / "node")):
        with Client((node.address, node.port)) as phone:
            began = time.monotonic()
            for _ in range(SENT):  # each with a Call-ID of its own, so they belong to different workers
                phone.request("OPTIONS", f"sip:{setup.domain}", "alice", setup.domain)
            answered = 0
            while phone.receive(PATIENCE_S if answered < PER_S else 0.5) is not None:
                answered += 1
            elapsed_s = time.monotonic() - began
        assert PER_S <= answered <= PER_S * (1 + elapsed_s) + 1
