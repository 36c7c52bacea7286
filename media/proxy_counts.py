"""What each proxy asked: requests, errors and the time they took, by command."""

from operator import add

from media.ng import Body
from native.relay import Count

MAX_PROXIES = 1000
OTHERS = "others"  # who came when there were as many
_NOTHING: tuple[int, ...] = (0, 0, 0)

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


def decimals(value: float) -> str:
    """As rtpengine writes what is no whole number."""
    return f"{value:.6f}"


NO_TIME = decimals(0)
# commands of rtpengine's that are not served here: its readers look for them by name
_UNSERVED: Body = {
    f"{name}{what}": value
    for name in ("playmedia", "stopmedia", "playdtmf", "startfwd", "stopfwd", "pub", "subreq", "subans", "unsub")
    for what, value in (("count", 0), ("duration", NO_TIME))
}


class ProxyCounts:
    """``by_host``: of each host requests come from, what it asked by command. Requests served the usual way are added there
    in C (native/crelay/relay_dispatch.c), once there is something to add to."""

    __slots__ = ("by_host",)

    def __init__(self) -> None:
        self.by_host: dict[str, dict[str, Count]] = {}

    def of(self, host: str, command: str) -> Count:
        """Made when it is not there yet; who comes when there are many hosts shares a row with others."""
        commands = self.by_host.get(host)
        if commands is None:
            commands = self.by_host.setdefault(host if len(self.by_host) < MAX_PROXIES else OTHERS, {})
        count = commands.get(command)
        if count is None:
            names = (f"media_ng_{what}_total|command={command}" for what in ("requests", "errors"))
            count = commands[command] = Count(*names)
        return count

    def body(self) -> Body:
        """Per proxy what it asked, and all in total; durations of all requests of a command together."""
        whole = dict.fromkeys(_NAMES, _NOTHING)
        proxies = []
        for host, commands in self.by_host.items():
            row: Body = {"proxy": host}
            for command, name in _NAMES.items():
                count = commands.get(command)
                own = (count.requests, count.errors, count.duration_ns) if count is not None else _NOTHING
                whole[command] = tuple(map(add, whole[command], own))
                row |= _told(name, own)
            row |= _UNSERVED
            row["errorcount"] = sum(count.errors for count in commands.values())
            proxies.append(row)
        body: Body = {"proxies": proxies}
        for command, name in _NAMES.items():
            body |= _told(f"total{name}", whole[command])
        body |= {f"total{name}": count for name, count in _UNSERVED.items() if name.endswith("count")}
        return body | {"totalerrorcount": sum(errors for _, errors, _ in whole.values())}


def _told(name: str, counts: tuple[int, ...]) -> Body:
    """``counts``: requests, errors, nanoseconds."""
    return {f"{name}count": counts[0], f"{name}errors": counts[1], f"{name}duration": decimals(counts[2] / 1e9)}
