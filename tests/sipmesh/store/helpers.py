"""What the tests of the store share."""

import subprocess
import sys
from pathlib import Path

from sipcore.location import Binding

ROOT = Path(__file__).resolve().parents[3]


def binding(contact: str = "sip:alice@192.0.2.1:5060", expires_at: float = 1000.0) -> Binding:
    return Binding(contact=contact, call_id="c1", cseq=1, expires_at=expires_at)


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that runs ``program``; its standard output says when it got where."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def line_from(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
