import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import ng
from media.errors import FrameError, RequestError


def test_bencode_is_answered_in_bencode() -> None:
    message = ng.split(b"0_123_1 d7:command4:pinge")
    assert (message.cookie, message.body()) == (b"0_123_1", {"command": "ping"})
    assert message.reply({"result": "pong"}) == b"0_123_1 d6:result4:ponge"


def test_json_is_answered_in_json() -> None:
    message = ng.split(b'c {"command": "ping"}')
    assert message.body() == {"command": "ping"}
    assert message.reply({"result": "pong"}) == b'c {"result":"pong"}'


def test_a_line_end_behind_the_dictionary_does_no_harm() -> None:
    assert ng.split(b"1 d7:command4:pinge\n").body() == {"command": "ping"}


def test_json_values_become_what_bencode_knows() -> None:
    body = ng.split(b'c {"a": null, "b": true, "c": 2.0, "d": 2.5, "e": [null, false]}').body()
    assert body == {"b": 1, "c": 2, "d": "2.5", "e": [0]}


@pytest.mark.parametrize("datagram", [b"", b"ping", b" d7:command4:pinge", b"x" * 5000 + b" de"])
def test_without_a_cookie_there_is_nobody_to_answer(datagram: bytes) -> None:
    with pytest.raises(FrameError):
        ng.split(datagram)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Could not decode bencode at byte 0: end of data"),
        (b"hello", "Could not decode bencode at byte 0: unexpected b'h'"),
        (b"le", "Could not decode bencode: not a dictionary"),
        (b"{", "Could not decode JSON: "),
        (b'{"a": "\\ud800"}', "Could not decode JSON: a lone surrogate in a string"),
        (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", "Could not decode JSON: nested deeper than 16"),
        (b'{"a": ' + b"[" * 100000 + b"]" * 100000 + b"}", "Could not decode JSON: nested too deep"),
        (b"{" + b" " * 300000 + b"}", "Could not decode JSON: 300002 bytes, more than 262144"),
    ],
)
def test_a_malformed_dictionary_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        ng.split(b"c " + data).body()
    assert caught.value.reason.startswith(reason)


def test_json_keeps_bytes_that_are_no_utf8() -> None:
    message = ng.split(b'c {"sdp": "s=\xff"}')
    assert ng.encode_json({"sdp": message.body()["sdp"]}) == b'{"sdp":"s=\xff"}'


def test_a_call_id_that_is_no_utf8_leaves_json_readable() -> None:
    call_id = b"caf\xe9".decode("utf-8", "surrogateescape")
    encoded = ng.encode_json({"calls": ["plain", call_id]})
    assert json.loads(encoded.decode("utf-8")) == {"calls": ["plain", call_id]}


@given(st.binary(max_size=80))
def test_any_datagram_is_a_message_or_refused(datagram: bytes) -> None:
    try:
        message = ng.split(datagram)
        assert message.reply(message.body()).startswith(message.cookie + b" ")
    except (FrameError, RequestError):
        pass
