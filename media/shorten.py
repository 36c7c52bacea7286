"""Replies made to fit into one datagram.

A reply in fragments often is a lost one, and a proxy that misses one takes the relay for dead.
"""

from collections.abc import Callable

from media.ng import Body
from media.proxy_counts import NO_TIME
from native.relay import slim_report

_LEAST_AROUND_BYTES = 2  # a string in a list: bencode writes its length and a colon before it

Step = Callable[[Body, int], Body]
"""The reply and how many bytes too long it is, to one that is shorter; not by so many, perhaps."""


def shorten(body: Body, limit_bytes: int, size_of: Callable[[Body], int]) -> Body:
    """``body`` as it is if it fits or has nothing to leave out; else with one thing after another left out until it fits."""
    for step in next((steps for key, steps in _STEPS.items() if key in body), ()):
        over_bytes = size_of(body) - limit_bytes
        if over_bytes <= 0:
            break
        body = step(body, over_bytes)
    return body


def _slim(body: Body, over_bytes: int) -> Body:
    """Of each party what statistics of quality need."""
    return body | {"tags": {tag: slim_report(party) for tag, party in body.get("tags", {}).items()}}


def _slimmer(body: Body, over_bytes: int) -> Body:
    """Of the lowest and highest quality the score and its time."""
    return body | {"SSRC": {ssrc: _slim_source(source) for ssrc, source in body.get("SSRC", {}).items()}}


def _slim_source(source: Body) -> Body:
    extremes = ("lowest MOS", "highest MOS")
    return source | {name: {key: source[name][key] for key in ("MOS", "reported at")} for name in extremes}


def _bare(body: Body, over_bytes: int) -> Body:
    return {key: value for key, value in body.items() if key not in ("tags", "SSRC")}


def _of_no_proxy(body: Body, over_bytes: int) -> Body:
    """What all proxies asked, in total."""
    return _with_control(body, {key: value for key, value in _control(body).items() if key != "proxies"})


def _of_what_was_asked(body: Body, over_bytes: int) -> Body:
    """Commands nobody gave are not counted either."""
    return _with_control(body, {key: value for key, value in _control(body).items() if value not in (0, NO_TIME)})


def _without_control(body: Body, over_bytes: int) -> Body:
    return _with_control(body, {})


def _without_interfaces(body: Body, over_bytes: int) -> Body:
    return body | {"statistics": body["statistics"] | {"interfaces": []}}


def _control(body: Body) -> Body:
    return dict(body["statistics"]["controlstatistics"])


def _with_control(body: Body, control: Body) -> Body:
    return body | {"statistics": body["statistics"] | {"controlstatistics": control}}


def _fewer_calls(body: Body, over_bytes: int) -> Body:
    """Says so."""
    calls = list(body["calls"])
    warning = f"{len(calls)} calls do not fit into one datagram"
    over_bytes += len(warning) + len("7:warning00:")
    while calls and over_bytes > 0:
        over_bytes -= _LEAST_AROUND_BYTES + len(calls.pop().encode("utf-8", "surrogateescape"))
    return body | {"calls": calls, "warning": warning}


_STEPS: dict[str, tuple[Step, ...]] = {
    "totals": (_slim, _slimmer, _bare),
    "statistics": (_of_no_proxy, _of_what_was_asked, _without_control, _without_interfaces),
    "calls": (_fewer_calls,),
}
