"""A stage for one case: registers SIPp phones with a node, plays a flow between them, and cleans up whatever still runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from interop import calls
from interop.node import Node
from interop.process import PATIENCE_S
from interop.rawsip import Client
from interop.rtp import RtpEnd
from interop.script import Script
from interop.sipp import End, Sipp


@dataclass(slots=True)
class Call:
    """A flow in progress: its two SIPps, and the RTP ends their SDP names."""

    caller: Sipp
    callee: Sipp
    caller_rtp: RtpEnd
    callee_rtp: RtpEnd
    _halts: int = 0

    @property
    def call_id(self) -> str:
        """SIPp's pattern for Call-ID: number of the call, process, address."""
        return f"1-{self.caller.process.pid}@{self.caller.end.address}"

    def expect_ok(self) -> None:
        self.caller.expect_ok()
        self.callee.expect_ok()

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """Both SIPps stand still meanwhile, so that their pauses are as long as it takes, however slow the machine."""
        ends = (self.caller.process, self.callee.process)
        self._halts += 1
        for end in ends:
            end.halt()
        try:
            yield
        finally:
            self._halts -= 1
            for end in ends if not self._halts else ():
                end.resume()

    def talk(self, to_callee: str = "answer", packets: int = 30) -> None:
        """Plays RTP from the caller; the callee echoes; every packet and byte must arrive at both ends."""
        remote = self.caller.media(to_callee).remote
        with self.halted():
            played = self.caller_rtp.play(remote, packets)
            arrived, echoed = self.callee_rtp.heard(played), self.caller_rtp.heard(played)
        gained = tuple((len(heard), sum(map(len, heard))) for heard in (arrived, echoed))
        assert gained == ((packets, packets * 172),) * 2, f"packets and bytes that arrived, and that were echoed: {gained}"


@dataclass(slots=True)
class Stage:
    node: Node
    folder: Path
    _sipps: list[Sipp] = field(default_factory=list)
    _rtps: list[RtpEnd] = field(default_factory=list)
    _registered: set[str] = field(default_factory=set)

    @property
    def target(self) -> tuple[str, int]:
        return self.node.address, self.node.port

    def phone(self, user: str, transport: str = "udp", private: str = "") -> End:
        """A user of the node, not registered: one who only calls."""
        setup = self.node.setup
        return End(user, setup.domain, setup.users.get(user, ""), self.node.address, transport=transport, private=private)

    def registered(self, user: str, transport: str = "udp", private: str = "") -> End:
        """The same, registered by SIPp with digest MD5 from the port it will be called on."""
        end = self.phone(user, transport, private)
        self._registered.add(user)
        self.play(calls.register(), end, f"register-{user}").expect_ok()
        return end

    def unregister(self, user: str) -> None:
        """Removes every binding of ``user`` (RFC 3261 section 10.2.2); stays quiet when the node is gone."""
        setup = self.node.setup
        with Client(self.target, address=self.node.address) as client, contextlib.suppress(TimeoutError):
            client.register(user, setup.domain, setup.users[user], setup.digest[-1], contact="*", expires_s=0)

    def play(
        self, script: Script, end: End, name: str, called: str = "", to: tuple[str, int] | None = None, **options: object
    ) -> Sipp:
        """``to``: another address than the node's."""
        sipp = Sipp(script, end, to or self.target, self.folder, called, f"{len(self._sipps)}-{name}", **options)  # type: ignore[arg-type]
        self._sipps.append(sipp)
        return sipp

    def rtp(self, echo: bool = False) -> RtpEnd:
        end = RtpEnd(self.node.address, echo=echo)
        self._rtps.append(end)
        return end

    def carrier(self, address: str, port: int = 0, calls_: int = 1000, timeout_s: float = 2 * PATIENCE_S) -> Sipp:
        """A carrier's gateway that answers calls and OPTIONS probes until it is stopped."""
        end = End("gateway", self.node.setup.domain, address=address, port=port)
        keys = {"rtp_port": str(self.rtp(echo=True).port)}
        script = calls.FLOWS["carrier_out"]()[1]
        return self.play(script, end, "carrier", "alice", keys=keys, calls=calls_, timeout_s=timeout_s, options=("-aa",))

    def callee(self, script: Script, end: End, rtp: RtpEnd | None = None, peer: str = "alice", **keys: str) -> Sipp:
        port = str((rtp or self.rtp(echo=True)).port)
        return self.play(script, end, f"callee-{end.user}", peer, keys={"rtp_port": port, **keys})

    def call(self, flow: str, caller: End, callee: End, **callee_keys: str) -> Call:
        """Starts ``flow``: the callee first, then the caller."""
        scripts = calls.FLOWS[flow]()
        near, far = self.rtp(), self.rtp(echo=True)
        called = self.callee(scripts[1], callee, far, caller.user, **callee_keys)
        calling = self.play(scripts[0], caller, f"caller-{caller.user}", callee.user, keys={"rtp_port": str(near.port)})
        return Call(calling, called, near, far)

    def close(self) -> None:
        for sipp in self._sipps:
            sipp.stop()
        for rtp in self._rtps:
            rtp.close()
        for user in self._registered:
            self.unregister(user)
