"""Where the time of the signal worker goes while calls pass, as perf sees it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path

from bench.relay.profile import shares
from bench.sip.loads import LOADS, Bench
from bench.sip.report import Result
from bench.sip.servers import Server, command_of
from interop.process import tree

SAMPLES_A_SECOND = "1999"
SYMBOLS = 12
LEAD_S = 1.0
PLACE = re.compile(r"^\s*([\d.]+)%\s+(\S+)")
PLACES = (
    ("sip.cpython", "native.sip"),
    ("libpython", "Python"),
    ("python", "Python"),
    ("[kernel", "kernel"),
    ("liblmdb", "LMDB"),
)


def profile(bench: Bench, server: Server, seconds: float) -> Result:
    """Shares in per cent by part of the program, and the symbols with the largest."""
    data = bench.scratch("profile") / "perf.data"
    recorder = threading.Thread(target=_record, args=(_worker(server), data, seconds - LEAD_S))
    recorder.start()
    measured = bench.run(server, LOADS["call"], seconds + LEAD_S)
    recorder.join()
    places: dict[str, float] = {}
    for line in _report(data, "dso").splitlines():
        found = PLACE.match(line)
        if found:
            place = next((name for part, name in PLACES if part in found[2]), "C libraries and other extensions")
            places[place] = round(places.get(place, 0.0) + float(found[1]), 1)
    symbols = [(name, share) for name, share in shares(_report(data, "sym")) if not name.startswith("0x")]
    return {"rate": round(measured.rate), "places": places, "symbols": symbols[:SYMBOLS]}


def _worker(server: Server) -> int:
    return next(pid for pid in tree(server.process.pid) if command_of(pid).endswith(server.worker))


def _record(pid: int, data: Path, seconds: float) -> None:
    time.sleep(LEAD_S)
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", SAMPLES_A_SECOND, "-o", str(data), "-p", str(pid)]
    subprocess.run([*command, "--", "sleep", f"{seconds:g}"], capture_output=True, check=False)


def _report(data: Path, sort: str) -> str:
    command = ["perf", "report", "-i", str(data), "--stdio", "-q", "-g", "none", "-F", f"overhead,{sort}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
