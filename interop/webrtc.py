"""A WebRTC peer that is no browser: aiortc, with ICE and DTLS-SRTP of its own. One tone out, what comes in kept as sound."""

from __future__ import annotations

import asyncio
import fractions
import threading
import time
from collections.abc import Coroutine
from typing import Any

import aioice.ice
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from interop.tones import Heard

RATE_HZ, FRAME = 48000, 960  # 20 ms

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # it has no way to be told that loopback will do


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, frequency_hz: float) -> None:
        super().__init__()
        self._frequency_hz = frequency_hz
        self._number = 0
        self._begun = 0.0

    async def recv(self) -> AudioFrame:
        self._begun = self._begun or time.monotonic()
        await asyncio.sleep(max(0.0, self._begun + self._number * FRAME / RATE_HZ - time.monotonic()))
        times = np.arange(self._number * FRAME, (self._number + 1) * FRAME) / RATE_HZ
        levels = (np.sin(2 * np.pi * self._frequency_hz * times) * 16000).astype("<i2")
        frame = AudioFrame.from_ndarray(levels[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._number * FRAME, fractions.Fraction(1, RATE_HZ)
        self._number += 1
        return frame


class Peer:
    """Blocking calls; the connection lives in an event loop in a thread of its own."""

    def __init__(self, tone_hz: float) -> None:
        self.tone_hz = tone_hz
        self.heard = Heard(RATE_HZ)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listening: set[asyncio.Task[None]] = set()
        self._connection = self._do(self._connect())

    def offer(self) -> str:
        return self._do(self._offer())

    def answer(self, offer: str) -> str:
        return self._do(self._answer(offer))

    def accept(self, answer: str) -> None:
        self._do(self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer")))

    def turn(self, direction: str) -> None:
        """What the next body says of its sound."""
        for transceiver in self._connection.getTransceivers():
            transceiver.direction = direction

    def reached(self) -> bool:
        """By ICE; DTLS may be still to come."""
        return self._connection.iceConnectionState in ("connected", "completed")

    def packets(self) -> int:
        """That it heard."""
        return self._counted("inbound-rtp", "packetsReceived")

    def sent(self) -> int:
        """Packets."""
        return self._counted("outbound-rtp", "packetsSent")

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _counted(self, kind: str, name: str) -> int:
        return sum(getattr(part, name) for part in self._do(self._connection.getStats()).values() if part.type == kind)

    async def _connect(self) -> RTCPeerConnection:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.addTrack(Tone(self.tone_hz))
        connection.on("track", self._listen)
        return connection

    async def _offer(self) -> str:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def _answer(self, offer: str) -> str:
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._connection.localDescription.sdp

    async def _close(self) -> None:
        await self._connection.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _listen(self, track: MediaStreamTrack) -> None:
        task = asyncio.ensure_future(self._keep(track))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

    async def _keep(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:  # ended
                return
            channels = len(frame.layout.channels)
            self.heard.add(frame.to_ndarray().reshape(-1)[::channels] / 32768, frame.sample_rate)
