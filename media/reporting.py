"""RTCP of our own (RFC 3550 section 6), where a proxy asks for it: when which line's is due."""

import base64
import os
import random
from collections.abc import Callable

from media.line import Line
from native import relay

_NS = 1_000_000_000
_INTERVAL_S = 3.0, 5.0  # by chance, so that the reports of many calls don't come at once (section 6.3.1)


class Reporting:
    def __init__(self, relay_: relay.Relay, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._relay = relay_
        self._uniform = uniform
        self.due_ns: dict[Line, int] = {}  # 0: it begins now
        self._cname = base64.b64encode(os.urandom(9)).decode()

    def set(self, line: Line, reports: bool) -> None:
        """Of a line whose RTCP we can read; one that is no RTP has none."""
        if line.kind != relay.RTP or reports == (line in self.due_ns):
            return
        for stream in line.streams:
            self._relay.set_reports(stream, reports)
        if reports:
            self.due_ns[line] = 0
        else:
            del self.due_ns[line]

    def look(self, now_ns: int) -> None:
        """Sends what is due; to be called every second or so."""
        for line, due_ns in [item for item in self.due_ns.items() if item[1] <= now_ns]:
            for stream in line.streams if due_ns else ():
                self._relay.send_reports(stream, self._cname)
            self.due_ns[line] = now_ns + int(self._uniform(*_INTERVAL_S) * _NS)
            if not line.streams:  # closed
                del self.due_ns[line]
