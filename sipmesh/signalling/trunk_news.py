"""What signal workers tell each other of the trunks: how many calls of a limited one they have, and what probes found."""

from __future__ import annotations

import msgspec

from sipcore.timers import Timers
from sipcore.transport.sibling_items import News
from sipcore.transport.siblings import Siblings
from sipmesh.signalling.trunks import TargetState, Trunks, TrunkState

CALLS, TARGET = "trunk calls", "trunk target"


class CallCount(msgspec.Struct, array_like=True):
    trunk: str
    calls: int


class Probed(msgspec.Struct, array_like=True):
    trunk: str
    uri: str
    alive: bool


class TrunkNews:
    """Limits hold for all workers together, give or take the calls that begin while the news is on its way."""

    def __init__(self, trunks: Trunks, siblings: Siblings, timers: Timers) -> None:
        self._trunks = trunks
        self._siblings = siblings
        self._timers = timers
        siblings.on_news[CALLS] = self._hear_calls
        siblings.on_news[TARGET] = self._hear_target
        siblings.on_started = self._greet

    def watch(self) -> None:
        """The trunks there are now. Of those without a limit nothing was told before."""
        for trunk in self._trunks:
            trunk.on_count = self._tell_calls
            if trunk.max_calls:
                self._tell_calls(trunk)

    def tell_target(self, target: TargetState) -> None:
        probed = Probed(target.trunk_name, target.uri.text, target.failed_at is None)
        self._siblings.tell_all(News(TARGET, msgspec.msgpack.encode(probed)))

    def _tell_calls(self, trunk: TrunkState) -> None:
        self._siblings.tell_all(News(CALLS, msgspec.msgpack.encode(CallCount(trunk.name, trunk.calls))))

    def _greet(self, index: int) -> None:
        """A worker that starts has no calls yet, and wants to know of ours."""
        for trunk in self._trunks:
            trunk.calls_elsewhere.pop(index, None)
            if trunk.calls and trunk.max_calls:
                self._tell_calls(trunk)

    def _hear_calls(self, index: int, text: bytes) -> None:
        count = msgspec.msgpack.decode(text, type=CallCount)
        trunk = self._trunks.get(count.trunk)
        if trunk is not None:
            trunk.calls_elsewhere[index] = count.calls

    def _hear_target(self, index: int, text: bytes) -> None:
        probed = msgspec.msgpack.decode(text, type=Probed)
        trunk = self._trunks.get(probed.trunk)
        for target in trunk.targets if trunk is not None else ():
            if target.uri.text == probed.uri and probed.alive:
                target.answered()
            elif target.uri.text == probed.uri:
                target.failed(self._timers.now, "another worker's OPTIONS got no good answer")
