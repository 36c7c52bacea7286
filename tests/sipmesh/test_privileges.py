"""Leaving root, in a process of its own; without root there is nothing to leave."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

from sipmesh.privileges import CAP_NET_RAW, CAP_SYS_NICE

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, socket, sys
from pathlib import Path
from sipmesh.privileges import CAP_NET_RAW, become, give_up
data = Path(sys.argv[1])
become("nobody", data)
may_open = True
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
except PermissionError:
    may_open = False
give_up(CAP_NET_RAW)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
ambient, effective = (int(status[name], 16) for name in ("CapAmb", "CapEff"))
(data / "mine").write_text("x")
print(os.getuid(), len(os.getgroups()), effective, ambient, int(may_open))
"""


def become_nobody(data: Path) -> list[int]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(data)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return [int(word) for word in ended.stdout.split()]


def own_capabilities() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapPrm")]
    return int(line.split()[1], 16)


def test_root_becomes_the_account_and_keeps_one_capability_and_another_until_it_is_given_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        (data / "before").write_text("x")
        uid, groups, effective, ambient, may_open = become_nobody(data)
        if os.geteuid() != 0:
            assert uid == os.geteuid()
            return
        nobody = pwd.getpwnam("nobody")
        nice = own_capabilities() & (1 << CAP_SYS_NICE)
        assert (uid, groups, effective, ambient) == (nobody.pw_uid, 1, nice, nice)
        assert may_open == own_capabilities() >> CAP_NET_RAW & 1
        assert {path.stat().st_uid for path in (data, *data.iterdir())} == {nobody.pw_uid}


def test_an_account_that_is_not_there_is_named() -> None:
    program = "from pathlib import Path; from sipmesh.privileges import *\ntry: become('no-such', Path('x'))\n"
    program += "except PrivilegeError as error: print(error)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    wanted = "there is no account 'no-such'; change user in [node]\n" if os.geteuid() == 0 else ""
    assert ended.stdout == wanted
