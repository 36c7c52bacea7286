"""media.shorten: replies that fit into one datagram."""

from typing import Any

import pytest

from media.bencode import decode, encode
from media.proxy_counts import ProxyCounts
from media.shorten import shorten
from native.relay import slim_report
from tests.media.test_report import counted
from tests.media.world import World


def size(body: dict[str, Any]) -> int:
    return len(encode(body))


def test_a_reply_that_would_be_fragmented_loses_details_step_by_step() -> None:
    reply = counted(World()).serve("query", call_id="call-1")
    reply["tags"] = {tag: encode(party) for tag, party in reply["tags"].items()}
    assert shorten(reply, size(reply), size) is reply
    slim = shorten(reply, size(reply) - 1, size)
    assert decode(slim["tags"]["a"]) == {
        "tag": "a",
        "label": "caller",
        "medias": [
            {
                "index": 1,
                "type": "audio",
                "streams": [
                    {"SSRC": 111, "stats": {"packets": 100, "bytes": 17200, "errors": 0}},
                    {"stats": {"packets": 0, "bytes": 0, "errors": 0}},
                ],
            }
        ],
    }
    assert slim["SSRC"] == reply["SSRC"]
    assert size(slim) < 1500
    slimmer = shorten(reply, size(slim) - 1, size)
    assert slimmer["SSRC"]["111"]["average MOS"] == reply["SSRC"]["111"]["average MOS"]
    assert set(slimmer["SSRC"]["111"]["lowest MOS"]) == {"MOS", "reported at"}
    assert size(slimmer) < 1200
    bare = shorten(reply, 300, size)
    assert set(reply) - set(bare) == {"tags", "SSRC"}


def statistics(hosts: int) -> dict[str, Any]:
    proxies = ProxyCounts()
    for number in range(hosts):
        proxies.of(f"192.0.2.{number}", "offer").add({}, number == 0, 1000)
    body = {"totalstatistics": {"uptime": 1}, "controlstatistics": proxies.body(), "interfaces": [{}]}
    return {"result": "ok", "statistics": body}


def test_statistics_lose_proxies_then_what_nobody_asked_then_what_was_asked() -> None:
    whole = statistics(9)
    control = whole["statistics"]["controlstatistics"]
    in_total = shorten(whole, size(whole) - 1, size)["statistics"]["controlstatistics"]
    assert in_total == {key: value for key, value in control.items() if key != "proxies"}
    asked = shorten(whole, size(whole) - size({"proxies": control["proxies"]}) - 100, size)
    assert asked["statistics"]["controlstatistics"] == {
        "totaloffercount": 9,
        "totaloffererrors": 1,
        "totalofferduration": "0.000009",
        "totalerrorcount": 1,
    }
    least = shorten(whole, 10, size)
    assert least["statistics"] == {"totalstatistics": {"uptime": 1}, "controlstatistics": {}, "interfaces": []}


def test_a_list_is_cut_and_says_so() -> None:
    whole = {"result": "ok", "calls": [f"{number}-call@192.0.2.1" for number in range(100)]}
    cut = shorten(whole, 1000, size)
    assert 900 < size(cut) <= 1000
    assert cut["calls"] == whole["calls"][: len(cut["calls"])]
    assert cut["warning"] == "100 calls do not fit into one datagram"
    assert shorten(whole, 10, size)["calls"] == []


def test_other_replies_stay_whole() -> None:
    reply = {"result": "ok", "sdp": "v=0" * 1000}
    assert shorten(reply, 10, size) is reply


def test_what_is_no_report_of_a_party_is_refused() -> None:
    whole = encode({"tag": "a", "medias": [{"index": 1, "streams": [{"stats": {"packets": 1}, "x": [2]}]}]})
    for cut in range(len(whole)):
        with pytest.raises(ValueError, match="not a party's report"):
            slim_report(whole[:cut])
    for other in (whole + b"e", b"d6:mediasi1ee", b"d6:mediasli1eee", b"le", b"d3:tage", encode([whole])):
        with pytest.raises(ValueError, match="not a party's report"):
            slim_report(other)
    with pytest.raises(TypeError):
        slim_report("de")  # type: ignore[arg-type]
    assert decode(slim_report(whole)) == {"tag": "a", "medias": [{"index": 1, "streams": [{"stats": {"packets": 1}}]}]}
