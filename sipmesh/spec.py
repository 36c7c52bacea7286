"""What the supervisor tells a worker: one environment variable with a ``Spec`` as JSON, sockets as open descriptors."""

from pathlib import Path
from typing import Literal

import msgspec

ENVIRONMENT = "SIPMESH_WORKER"
Role = Literal["signal", "media", "agent"]


class Spec(msgspec.Struct, frozen=True):
    """Descriptors are -1 when the worker has none of that kind."""

    role: Role
    index: int
    data: str  # the node's data folder
    config_file: str  # read again on SIGHUP, by the agent
    supervisor_pid: int
    report_fd: int  # pipe to the supervisor: "ready" once, then "alive" each few seconds
    sip: dict[int, int] = {}  # listener index → descriptor
    siblings: dict[int, int] = {}  # other signal workers' index → descriptor of a datagram socket to it
    ng_fd: int = -1  # Unix seqpacket, listening
    ng_udp_fd: int = -1  # bound to [media] ng
    raw_fds: list[int] = []  # of raw sockets for relay threads to send by
    fast_fds: list[int] = []  # of the maps of the relay's fast path, pairs and legs
    fast_interfaces: list[int] = []  # numbers of those it is at
    console_fd: int = -1  # TCP, listening
    log_format: Literal["text", "json"] = "text"

    def descriptors(self) -> list[int]:
        """What the process must inherit."""
        single = (self.report_fd, self.ng_fd, self.ng_udp_fd, self.console_fd)
        return [fd for fd in (*single, *self.sip.values(), *self.siblings.values(), *self.raw_fds, *self.fast_fds) if fd >= 0]


def ng_path(data: str | Path) -> Path:
    """The Unix socket on which the media worker serves ng."""
    return Path(data) / "ng.sock"
