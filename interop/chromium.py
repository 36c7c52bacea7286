"""Headless Chromium as a party of calls: a page of its own for each, a tone of WebAudio out, what comes in analysed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from interop import tones
from interop.devtools import DevTools, DevToolsError

PAGE = Path(__file__).with_name("chromium.js").read_text()
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-extensions"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"),
    # loopback is where the relay is; names instead of addresses would need mDNS
    *("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"),
)


class Browser:
    """One process for any number of pages."""

    def __init__(self, log: Path) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = ["chromium", *ARGUMENTS, f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe", "about:blank"]
        self.devtools = DevTools(command, log)
        self.version: str = self.devtools.ask("Browser.getVersion")["product"]

    def close(self) -> None:
        self.devtools.close()
        self._profile.cleanup()


class Peer:
    """One page with one peer connection. ``video``: it sends and shows a picture, too."""

    def __init__(self, browser: Browser, tone_hz: float, video: bool = False) -> None:
        self.tone_hz = tone_hz
        self.heard = self
        self._devtools = browser.devtools
        self._target = self._devtools.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._devtools.ask("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self._run(PAGE)
        self._run(f"begin({json.dumps(tone_hz)}, {json.dumps(video)})")

    def offer(self, restart: bool = False) -> str:
        return str(self._run(f"offer({json.dumps(restart)})"))

    def answer(self, offer: str) -> str:
        return str(self._run(f"answer({json.dumps(offer)})"))

    def accept(self, answer: str) -> None:
        self._run(f"accept({json.dumps(answer)})")

    def turn(self, direction: str) -> None:
        """What the next body says of its sound."""
        self._run(f"turn({json.dumps(direction)})")

    def share(self, frequency_hz: float) -> float:
        """Of the tone in the last half second, as ``tones.Heard``."""
        samples, rate_hz = self._run("samples()")
        return tones.share(np.array(samples), int(rate_hz), frequency_hz, 25.0)

    def reached(self) -> bool:
        """By ICE; DTLS may be still to come."""
        return bool(self._run("['connected', 'completed'].includes(connection.iceConnectionState)"))

    def packets(self) -> int:
        """That it heard."""
        return int(self._run("counted('inbound-rtp', 'audio', 'packetsReceived')"))

    def sent(self) -> int:
        """Packets."""
        return int(self._run("counted('outbound-rtp', 'audio', 'packetsSent')"))

    def pictures(self) -> int:
        """That it has decoded."""
        return int(self._run("counted('inbound-rtp', 'video', 'framesDecoded')"))

    def close(self) -> None:
        self._devtools.ask("Target.closeTarget", targetId=self._target)

    def _run(self, expression: str) -> Any:
        result = self._devtools.ask(
            "Runtime.evaluate", self._session, expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise DevToolsError(str(result["exceptionDetails"].get("exception", {}).get("description", result)))
        return result["result"].get("value")
