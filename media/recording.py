"""Calls recorded to pcap files: both legs as they arrived, SRTP that ends here taken off.

The relay's own thread writes. Here is decided what is recorded, where to, and when it has to end: a recording that can't go
on ends, the call never does.
"""

import hashlib
import logging
import os
import time

from media.clock import Clock
from media.errors import RequestError
from media.ng import Body
from media.session import Call, Recording
from media.settings import RecordingSettings
from native import relay

log = logging.getLogger(__name__)

_STATES = {relay.RECORDING: "on", relay.RECORDED: "ended", relay.RECORDING_FULL: "full", relay.RECORDING_FAILED: "failed"}


class Recordings:
    """Everything counted goes to ``counters`` as ``media_recordings_total`` by how it ended."""

    def __init__(self, relay_: relay.Relay, settings: RecordingSettings, clock: Clock, counters: dict[str, int]) -> None:
        self._relay = relay_
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._running: dict[Recording, Call] = {}
        self._closing: list[Recording] = []  # ended, and still being written

    def __len__(self) -> int:
        return len(self._running)

    def start(self, call: Call) -> None:
        """Begins, or goes on with what was paused. RequestError says why it can't be."""
        if call.recording is None:
            call.recording = self._begin(call.call_id)
            call.recorded = {}
            self._running[call.recording] = call
        call.recording.paused = False
        self.tape(call)

    def pause(self, call: Call) -> None:
        if call.recording is not None:
            call.recording.paused = True
            self._untape(call)

    def stop(self, call: Call, discard: bool = False) -> None:
        """What was accepted before gets into the file, unless its name is taken away (``discard``)."""
        recording = call.recording
        if recording is None:
            return
        self._untape(call)
        call.recording = None
        del self._running[recording]
        self._relay.end_recording(recording.number)
        self._closing.append(recording)
        if discard:
            self._unlink(recording)

    def tape(self, call: Call) -> None:
        """After each offer and answer: lines that are new belong to the recording too."""
        recording = call.recording
        if recording is None or recording.paused:
            return
        for line in call.lines():
            if line.recording != recording.number:
                line.recording = recording.number
                for stream in line.streams:
                    self._relay.tape(stream, recording.number, line.interfaces[0].announced, line.interfaces[1].announced)

    def scan(self) -> None:
        """Every second: ends what can't go on, tells of files that are complete."""
        room = not self._running or self._free_bytes() >= self._settings.min_free_bytes
        for recording, call in list(self._running.items()):
            told = self._status(recording)
            if told["state"] not in ("on", "paused"):
                call.recorded = told
                self.stop(call)
            elif not room:
                log.warning("a recording ends: less than %d bytes are free", self._settings.min_free_bytes)
                self._count("no-space")
                call.recorded = told | {"state": "no space"}
                self.stop(call)
        self._closing = [recording for recording in self._closing if not self._is_closed(recording)]

    def describe(self, call: Call) -> Body:
        """For ``query``; empty when the call is not recorded, and was not until that could not go on."""
        told = call.recorded if call.recording is None else self._status(call.recording)
        return {"recording": told} if told else {}

    def _status(self, recording: Recording) -> dict[str, int | str]:
        status = self._relay.recording_status(recording.number)
        state = "paused" if recording.paused and status.state == relay.RECORDING else _STATES[status.state]
        counts = {"packets": status.packets, "bytes": status.bytes, "dropped": status.dropped}
        return {"state": state, "file": recording.path} | counts

    def _begin(self, call_id: str) -> Recording:
        settings = self._settings
        if not settings.folder:
            raise RequestError("Recording is not configured here")
        if len(self._running) >= settings.max_calls:
            raise RequestError(f"Can't record: {settings.max_calls} calls are being recorded")
        try:
            os.makedirs(settings.folder, mode=0o700, exist_ok=True)
            if self._free_bytes() < settings.min_free_bytes:
                raise RequestError(f"Can't record: less than {settings.min_free_bytes} bytes are free")
            path = self._path(call_id)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as cause:
            raise RequestError(f"Can't record: {cause.strerror}") from None
        try:
            number = self._relay.begin_recording(descriptor, settings.max_bytes)
        except (MemoryError, OSError) as cause:
            os.close(descriptor)
            raise RequestError(f"Can't record: {cause}") from None
        log.info("recording to %s", path, extra={"call_id": call_id})
        return Recording(number, call_id, path)

    def _path(self, call_id: str) -> str:
        """Call-IDs may hold anything, so the name has their hash."""
        name = hashlib.sha256(call_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        now_s = self._clock.unix_s()
        at = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_s))
        return os.path.join(self._settings.folder, f"{name}-{at}.{int(now_s * 1_000_000) % 1_000_000:06d}Z.pcap")

    def _free_bytes(self) -> int:
        """0 when the folder can't be asked: then nothing can be written there either."""
        try:
            room = os.statvfs(self._settings.folder)
        except OSError:
            return 0
        return room.f_bavail * room.f_frsize

    def _untape(self, call: Call) -> None:
        for line in call.lines():
            if line.recording >= 0:
                line.recording = -1
                for stream in line.streams:
                    self._relay.tape(stream, None)

    def _is_closed(self, recording: Recording) -> bool:
        status = self._relay.recording_status(recording.number)
        if status.state == relay.RECORDING:
            return False
        state = _STATES[status.state]
        why = f": {os.strerror(status.error)}" if status.error else ""
        level = logging.WARNING if status.error or status.dropped else logging.INFO
        form = "recording %s %s%s: %d packets, %d bytes, %d packets dropped"
        counts = (status.packets, status.bytes, status.dropped)
        log.log(level, form, recording.path, state, why, *counts, extra={"call_id": recording.call_id})
        self._count(state)
        return True

    def _unlink(self, recording: Recording) -> None:
        try:
            os.unlink(recording.path)
        except OSError as cause:
            log.warning("recording %s can't be discarded: %s", recording.path, cause.strerror)

    def _count(self, how: str) -> None:
        self._counters[f"media_recordings_total|ended={how}"] += 1
