from media.proxy_counts import MAX_PROXIES, NO_TIME, OTHERS, ProxyCounts
from tests.media.world import PROXY, World, sdp


def test_each_proxy_has_its_own_counts() -> None:
    world = World()
    world.serve("offer", sdp=sdp(), call_id="c", from_tag="a")
    world.serve("offer", sdp="nonsense", call_id="d", from_tag="a")
    world.serve("ping", own=True)
    world.serve("no such thing", own=True)
    body = world.proxies.body()
    first, own = body["proxies"]
    assert (first["proxy"], first["offercount"], first["offererrors"], first["errorcount"]) == (PROXY, 2, 1, 1)
    assert (own["proxy"], own["pingcount"], own["unknowncount"], own["errorcount"]) == ("local", 1, 1, 1)
    assert (own["offercount"], own["offerduration"], own["playmediacount"], own["playmediaduration"]) == (
        0,
        NO_TIME,
        0,
        NO_TIME,
    )
    assert body["totalplaymediacount"] == 0
    assert (body["totaloffercount"], body["totalpingcount"], body["totalerrorcount"]) == (2, 1, 2)


def test_durations_are_summed() -> None:
    counts = ProxyCounts()
    counts.of("192.0.2.1", "offer").add({}, False, 1_500_000)
    counts.of("192.0.2.1", "offer").add({}, True, 500_000)
    assert counts.body()["proxies"][0]["offerduration"] == "0.002000"
    assert counts.body()["totalofferduration"] == "0.002000"


def test_a_crowd_of_proxies_shares_one_row() -> None:
    counts = ProxyCounts()
    for number in range(MAX_PROXIES + 10):
        counts.of(f"10.0.{number // 256}.{number % 256}", "ping").add({}, False, 0)
    rows = {row["proxy"]: row["pingcount"] for row in counts.body()["proxies"]}
    assert len(rows) == MAX_PROXIES + 1
    assert rows[OTHERS] == 10
