from typing import Any

import pytest

from media.errors import RequestError
from media.request import MAX_KNOWN, RequestReader
from native import relay
from tests.media.world import message


def test_names_in_any_spelling() -> None:
    body = {
        "command": "offer",
        "Call_ID": "c",
        "from tag": 42,
        "to-tag": "b",
        "received from": ["IP6", "[2001:DB8::1]"],
        "rtpp-flags": "via-branch=z9 trust-address",
    }
    request = RequestReader().read(message(body))
    assert (request.call_id, request.from_tag, request.to_tag, request.via_branch) == ("c", "42", "b", "z9")
    assert request.received_from == "2001:db8::1"
    assert request.options.flags == {"trust-address"}


def test_absent_names_are_empty() -> None:
    request = RequestReader().read(message({"command": "ping"}))
    assert (request.call_id, request.sdp, request.received_from) == ("", "", "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"sdp": ["v=0"]}, "sdp must be a string"),
        ({"from tag": {}}, "from-tag must be a string"),
        ({"received-from": ["IP4", "nowhere"]}, "received-from: 'nowhere' is not an IP address"),
        ({"received-from": [["IP4"]]}, "received-from must be a list of strings"),
    ],
)
def test_a_wrong_name_is_named(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        RequestReader().read(message(body))
    assert caught.value.reason == reason


def test_options_of_calls_alike_are_read_once() -> None:
    reader = RequestReader()
    first = reader.read(message({"command": "offer", "call-id": "1", "flags": ["trust-address"], "from-tag": "a"}))
    again = reader.read(message({"command": "offer", "call-id": "2", "flags": ["trust-address"], "from-tag": "b"}))
    assert first.options is again.options
    assert (first.call_id, again.call_id) == ("1", "2")


def test_what_differs_is_read_anew() -> None:
    reader = RequestReader()
    plain = reader.read(message({"command": "offer", "TOS": 4})).options
    assert reader.read(message({"command": "offer", "TOS": "4"})).options == plain
    assert reader.read(message({"command": "offer", "TOS": 8})).options.dscp == 2
    assert reader.read(message({"command": "offer", "TOS": 4}), own=True).options.writing == relay.WRITE_OWN_ORIGIN
    assert not reader.read(message({"command": "offer", "TOS": 4})).options.writing


def test_names_in_another_spelling_belong_to_their_request_only() -> None:
    reader = RequestReader()
    assert reader.read(message({"command": "query", "callid": "x", "call_id": "1"})).call_id == "1"
    assert reader.read(message({"command": "query", "callid": "x"})).call_id == ""


def test_a_flood_of_different_options_is_forgotten() -> None:
    reader = RequestReader()
    for number in range(MAX_KNOWN + 10):
        assert reader.read(message({"command": "offer", "label": str(number)})).options.label == str(number)
    assert len(reader) <= MAX_KNOWN
