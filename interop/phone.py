"""A phone without ICE and DTLS: one PCMU tone out, whatever comes in kept as sound. Plain RTP, or SRTP with keys in SDP.

Its methods are those of ``interop.webrtc.Peer`` and ``interop.chromium.Peer``, so that any two can be in a call.
"""

from __future__ import annotations

import base64
import os
import re
import struct
import threading
import time

import numpy as np
import pylibsrtp
from numpy.typing import NDArray

from interop.rtp import FRAME, HEADER, PCMU, RtpEnd
from interop.tones import Heard

RATE_HZ = 8000
SUITE = "AES_CM_128_HMAC_SHA1_80"
BIAS = 132  # ITU-T G.711: what is added before the segments are told apart
MISSED = 10  # packets
PLI_HEADER = bytes.fromhex("81ce0002")  # "picture loss" (RFC 4585 section 6.3.1)


def encoded(samples: NDArray[np.float64]) -> bytes:
    """mu-law of samples in -1..1 (ITU-T G.711)."""
    levels = np.minimum(np.abs(samples) * 32767, 32635).astype(np.int64) + BIAS
    segments = np.floor(np.log2(levels)).astype(np.int64) - 7
    return (~((samples < 0) << 7 | segments << 4 | (levels >> (segments + 3)) & 15) & 255).astype(np.uint8).tobytes()


def decoded(payload: bytes) -> NDArray[np.float64]:
    """The samples in -1..1 of mu-law."""
    codes = ~np.frombuffer(payload, np.uint8) & 255
    levels = (((codes & 15).astype(np.int64) << 3) + BIAS << (codes >> 4 & 7)) - BIAS
    return np.where(codes & 128, -levels, levels) / 32768


class Phone:
    """Sends its tone from the answer on, until it holds or is closed. It has its ``profile``, and no other."""

    def __init__(self, tone_hz: float, profile: str = "RTP/AVP") -> None:
        self.tone_hz = tone_hz
        self.heard = Heard(RATE_HZ)
        self.profile = profile
        self._secure = "SAVP" in profile
        self.mirror = Mirror()
        self._key = os.urandom(30)
        self._tag = "1"
        self._sealing: pylibsrtp.Session | None = None
        self._opening: pylibsrtp.Session | None = None
        self._remote = ("", 0)
        self._version = self._sent = 0
        self._direction = "sendrecv"
        self._end = RtpEnd(hear=self._receive)
        self._stopped = threading.Event()
        self._player = threading.Thread(target=self._play, daemon=True)
        self._player.start()

    def offer(self) -> str:
        return self._body("")

    def answer(self, offer: str) -> str:
        """A second line, of video, is mirrored: its first format comes back as it is."""
        self.accept(offer)
        self._direction = "inactive" if re.search(r"^a=inactive", offer, re.MULTILINE) else "sendrecv"
        return self._body(offer)

    def accept(self, answer: str) -> None:
        host = re.search(r"^c=IN IP4 (\S+)", answer, re.MULTILINE)
        port = re.search(rf"^m=audio (\d+) {self.profile} ", answer, re.MULTILINE)
        assert host, answer
        assert port, answer
        if self._secure:
            theirs = re.search(rf"^a=crypto:(\d+) {SUITE} inline:([\w+/=]+)", answer, re.MULTILINE)
            assert theirs, answer
            self._tag = theirs[1]
            kinds = pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND
            keys = self._key, base64.b64decode(theirs[2])
            policies = [pylibsrtp.Policy(key=key, ssrc_type=kind) for key, kind in zip(keys, kinds, strict=True)]
            self._sealing, self._opening = (pylibsrtp.Session(policy) for policy in policies)
        self._remote = host[1], int(port[1])

    def turn(self, direction: str) -> None:
        """What the next body says; what is neither ``sendrecv`` nor ``sendonly`` sends nothing from now on."""
        self._direction = direction

    def packets(self) -> int:
        """That it heard."""
        return len(self._end.payloads)

    def sent(self) -> int:
        """Packets."""
        return self._sent

    def close(self) -> None:
        self._stopped.set()
        self._player.join()
        self._end.close()
        self.mirror.close()

    def _body(self, offer: str) -> str:
        self._version += 1
        told = ["v=0", f"o=- 1 {self._version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        told += [f"m=audio {self._end.port} {self.profile} {PCMU}", f"a={self._direction}"]
        told += ["a=rtcp-mux"] * ("a=rtcp-mux" in offer)
        if self._secure:
            told.append(f"a=crypto:{self._tag} {SUITE} inline:{base64.b64encode(self._key).decode()}")
        if video := re.search(r"^m=video \d+ (\S+) (\d+)", offer, re.MULTILINE):
            told += [f"m=video {self.mirror.port} {video[1]} {video[2]}", "a=rtcp-mux"]
            told += re.findall(rf"^a=(?:rtpmap|fmtp|rtcp-fb):{video[2]} .*\w", offer, re.MULTILINE)
        return "".join(f"{line}\r\n" for line in told)

    def _receive(self, data: bytes, _: tuple[str, int]) -> None:
        payload_type = data[1] & 127
        if len(data) > HEADER.size and payload_type == PCMU:
            clear = self._opening.unprotect(data) if self._opening else data
            self.heard.add(decoded(clear[HEADER.size :]), RATE_HZ)

    def _play(self) -> None:
        due, number = time.monotonic(), 0
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due, number = due + len(FRAME) / RATE_HZ, number + 1
            if self._remote[1] and self._direction.startswith("send"):
                times = np.arange(number * len(FRAME), (number + 1) * len(FRAME)) / RATE_HZ
                header = HEADER.pack(0x80, PCMU, number & 0xFFFF, number * len(FRAME), self._end.ssrc)
                data = header + encoded(np.sin(2 * np.pi * self.tone_hz * times) / 2)
                self._end.send(self._sealing.protect(data) if self._sealing else data, self._remote)
                self._sent += 1


class Mirror:
    """Video comes back under another SSRC, but for its begin, so that a whole picture is to be asked for, either way."""

    def __init__(self) -> None:
        self._source = self._missed = 0
        self._end = RtpEnd(hear=self._receive)
        self.port = self._end.port
        self.asked = 0  # times a picture was asked for
        self.close = self._end.close

    def _receive(self, data: bytes, sender: tuple[str, int]) -> None:
        if not 200 <= data[1] <= 206:  # RFC 5761 section 4
            self._source = int.from_bytes(data[8:12], "big")
            self._missed += 1
            if self._missed > MISSED:
                self._end.send(data[:8] + self._end.ssrc.to_bytes(4, "big") + data[12:], sender)
        elif self._source and PLI_HEADER in data:
            self.asked += 1
            self._end.send(PLI_HEADER + struct.pack("!II", self._end.ssrc, self._source), sender)
