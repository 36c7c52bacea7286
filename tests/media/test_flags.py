import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import RequestError
from media.flags import canonical, named_transport, names_transport, normalise, parse_raw


@pytest.mark.parametrize("word", ["Received From", "received_from", " received-from ", "RECEIVED-FROM"])
def test_spellings_become_one(word: str) -> None:
    assert canonical(word) == "received-from"


def test_keys_are_canonical_and_lists_are_lists() -> None:
    keys = normalise({"address family": "IP6", "Rtcp_Mux": ["offer"], "flags": "trust address", "replace": "origin"})
    assert keys == {"address-family": "IP6", "rtcp-mux": ["offer"], "flags": ["trust", "address"], "replace": ["origin"]}


@pytest.mark.parametrize(
    ("flag", "key", "value"),
    [
        ("replace-origin", "replace", ["origin"]),
        ("rtcp-mux-demux", "rtcp-mux", ["demux"]),
        ("SDES-off", "sdes", ["off"]),
        ("codec-strip-EVS", "codec-words", ["strip-evs"]),
        ("RTP/SAVPF", "transport-protocol", "RTP/SAVPF"),
        ("ICE=remove", "ice", "remove"),
        ("media-address=10.0.0.1", "media-address", "10.0.0.1"),
    ],
)
def test_a_flag_finds_the_key_it_belongs_to(flag: str, key: str, value: object) -> None:
    keys = normalise({"flags": [flag, "trust address"]})
    assert keys[key] == value
    assert keys["flags"] == ["trust-address"]


def test_the_raw_string_of_a_proxy_that_does_not_parse() -> None:
    words, values = parse_raw(
        "replace-origin via-branch=auto-next codec=[transcode=[PCMA G722] strip=[EVS]] direction=[in out]"
    )
    assert words == ["replace-origin"]
    assert values == {
        "via-branch": "auto-next",
        "codec": {"transcode": ["PCMA", "G722"], "strip": ["EVS"]},
        "direction": ["in", "out"],
    }


def test_a_key_given_twice_is_a_list() -> None:
    assert parse_raw("direction=in direction=out") == ([], {"direction": ["in", "out"]})


def test_keys_of_their_own_win_over_the_raw_string() -> None:
    keys = normalise({"rtpp_flags": "label=raw trust-address replace=[origin] TOS=184", "label": "own"})
    assert keys == {"label": "own", "flags": ["trust-address"], "replace": ["origin"], "tos": "184"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("codec=[a", "rtpp-flags: '[' of codec is not closed"),
        ("a ]", "rtpp-flags: ']' without '['"),
        ("[a]", "rtpp-flags: '[' without a key"),
        ("k=[" * 20 + "]" * 20, "rtpp-flags: nested deeper than 8"),
    ],
)
def test_a_bad_bracket_is_named(text: str, reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_raw(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("body", [{"flags": 7}, {"flags": [{}]}, {"received-from": {"a": "b"}}, {"rtpp-flags": ["x"]}])
def test_a_wrong_type_is_named(body: dict[str, object]) -> None:
    with pytest.raises(RequestError, match="must be a"):
        normalise(body)


def test_transports() -> None:
    assert names_transport("UDP/TLS/RTP/SAVPF")
    assert names_transport("rtp/avp")
    assert names_transport("SRTP")
    assert not names_transport("udptl")


@pytest.mark.parametrize(
    ("words", "transport"),
    [
        ("RTP", "RTP/AVP"),
        ("SRTP", "RTP/SAVP"),
        ("AVPF", "RTP/AVPF"),
        ("SRTP AVPF", "RTP/SAVPF"),
        ("AVPF SRTP", "RTP/SAVPF"),
        ("DTLS AVPF", "UDP/TLS/RTP/SAVPF"),
        ("RTP/SAVP AVPF", "RTP/SAVPF"),
        ("RTP/SAVPF RTP", "RTP/AVPF"),
        ("SRTP AVPF RTP/AVP", "RTP/AVP"),
    ],
)
def test_a_transport_named_by_halves(words: str, transport: str) -> None:
    assert named_transport(words.split()) == transport
    assert normalise({"rtpp-flags": f"replace-origin {words}"})["transport-protocol"] == transport


def test_internal_and_external_are_interfaces() -> None:
    keys = normalise({"rtpp-flags": "internal trust-address external"})
    assert keys == {"direction": ["internal", "external"], "flags": ["trust-address"]}


def test_a_raw_string_that_bencode_took_for_a_number() -> None:
    assert normalise({"rtpp-flags": 1}) == {"flags": ["1"]}


@given(st.text("ab[]= ", max_size=30))
def test_any_raw_string_is_parsed_or_refused(text: str) -> None:
    try:
        parse_raw(text)
    except RequestError:
        assert "[" in text or "]" in text
