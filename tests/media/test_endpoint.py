from typing import Any

import pytest

from media.addresses import is_private
from media.endpoint import NOWHERE, Endpoint
from media.errors import SdpError
from media.interfaces import media_family
from media.offer_plan import describe
from media.request import RequestReader
from media.sdp import parse
from media.settings import Interface
from native import relay
from tests.media.world import message, sdp


def located(body: str, **keys: Any) -> Endpoint:
    request = RequestReader().read(message({key.replace("_", "-"): value for key, value in keys.items()}))
    ours = "2001:db8::9" if "c=IN IP6 2001" in body else "127.0.0.9" if "c=IN IP4 127." in body else "203.0.113.9"
    (described,) = describe(parse(body), request, Interface(ours))
    return described.endpoint


def test_the_signalled_address_is_where_media_goes_and_comes_from() -> None:
    assert located(sdp()) == Endpoint(("192.0.2.1", 5000), ("192.0.2.1", 5001), relay.SYMMETRIC, "192.0.2.1", False)


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    """RFC 5118 section 4.9."""
    body = sdp().replace("IN IP4 192.0.2.1", "IN IP6 ::ffff:192.0.2.1")
    assert located(body) == located(sdp())
    assert media_family(parse(body)) == 4


@pytest.mark.parametrize(
    ("attribute", "rtcp"),
    [
        ("a=rtcp:5009", ("192.0.2.1", 5009)),
        ("a=rtcp:5009 IN IP4 192.0.2.7", ("192.0.2.7", 5009)),
        ("a=rtcp:5009 IN IP6 2001:db8::7", ("192.0.2.1", 5009)),
        # a public party's word for a place within our own network or host
        ("a=rtcp:161 IN IP4 10.1.1.1", ("192.0.2.1", 161)),
        ("a=rtcp:53 IN IP4 127.0.0.1", ("192.0.2.1", 53)),
        ("a=rtcp:53 IN IP4 0.0.0.0", ("192.0.2.1", 53)),
        ("a=rtcp:53 IN IP6 ::ffff:127.0.0.1", ("192.0.2.1", 53)),
    ],
)
def test_rtcp_has_the_port_and_address_it_names(attribute: str, rtcp: tuple[str, int]) -> None:
    assert located(sdp(f"m=audio 5000 RTP/AVP 0|{attribute}")).rtcp == rtcp


@pytest.mark.parametrize(
    ("host", "named", "told"),
    [
        ("10.1.1.1", "10.1.1.9", "10.1.1.9"),
        ("10.1.1.1", "127.0.0.1", "10.1.1.1"),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2"),
    ],
)
def test_rtcp_of_a_private_party_may_be_at_a_private_address(host: str, named: str, told: str) -> None:
    assert located(sdp(f"m=audio 5000 RTP/AVP 0|a=rtcp:5009 IN IP4 {named}", host=host)).rtcp == (told, 5009)


@pytest.mark.parametrize(
    ("host", "source", "flags", "learned"),
    [
        # told by the proxy
        ("192.0.2.1", "198.51.100.7", ["SIP-source-address"], "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7", ["trust-address"], "192.0.2.1"),
        # not told: a private address that is not the message's source can't be right
        ("10.1.1.1", "198.51.100.7", [], "198.51.100.7"),
        ("10.1.1.1", "10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", "10.9.9.9", [], "10.9.9.9"),
        ("192.0.2.1", "198.51.100.7", [], "192.0.2.1"),
        # trusted, but a private one behind a public one is impossible
        ("10.1.1.1", "198.51.100.7", ["trust-address"], "198.51.100.7"),
        ("10.1.1.1", "10.9.9.9", ["trust-address"], "10.1.1.1"),
        # and nobody else than this host itself is at its loopback
        ("127.0.0.1", "10.9.9.9", ["trust-address"], "10.9.9.9"),
        ("127.0.0.2", "127.0.0.1", ["trust-address"], "127.0.0.2"),
        # another family says nothing
        ("10.1.1.1", "2001:db8::7", [], "10.1.1.1"),
        ("10.1.1.1", "2001:db8::7", ["SIP-source-address"], "10.1.1.1"),
    ],
)
def test_whom_we_learn_from(host: str, source: str, flags: list[str], learned: str) -> None:
    endpoint = located(sdp(host=host), received_from=["IP4", source], flags=flags)
    assert endpoint.learn_host == learned
    assert endpoint.rtp == (learned, 5000)


@pytest.mark.parametrize(
    ("keys", "mode"),
    [
        ({}, relay.SYMMETRIC),
        ({"flags": ["symmetric", "strict-source", "port latching"]}, relay.SYMMETRIC),
        ({"flags": ["asymmetric"]}, relay.ASYMMETRIC),
        ({"flags": ["asymmetric", "strict source"]}, relay.FIXED),
        ({"flags": ["asymmetric", "media handover"]}, relay.HANDOVER),
        ({"flags": ["media handover"]}, relay.HANDOVER),
        ({"endpoint-learning": "immediate"}, relay.SYMMETRIC),
        ({"endpoint-learning": "heuristic"}, relay.SYMMETRIC),
        ({"endpoint-learning": "any"}, relay.ANY),
        ({"endpoint-learning": "off"}, relay.FIXED),
    ],
)
def test_the_mode_follows_the_flags(keys: dict[str, Any], mode: int) -> None:
    assert located(sdp(), **keys).mode == mode


def test_a_zero_address_is_hold() -> None:
    assert located(sdp(host="0.0.0.0")) == Endpoint(None, None, relay.SYMMETRIC, None, True)


@pytest.mark.parametrize("zero", ["IP4 0.0.0.0", "IP6 ::", "IP6 0:0::0", "IP6 ::ffff:0.0.0.0"])
def test_nothing_is_sent_to_a_zero_address_however_it_is_written(zero: str) -> None:
    """The kernel would take it for this host."""
    endpoint = located(sdp().replace("IP4 192.0.2.1", zero))
    assert (endpoint.rtp, endpoint.rtcp, endpoint.learn_host) == (None, None, None)


def test_a_removed_line_is_nowhere() -> None:
    assert located(sdp("m=audio 0 RTP/AVP 0")) is NOWHERE


@pytest.mark.parametrize("host", ["224.1.1.1/16", "phone.example.com"])
def test_what_can_not_be_sent_to_is_refused(host: str) -> None:
    with pytest.raises(SdpError, match=rf"line 6: m=audio: can't send to {host}"):
        located(sdp(host=host))


def test_a_host_name_behind_nat_does_not_matter() -> None:
    endpoint = located(sdp(host="phone.example.com"), received_from=["IP4", "198.51.100.7"], flags=["SIP-source-address"])
    assert endpoint.rtp == ("198.51.100.7", 5000)


def test_private_ranges() -> None:
    assert all(
        map(is_private, ["10.0.0.1", "172.31.0.1", "192.168.9.9", "100.64.0.1", "127.0.0.1", "fd00::1", "fe80::1", "::1"])
    )
    assert not any(map(is_private, ["192.0.2.1", "203.0.113.1", "8.8.8.8", "172.32.0.1", "2001:db8::1"]))
