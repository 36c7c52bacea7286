from typing import Any

import pytest

from media.errors import RequestError
from native import relay
from tests.media.world import options as parse


def test_everything_absent_is_empty() -> None:
    options = parse({})
    assert (options.command, options.address, options.family) == ("", "", 0)
    assert (options.dscp, options.delete_delay_s, options.limit, options.load_limit) == (-1, -1, 32, False)
    assert not options.flags
    assert not options.ignored


def test_a_full_request() -> None:
    options = parse(
        {
            "command": "Offer",
            "supports": ["load limit"],
            "address family": "IP4",
            "TOS": 184,
            "delete delay": "5",
            "rtcp-mux": ["Offer", "require"],
            "replace": ["SDP-version"],
            "direction": ["in", "out"],
            "transport protocol": "rtp/avpf",
            "flags": ["Trust_Address"],
        }
    )
    assert options.command == "offer"
    assert options.load_limit
    assert (options.family, options.dscp, options.delete_delay_s) == (4, 46, 5)
    assert options.rtcp_mux == {"offer", "require"}
    assert options.writing == relay.WRITE_VERSION
    assert options.direction == ("in", "out")
    assert options.transport_protocol == "RTP/AVPF"
    assert options.flags == {"trust-address"}


@pytest.mark.parametrize(("value", "dscp"), [(0, 0), ("255", 63), (-1, -1), ("-20", -1), (256, -1), ("70000", -1)])
def test_what_is_no_octet_leaves_the_type_of_service(value: int | str, dscp: int) -> None:
    assert parse({"TOS": value}).dscp == dscp


@pytest.mark.parametrize(
    ("body", "wanted"),
    [({}, ""), ({"flags": ["generate RTCP"]}, "on"), ({"generate-RTCP": "off", "flags": ["generate RTCP"]}, "off")],
)
def test_rtcp_of_ours_is_asked_for_by_key_or_flag(body: dict[str, Any], wanted: str) -> None:
    assert parse(body).reports == wanted


def test_a_label_has_several_names() -> None:
    options = parse({"from-label": "caller", "set-label": "alice"})
    assert (options.label, options.set_label) == ("caller", "alice")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"label": ["a"]}, "label must be a string"),
        ({"media-address": "a.example"}, "media-address: 'a.example' is not an IP address"),
        ({"address-family": "IPX"}, "address-family must be IP4 or IP6, not 'IPX'"),
        ({"TOS": "EF"}, "tos must be a number from 0 to 999, not 'EF'"),
        ({"delete-delay": "soon"}, "delete-delay must be a number from 0 to 86400, not 'soon'"),
        ({"generate-RTCP": "perhaps"}, "generate-rtcp must be yes or no, not 'perhaps'"),
        ({"limit": "9" * 5000}, "limit must be a number from 0 to 1000000, not "),
    ],
)
def test_a_wrong_value_is_named(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(body)
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"flags": ["generate thing", "pierce NAT", "NAT-wait", "reset", "single-codec", "symmetric"]},
         ["flag 'generate-thing'"]),
        ({"flags": ["replace-origin", "replace-session-connection", "replace-everything"]}, ["replace 'everything'"]),
        ({"flags": ["rtcp-mux-demux", "rtcp-mux-perhaps"]}, ["rtcp-mux 'perhaps'"]),
        ({"flags": ["codec-transcode-opus", "codec-strip-G729", "codec-mask-all"]}, ["codec 'transcode'"]),
        ({"codec": {"transcode": ["PCMA"], "strip": ["EVS"]}}, ["codec 'transcode'"]),
        ({"flags": ["SDES-off", "SDES-no-AES_CM_128_HMAC_SHA1_32", "SDES-unencrypted_srtp"]}, ["sdes 'unencrypted-srtp'"]),
        ({"flags": ["T.38-decode"]}, ["t.38 'decode'"]),
        ({"ICE": "lite"}, ["ice 'lite'"]),
        ({"DTLS": "passive", "DTLS-fingerprint": "sha-1"}, []),
        ({"DTLS": "perhaps"}, ["dtls 'perhaps'"]),
        ({"xmlrpc-callback": "127.0.0.1", "template": "WebRTC", "moon": "full"}, ["key 'moon'"]),
        ({"generate RTCP": "on", "ICE-lite": "both", "flags": ["reject ICE", "trickle-ICE"]}, []),
        ({"endpoint-learning": "clever"}, ["endpoint-learning 'clever'"]),
        ({"endpoint-learning": "any"}, []),
        ({"flags": ["trust-address", "SIP-source-address", "record-call", "block-DTMF", "loop-protect", "RTP/SAVP"],
          "ICE": "remove", "sip-message-type": "sip_request", "supports": ["load limit"], "direction": ["in", "out"]}, []),
    ],
)  # fmt: skip
def test_words_that_proxies_send_are_served_or_named(body: dict[str, Any], names: list[str]) -> None:
    assert sorted(parse(body).ignored) == names


def test_what_means_nothing_here_is_named_and_ignored() -> None:
    options = parse({"command": "offer", "moon": "full", "flags": ["inject DTMF", "trust-address", "debug"], "SIP-code": 200})
    assert options.ignored == {"key 'moon'", "flag 'inject-dtmf'"}
