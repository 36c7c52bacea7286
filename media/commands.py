"""The ng commands: a table from name to function, each a request in and a reply's dictionary out."""

import logging
from collections.abc import Callable
from functools import partial

from media import ng
from media.calls import CallTable
from media.ended import EndedCalls
from media.errors import NO_MATCH, UNKNOWN_CALL, UNKNOWN_COMMAND, DecodeError, LoadLimitError, RequestError
from media.mute import DTMF, MEDIA, SOUND, Mute
from media.ng import Body
from media.offer_answer import OfferAnswer
from media.options import Options
from media.proxy_counts import ProxyCounts
from media.report import Reporter
from media.request import Request, RequestReader
from media.session import Call, Dialogue
from media.timeouts import Timeouts
from media.vocabulary import UNSERVED_COMMANDS

log = logging.getLogger(__name__)

OWN = "local"  # the host of this node's own proxy
MAX_NAMES_LOGGED = 1000
_MUTES = {
    ("block", "media"): (MEDIA, True),
    ("unblock", "media"): (MEDIA, False),
    ("block", "dtmf"): (DTMF, True),
    ("unblock", "dtmf"): (DTMF, False),
    ("silence", "media"): (SOUND, True),
    ("unsilence", "media"): (SOUND, False),
}


class Commands:
    """``counters``: requests and errors by command are counted there."""

    def __init__(
        self,
        calls: CallTable,
        offer_answer: OfferAnswer,
        reporter: Reporter,
        timeouts: Timeouts,
        statistics: Callable[[], Body],
        counters: dict[str, int],
        proxies: ProxyCounts,
        delete_delay_s: int,
    ) -> None:
        self._calls = calls
        self._offer_answer = offer_answer
        self._reporter = reporter
        self._timeouts = timeouts
        self._statistics_body = statistics
        self._counters = counters
        self.proxies = proxies
        self._delete_delay_s = delete_delay_s
        self.ended = EndedCalls(calls.clock)
        self._mute = Mute(calls)
        self.reader = RequestReader()
        self._names_logged: set[str] = set()
        self.functions: dict[str, Callable[[Request], Body]] = {
            "ping": lambda request: {"result": "pong"},
            "offer": self._offer,
            "answer": self._answer,
            "delete": self._delete,
            "query": self._query,
            "list": self._list,
            **{f"{verb} {noun}": partial(self._set_muted, *what) for (verb, noun), what in _MUTES.items()},
            "start recording": self._start_recording,
            "pause recording": self._pause_recording,
            "stop recording": self._stop_recording,
            "statistics": lambda request: {"result": "ok", "statistics": self._statistics_body()},
        }

    def serve(self, message: ng.Message, host: str) -> Body:
        """``host``: where it comes from; OWN is this node's own proxy, for which the o= line is always ours. DecodeError."""
        request = None
        command = "unknown"
        failed = True
        started_ns = self._calls.clock.monotonic_ns()
        try:
            request = self.reader.read(message, host == OWN)
            if not request.options.command:
                raise RequestError('Dictionary contains no key "command"')
            function = self.functions.get(request.options.command)
            if function is None:
                raise RequestError(_unserved(request.options.command))
            command = request.options.command
            self.log_ignored(request.options)
            body = function(request)
            failed = False
        except DecodeError:
            command = ""
            raise
        except RequestError as cause:
            return self.refusal(command, request, cause)
        finally:
            if command:
                self.count(host, command, failed, self._calls.clock.monotonic_ns() - started_ns)
        return body

    def refusal(self, command: str, request: Request | None, cause: Exception) -> Body:
        """What a request is answered that can't be served; ``cause`` itself when that is not its fault."""
        if isinstance(cause, LoadLimitError):
            if request is not None and request.options.load_limit:
                return {"result": "load limit", "message": cause.reason}
            return ng.error(cause.reason)
        if not isinstance(cause, RequestError):
            raise cause
        log.info("ng %s: %s", command, cause.reason, extra={"call_id": request.call_id if request else ""})
        return ng.error(cause.reason)

    def _offer(self, request: Request) -> Body:
        _require(request, request.sdp, request.from_tag)
        if _is_fragment(request):
            return {"result": "ok"}
        body: Body = {"result": "ok", "sdp": self._offer_answer.offer(request)}
        call = self._calls.get(request.call_id)
        warnings: list[str] = []
        if call is not None:
            self._timeouts.watch(call)
            warnings = self._note(call, request.options)
        return body | {"warning": "; ".join(warnings)} if warnings else body

    def _answer(self, request: Request) -> Body:
        _require(request, request.sdp, request.from_tag)
        if not request.to_tag:
            raise RequestError("No to-tag in message")
        if _is_fragment(request):
            return {"result": "ok"}
        body: Body = {"result": "ok", "sdp": self._offer_answer.answer(request)}
        call = self._calls.get(request.call_id)
        warnings = self._note(call, request.options) if call is not None else []
        if call is not None:
            self._calls.release(call)
        return body | {"warning": "; ".join(warnings)} if warnings else body

    def _delete(self, request: Request) -> Body:
        _require(request)
        call = self._calls.get(request.call_id)
        dialogues = _deleted(call, request) if call is not None else []
        if call is None or not dialogues:
            if "fatal" in request.options.flags:
                raise RequestError(NO_MATCH)
            return {"result": "ok", "warning": NO_MATCH}
        body: Body = {"result": "ok"}
        totals = self._calls.totals(call)
        if "brief" in request.options.flags:
            body |= self._reporter.brief(dialogues)
        elif "fast" not in request.options.flags:
            body |= self._reporter.query(call, totals, dialogues)
        whole = len(dialogues) == len(call.dialogues)
        delay_s = request.options.delete_delay_s if request.options.delete_delay_s >= 0 else self._delete_delay_s
        if whole and delay_s:
            call.delete_ns = self._calls.clock.monotonic_ns() + delay_s * 1_000_000_000
            self._timeouts.watch(call)
        elif whole:
            self._calls.end(call, totals)
            if "totals" in body:
                self.ended.keep(call.call_id, body)
        else:
            for dialogue in dialogues:
                self._calls.end_dialogue(call, dialogue)
        return body

    def _query(self, request: Request) -> Body:
        call = self._calls.get(request.call_id)
        if call is None:
            return self._query_ended(request)
        dialogues = call.matching(request.from_tag, request.to_tag, request.via_branch)
        if "brief" in request.options.flags:
            return {"result": "ok", **self._reporter.brief(dialogues)}
        report = self._reporter.query(call, self._calls.totals(call), dialogues)
        return {"result": "ok", **report, **self._calls.recordings.describe(call)}

    def _query_ended(self, request: Request) -> Body:
        """Of a call that was deleted a moment ago, with all its parties."""
        _require(request)
        told = self.ended.told(request.call_id)
        if told is None:
            raise RequestError(UNKNOWN_CALL)
        return told

    def _note(self, call: Call, options: Options) -> list[str]:
        """What an offer or answer says of DTMF and of recording; why that can't be, for it must not end the call."""
        recordings, wanted = self._calls.recordings, options.record
        if "block-dtmf" in options.flags:
            self._mute.block_dtmf(call)
        if wanted == "off":
            recordings.stop(call)
        elif wanted == "on" and call.recording is None:
            try:
                recordings.start(call)
            except RequestError as cause:
                self._counters["media_recordings_refused_total"] += 1
                return [cause.reason]
        if call.recording is not None:
            recordings.tape(call)
        return []

    def _known_call(self, request: Request) -> Call:
        _require(request)
        call = self._calls.get(request.call_id)
        if call is None:
            raise RequestError(UNKNOWN_CALL)
        return call

    def _start_recording(self, request: Request) -> Body:
        self._calls.recordings.start(self._known_call(request))
        return {"result": "ok"}

    def _pause_recording(self, request: Request) -> Body:
        self._calls.recordings.pause(self._known_call(request))
        return {"result": "ok"}

    def _stop_recording(self, request: Request) -> Body:
        call = self._known_call(request)
        if "pause" in request.options.flags:
            self._calls.recordings.pause(call)
        else:
            self._calls.recordings.stop(call, "discard-recording" in request.options.flags)
        return {"result": "ok"}

    def _set_muted(self, what: str, on: bool, request: Request) -> Body:
        self._mute.set(self._known_call(request), request, what, on)
        return {"result": "ok"}

    def _list(self, request: Request) -> Body:
        names = [call.call_id for call, _ in zip(self._calls, range(request.options.limit), strict=False)]
        return {"result": "ok", "calls": names}

    def count(self, host: str, command: str, failed: bool, duration_ns: int) -> None:
        self.proxies.of(host, command).add(self._counters, failed, duration_ns)

    def log_ignored(self, options: Options) -> None:
        for name in sorted(options.ignored - self._names_logged):
            if len(self._names_logged) < MAX_NAMES_LOGGED:
                self._names_logged.add(name)
                self._counters["media_ng_ignored_words_total"] += 1
                log.warning("ng %s is not served here and ignored", name)


def _deleted(call: Call, request: Request) -> list[Dialogue]:
    alone = bool(request.via_branch) or (bool(request.to_tag) and "to-tag" in request.options.flags)
    return call.deleted(request.from_tag, request.to_tag, request.via_branch, alone)


def _is_fragment(request: Request) -> bool:
    """Candidates of a party (RFC 8840): a lite agent needs none of them."""
    return "fragment" in request.options.flags


def _unserved(command: str) -> str:
    return f"{command} is not served here" if command in UNSERVED_COMMANDS else UNKNOWN_COMMAND


def _require(request: Request, sdp: str | None = None, from_tag: str | None = None) -> None:
    """The keys a command can't do without; what is None is not needed."""
    if not request.call_id:
        raise RequestError("No call-id in message")
    if from_tag == "":
        raise RequestError("No from-tag in message")
    if sdp == "":
        raise RequestError("No SDP body in message")
