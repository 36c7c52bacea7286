from typing import Any

import pytest

from media.errors import RequestError
from media.interfaces import first_pair, media_family, next_pair
from media.origin import Announced
from media.sdp import parse
from media.session import Dialogue, Side
from media.settings import Interface
from tests.media.world import FAR, NEAR, SIX, options, sdp

ALL = (NEAR, FAR, SIX)
OTHER_SIX = Interface("2001:db8::20", name="far")


@pytest.mark.parametrize(
    ("host", "keys", "pair"),
    [
        ("192.0.2.1", {}, (NEAR, NEAR)),
        ("2001:db8::1", {}, (SIX, SIX)),
        ("192.0.2.1", {"direction": ["near", "far"]}, (NEAR, FAR)),
        ("192.0.2.1", {"direction": ["far"]}, (FAR, NEAR)),
        ("192.0.2.1", {"to-interface": "far"}, (NEAR, FAR)),
        ("192.0.2.1", {"from-interface": "far", "to interface": "near"}, (FAR, NEAR)),
        ("192.0.2.1", {"direction": ["moon", "sun"]}, (NEAR, NEAR)),
        ("192.0.2.1", {"address-family": "IP6"}, (NEAR, SIX)),
        ("192.0.2.1", {"direction": ["near", "six"]}, (NEAR, SIX)),
        ("2001:db8::1", {"direction": ["six", "far"]}, (SIX, OTHER_SIX)),
        ("2001:db8::1", {"direction": ["six", "far"], "address-family": "IP4"}, (SIX, FAR)),
    ],
)
def test_a_new_dialogue(host: str, keys: dict[str, Any], pair: tuple[Interface, Interface]) -> None:
    assert first_pair((*ALL, OTHER_SIX), parse(sdp(host=host)), options(keys)) == pair


@pytest.mark.parametrize(
    ("side", "host", "keys", "pair"),
    [
        (0, "192.0.2.1", {}, (NEAR, FAR)),
        (1, "198.51.100.1", {}, (NEAR, FAR)),
        (0, "2001:db8::1", {}, (SIX, FAR)),
        (1, "2001:db8::1", {}, (NEAR, SIX)),
        (0, "192.0.2.1", {"address-family": "IP6"}, (NEAR, SIX)),
        (1, "192.0.2.1", {"direction": ["near", "far"]}, (FAR, NEAR)),
        (0, "192.0.2.1", {"direction": ["moon", "sun"]}, (NEAR, FAR)),
    ],
)
def test_a_further_offer_keeps_what_still_fits(
    side: int, host: str, keys: dict[str, Any], pair: tuple[Interface, Interface]
) -> None:
    dialogue = Dialogue((Side("a", NEAR, Announced(1), 0.0), Side("b", FAR, Announced(2), 0.0)), "", 0.0)
    assert next_pair(ALL, dialogue, side, parse(sdp(host=host)), options(keys)) == pair


def test_no_address_of_the_family() -> None:
    with pytest.raises(RequestError, match="No local address of family IP6"):
        first_pair((NEAR,), parse(sdp(host="2001:db8::1")), options({}))


def test_the_family_is_that_of_the_first_line_in_use() -> None:
    removed = sdp("m=audio 0 RTP/AVP 0", "m=video 5000 RTP/AVP 96|c=IN IP6 2001:db8::1")
    assert media_family(parse(removed)) == 6
    assert media_family(parse(sdp("m=audio 0 RTP/AVP 0"))) == 4
    assert media_family(parse("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n")) == 0
