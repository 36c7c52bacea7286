"""A PJSIP phone in a process of its own (one endpoint a process is all that PJSIP allows).

``Phone`` is the handle a test holds. The process (``python -m interop.pjsua``) reads one JSON command a line and answers
each with one line. It plays a WAV into every call on a null sound device and records what it hears on command.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from interop.process import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent
LIFE_S = 900.0  # longer than any test


class Phone:
    """Starts the phone; ``do`` sends a command. Attributes of the far side are read with ``state``."""

    def __init__(
        self,
        user: str,
        domain: str,
        password: str,
        node: tuple[str, int],
        wav: Path,
        log: Path,
        transport: str = "udp",
        ca: str = "",
        srtp: str = "",
        insists: bool = True,
    ) -> None:
        """``ca``: file of the authority that must have certified the node, for TLS. ``srtp``: the crypto suites the phone
        takes, with commas; "": it has no SRTP. ``insists``: on that; else it offers RTP with keys (RFC 8643) and takes both."""
        arguments = {"user": user, "domain": domain, "password": password, "node": f"{node[0]}:{node[1]}"}
        arguments |= {"wav": str(wav), "log": str(log), "transport": transport, "ca": ca, "srtp": srtp}
        arguments["srtp_use"] = "mandatory" if insists else "optional"
        self.user = user
        self.log = log
        self.child = subprocess.Popen(
            [sys.executable, "-m", "interop.pjsua", json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self._watchdog = threading.Timer(LIFE_S, self.child.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(f"PJSIP phone {self.user} died:\n{self.log.read_text(errors='replace')[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"PJSIP phone {self.user}, {command}: {answer['error']}")
        return answer

    def state(self) -> dict[str, Any]:
        return self.do("state")

    def wait(self, timeout_s: float = PATIENCE_S, **wanted: Any) -> dict[str, Any]:
        """Polls until the state has all ``wanted`` values."""
        end = time.monotonic() + timeout_s
        while True:
            state = self.state()
            if all(state.get(key) == value for key, value in wanted.items()):
                return state
            if time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-6000:]
                raise AssertionError(f"PJSIP phone {self.user}: wanted {wanted}, is {state}\n{tail}")
            time.sleep(0.05)

    def record(self, path: Path, seconds: float) -> None:
        self.do("record", path=str(path))
        time.sleep(seconds)
        self.do("stop_recording")

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.do("quit")
        self._watchdog.cancel()
        try:
            self.child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class _Device:
    """The phone itself, inside the child process."""

    def __init__(self, arguments: dict[str, str]) -> None:
        import pjsua2 as pj

        self.pj = pj
        self.arguments = arguments
        self.registered = 0
        self.call: Any = None
        self.media_active = False
        self.media_updates = 0
        self.ended_status = 0
        self.recorder: Any = None
        self.crypto = ""  # the line that is offered, "" for PJSIP's own
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.noVad = True
        config.medConfig.clockRate = 16000
        config.logConfig.filename = arguments["log"]
        config.logConfig.level, config.logConfig.consoleLevel = 5, 0
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        if arguments["transport"] == "tls":
            transport.tlsConfig.CaListFile = arguments["ca"]
            transport.tlsConfig.verifyServer = True
        kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
        self.endpoint.transportCreate(kinds[arguments["transport"]], transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            self.endpoint.codecSetPriority(codec.codecId, 200 if codec.codecId.startswith("PCMU/") else 0)
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(arguments["wav"])
        self.account = self._account()

    def _account(self) -> Any:
        pj, device, arguments = self.pj, self, self.arguments

        class Account(pj.Account):  # type: ignore[misc, name-defined]
            def onRegState(self, _: Any) -> None:  # noqa: N802
                info = self.getInfo()
                device.registered = info.regStatus if info.regIsActive else -info.regStatus

            def onIncomingCall(self, incoming: Any) -> None:  # noqa: N802
                device.call = device.new_call(self, incoming.callId)
                device.answer(180)
                device.answer(200)

        suffix = "" if arguments["transport"] == "udp" else f";transport={arguments['transport']}"
        config = pj.AccountConfig()
        config.idUri = f"sip:{arguments['user']}@{arguments['domain']}"
        if arguments["node"].startswith("127.") and arguments["password"]:
            config.regConfig.registrarUri = f"sip:{arguments['domain']}{suffix}"
            config.regConfig.timeoutSec = 300
            config.sipConfig.proxies.append(f"sip:{arguments['node']};lr{suffix}")
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", arguments["user"], 0, arguments["password"]))
        config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        if arguments["srtp"]:
            uses = {"mandatory": pj.PJMEDIA_SRTP_MANDATORY, "optional": pj.PJMEDIA_SRTP_OPTIONAL}
            config.mediaConfig.srtpUse = uses[arguments["srtp_use"]]
            config.mediaConfig.srtpSecureSignaling = 0
            for name in arguments["srtp"].split(","):
                suite = pj.SrtpCrypto()
                suite.name = name
                config.mediaConfig.srtpOpt.cryptos.append(suite)
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
        account = Account()
        account.create(config)
        return account

    def new_call(self, account: Any, call_id: int) -> Any:
        pj, device = self.pj, self

        class Call(pj.Call):  # type: ignore[misc, name-defined]
            def onCallState(self, _: Any) -> None:  # noqa: N802
                info = self.getInfo()
                if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                    device.ended_status = info.lastStatusCode
                    device.recorder = None
                    device.media_active = False

            def onCallMediaState(self, _: Any) -> None:  # noqa: N802
                device.media_updates += 1

            def onCallSdpCreated(self, created: Any) -> None:  # noqa: N802
                """PJSIP by itself stays with the suite it has."""
                if device.crypto:
                    created.sdp.wholeSdp = re.sub(r"(?m)^a=crypto:.*", device.crypto, created.sdp.wholeSdp)

        return Call(account, call_id)

    def answer(self, status: int) -> None:
        parameters = self.pj.CallOpParam()
        parameters.statusCode = status
        self.call.answer(parameters)

    def follow_media(self) -> None:
        """Joins the player to the call whenever its audio (re)starts: PJSIP makes a new conference port each time."""
        active = False
        if self.call and not self.ended_status and self.call.hasMedia():
            info = self.call.getInfo()  # owns the list that ``info.media`` only borrows
            active = any(media.status == self.pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media)
        if active and not self.media_active:
            self.player.startTransmit(self.call.getAudioMedia(-1))
        self.media_active = active

    # commands

    def do_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "registered": self.registered,
            "media": self.media_active,
            "media_updates": self.media_updates,
            "ended": self.ended_status,
            "call": "",
        }
        if self.call and not self.ended_status:
            info = self.call.getInfo()
            state |= {"call": info.stateText, "call_id": info.callIdString}
            if self.media_active:
                stream = self.call.getStreamStat(0)
                sent, received = stream.rtcp.txStat, stream.rtcp.rxStat
                state |= {"sent": sent.pkt, "received": received.pkt, "lost": received.loss}
        return state

    def do_call(self, uri: str) -> dict[str, Any]:
        self.call, self.ended_status = self.new_call(self.account, self.pj.PJSUA_INVALID_ID), 0
        self.call.makeCall(uri, self.pj.CallOpParam(True))
        return {}

    def do_hold(self) -> dict[str, Any]:
        self.call.setHold(self.pj.CallOpParam(True))
        return {}

    def do_resume(self) -> dict[str, Any]:
        parameters = self.pj.CallOpParam(True)
        parameters.opt.flag = self.pj.PJSUA_CALL_UNHOLD
        self.call.reinvite(parameters)
        return {}

    def do_rekey(self, suite: str) -> dict[str, Any]:
        """A re-INVITE with that suite, of AES-CM with 128 bits, and a new key."""
        self.crypto = f"a=crypto:1 {suite} inline:{base64.b64encode(os.urandom(30)).decode()}"
        self.call.reinvite(self.pj.CallOpParam(True))
        return {}

    def do_hangup(self) -> dict[str, Any]:
        self.call.hangup(self.pj.CallOpParam())
        return {}

    def do_record(self, path: str) -> dict[str, Any]:
        self.recorder = self.pj.AudioMediaRecorder()
        self.recorder.createRecorder(path)
        self.call.getAudioMedia(-1).startTransmit(self.recorder)
        return {}

    def do_stop_recording(self) -> dict[str, Any]:
        self.call.getAudioMedia(-1).stopTransmit(self.recorder)
        self.recorder = None
        time.sleep(0.1)  # the sound clock's thread closes the file at its next tick
        return {}

    def serve(self, answers: TextIO) -> None:
        while True:
            self.endpoint.libHandleEvents(10)
            self.follow_media()
            if not select.select([sys.stdin], [], [], 0)[0]:
                continue
            line = sys.stdin.readline()
            request = json.loads(line) if line else {"command": "quit"}
            command = request.pop("command")
            if command == "quit":
                break
            try:
                answer = getattr(self, f"do_{command}")(**request)
            except self.pj.Error as error:
                answer = {"error": error.info()}
            print(json.dumps(answer), file=answers, flush=True)
        self.call = self.recorder = None
        self.account.shutdown()
        self.endpoint.libDestroy()
        os._exit(0)  # PJSIP objects must not be collected after libDestroy


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # PJSIP logs to standard output before it can be told not to
    _Device(json.loads(sys.argv[1])).serve(answers)
