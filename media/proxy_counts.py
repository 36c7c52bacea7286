"""What each proxy asked: requests, errors and the time they took, by command."""

from dataclasses import dataclass, field

from media.ng import Body

MAX_PROXIES = 1000
OTHERS = "others"  # who came when there were as many

# as the reply to ``statistics`` calls them
_NAMES = {
    "ping": "ping",
    "offer": "offer",
    "answer": "answer",
    "delete": "delete",
    "query": "query",
    "list": "list",
    "statistics": "stats",
    "start recording": "startrec",
    "stop recording": "stoprec",
    "pause recording": "pauserec",
    "block dtmf": "blkdtmf",
    "unblock dtmf": "unblkdtmf",
    "block media": "blkmedia",
    "unblock media": "unblkmedia",
    "silence media": "slnmedia",
    "unsilence media": "unslnmedia",
    "unknown": "unknown",
}


@dataclass(slots=True)
class _Count:
    requests: int = 0
    errors: int = 0
    duration_ns: int = 0


@dataclass(slots=True)
class ProxyCounts:
    """By the host requests come from and the command."""

    _proxies: dict[str, dict[str, _Count]] = field(default_factory=dict)

    def add(self, host: str, command: str, failed: bool, duration_ns: int) -> None:
        commands = self._proxies.get(host)
        if commands is None:
            commands = self._proxies.setdefault(host if len(self._proxies) < MAX_PROXIES else OTHERS, {})
        count = commands.get(command)
        if count is None:
            count = commands[command] = _Count()
        count.requests += 1
        count.errors += failed
        count.duration_ns += duration_ns

    def body(self) -> Body:
        """Per proxy what it asked, and all in total; durations of all requests of a command together."""
        whole = {command: _Count() for command in _NAMES}
        proxies = []
        for host, commands in self._proxies.items():
            row: Body = {"proxy": host}
            for command, count in commands.items():
                _merge(whole[command], count)
                row |= _told(_NAMES[command], count)
            row["errorcount"] = sum(count.errors for count in commands.values())
            proxies.append(row)
        body: Body = {"proxies": proxies}
        for command, name in _NAMES.items():
            body |= _told(f"total{name}", whole[command])
        return body | {"totalerrorcount": sum(count.errors for count in whole.values())}


def seconds(duration_s: float) -> str:
    """As rtpengine writes them."""
    return f"{duration_s:.6f}"


NO_TIME = seconds(0)


def _merge(whole: _Count, part: _Count) -> None:
    whole.requests += part.requests
    whole.errors += part.errors
    whole.duration_ns += part.duration_ns


def _told(name: str, count: _Count) -> Body:
    return {f"{name}count": count.requests, f"{name}errors": count.errors, f"{name}duration": seconds(count.duration_ns / 1e9)}
