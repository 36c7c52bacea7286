"""What floods of refused offers, of deletes and of short calls take is given back: by the interpreter's count of its blocks and
by the C library's of its bytes, in a process of their own, in virtual time."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from media import bencode
from media.reply_cache import GENERATION_S
from tests.media.world import World, sdp

ROOT = Path(__file__).resolve().parents[2]
EACH = 5_000
FLOODS = 6
WIRE = ("10.0.0.1", 40000)


class MallInfo(ctypes.Structure):
    """struct mallinfo2 (<malloc.h>)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


class Flooded:
    def __init__(self) -> None:
        self.world = World()
        self.asked = 0
        library = ctypes.CDLL(None)
        library.mallinfo2.restype = MallInfo
        self._mallinfo: Callable[[], MallInfo] = library.mallinfo2

    def ask(self, command: str, **keys: str) -> bytes:
        self.asked += 1
        request = {"command": command, "from-tag": "a"} | {key.replace("_", "-"): value for key, value in keys.items()}
        reply = self.world.dispatcher.datagram(b"%d " % self.asked + bencode.encode(request), WIRE, 65507)
        assert reply is not None
        return reply

    def flood(self) -> None:
        broken = sdp("m=audio 5x00 RTP/AVP 0")
        for number in range(EACH):
            assert b"Failed to parse" in self.ask("offer", call_id=f"refused {number}", sdp=broken)
            assert b"not found" in self.ask("delete", call_id=f"unknown {number}")
        for number in range(EACH // 5):
            for command, keys in (("offer", {"sdp": sdp()}), ("answer", {"sdp": sdp(), "to_tag": "b"}), ("delete", {})):
                assert b"2:ok" in self.ask(command, call_id=f"call {number}", **keys)

    def rest(self) -> tuple[int, int]:
        """Blocks of the interpreter and bytes of the C library in use, once all that is kept for a while is gone."""
        for _ in range(8):
            self.world.turn(GENERATION_S / 2)
            self.world.calls.lines.reap()
            self.world.timeouts.scan()
            self.world.commands.ended.scan()
            self.world.dispatcher.scan()
        for remembered in vars(self.world.relay).values():  # what a fake relay was told, of streams long gone
            if isinstance(remembered, dict | list):
                remembered.clear()
        self.world.open_sockets.clear()
        gc.collect()
        info = self._mallinfo()
        return sys.getallocatedblocks(), info.uordblks + info.hblkhd


def main() -> None:
    """What leaks grows with each flood; a table of the interpreter's that has become too small grows once."""
    flooded = Flooded()
    rests = []
    for _ in range(FLOODS):
        flooded.flood()
        busy = sys.getallocatedblocks()
        rests.append(flooded.rest())
        assert busy > rests[-1][0] + EACH, "nothing was kept that could be given back"
    # over two floods: what is kept in two generations comes and goes by turns
    growth = [(later[0] - earlier[0], later[1] - earlier[1]) for earlier, later in zip(rests, rests[2:], strict=False)]
    assert min(blocks for blocks, _ in growth) < EACH / 50, f"blocks more after two more floods: {growth}"
    assert min(size for _, size in growth) < EACH * 5, f"bytes more after two more floods: {growth}"


def test_floods_give_back_what_they_took() -> None:
    command = [sys.executable, "-m", "tests.media.test_flood_memory"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    main()
