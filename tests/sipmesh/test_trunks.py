"""sipmesh.signalling.trunks: sources, weights, health, reload."""

from collections import Counter
from random import Random

import pytest

from sipcore.keys import Key, KeyRing
from sipmesh.config import Trunk, TrunkTarget
from sipmesh.signalling.trunks import TargetState, Trunks, TrunkState


def trunk(name: str = "carrier", *targets: str | tuple[str, int], **options: object) -> Trunk:
    made = tuple(
        TrunkTarget(uri=each) if isinstance(each, str) else TrunkTarget(uri=each[0], weight=each[1]) for each in targets
    )
    return Trunk(name=name, targets=made, **options)  # type: ignore[arg-type]


def loaded(*configs: Trunk, seed: int = 1) -> Trunks:
    trunks = Trunks(Random(seed), KeyRing("contact", Key("k", bytes(32))))
    trunks.load(configs)
    return trunks


def state(trunks: Trunks, name: str = "carrier") -> TrunkState:
    found = trunks.get(name)
    assert found is not None
    return found


def uris(trunks: Trunks, number: str = "123", now: float = 0.0) -> list[str]:
    return [target.uri for target in trunks.targets(state(trunks), number, now)]


def test_a_source_finds_the_narrowest_network() -> None:
    trunks = loaded(
        trunk("wide", sources=("192.0.2.0/24", "2001:db8::/32")),
        trunk("narrow", sources=("192.0.2.128/25",)),
    )
    found = [trunks.by_source(host) for host in ("192.0.2.1", "192.0.2.200", "2001:db8::5", "198.51.100.1")]
    assert [each.name if each else None for each in found] == ["wide", "narrow", "wide", None]


def test_sources_are_remembered_within_bounds_and_forgotten_on_reload() -> None:
    trunks = loaded(trunk("a", sources=("10.0.0.0/8",)))
    for index in range(10_000):
        assert trunks.by_source(f"10.0.{index >> 8}.{index & 255}") is not None
    assert len(trunks._by_host) <= 4096
    trunks.load([trunk("a", sources=("192.0.2.0/24",))])
    assert trunks.by_source("10.0.0.1") is None


def test_targets_are_tried_one_after_the_other_with_failover() -> None:
    trunks = loaded(trunk("carrier", "sip:192.0.2.1:5070", "sip:gw.example.net;transport=tcp", first_response_s=2.5))
    targets = trunks.targets(state(trunks), "+4420", 0.0)
    assert {target.uri for target in targets} == {"sip:+4420@192.0.2.1:5070", "sip:+4420@gw.example.net;transport=tcp"}
    assert [target.group for target in targets] == [0, 1]
    assert all(target.failover and target.first_response_s == 2.5 and target.flow is None for target in targets)
    assert all(isinstance(target.label, TargetState) for target in targets)


@pytest.mark.parametrize(
    ("uri", "number", "result"),
    [
        ("sip:192.0.2.1", "123", "sip:123@192.0.2.1"),
        ("sip:[2001:db8::1]:5070", "123", "sip:123@[2001:db8::1]:5070"),
        ("sip:user@192.0.2.1", "123", "sip:123@192.0.2.1"),
        ("sip:192.0.2.1", "", "sip:192.0.2.1"),
    ],
)
def test_the_number_is_dialled_at_the_target(uri: str, number: str, result: str) -> None:
    assert uris(loaded(trunk("carrier", uri)), number) == [result]


def test_weights_decide_who_is_first() -> None:
    trunks = loaded(trunk("carrier", ("sip:a.example", 3), ("sip:b.example", 1), ("sip:c.example", 0)))
    orders = [uris(trunks) for _ in range(4000)]
    first = Counter(order[0] for order in orders)
    assert 2800 < first["sip:123@a.example"] < 3200
    assert first["sip:123@a.example"] + first["sip:123@b.example"] == 4000
    assert all(order[2] == "sip:123@c.example" and len(order) == 3 for order in orders)


def test_a_dead_target_is_left_out_until_it_answers() -> None:
    trunks = loaded(trunk("carrier", "sip:a.example", "sip:b.example"))
    dead = state(trunks).targets[0]
    dead.failed(10.0, "test")
    assert uris(trunks, now=10_000.0) == ["sip:123@b.example"]
    dead.answered()
    assert len(uris(trunks, now=10_000.0)) == 2


def test_an_unprobed_target_comes_back_after_a_rest() -> None:
    trunks = loaded(trunk("carrier", "sip:a.example", "sip:b.example", probe_s=0.0))
    state(trunks).targets[0].failed(10.0, "test")
    assert uris(trunks, now=10.0 + 30.0 - 1) == ["sip:123@b.example"]
    assert len(uris(trunks, now=10.0 + 30.0)) == 2


@pytest.mark.parametrize(
    ("retry_after", "rest_s"),
    [("120", 120), ("60 (overloaded);duration=3600", 60), ("999999", 600), ("soon", 0), ("0", 0), (None, 0)],
)
def test_clause_38_a_target_rests_as_long_as_its_503_says(retry_after: str | None, rest_s: int) -> None:
    trunks = loaded(trunk("carrier", "sip:a.example", "sip:b.example"))
    tired = state(trunks).targets[0]
    tired.overloaded(10.0, retry_after)
    tired.answered()  # a probe
    if rest_s:
        assert uris(trunks, now=10.0 + rest_s - 1) == ["sip:123@b.example"]
    assert len(uris(trunks, now=10.0 + rest_s)) == 2


def test_dead_targets_are_tried_when_no_other_lives() -> None:
    trunks = loaded(trunk("carrier", "sip:a.example", "sip:b.example"))
    for target in state(trunks).targets:
        target.failed(0.0, "test")
    assert len(uris(trunks)) == 2


def test_weight_zero_is_the_last_resort() -> None:
    trunks = loaded(trunk("carrier", ("sip:a.example", 1), ("sip:b.example", 0)))
    state(trunks).targets[0].failed(0.0, "test")
    assert uris(trunks) == ["sip:123@b.example"]


def test_a_reload_keeps_health_and_calls_of_what_stays() -> None:
    trunks = loaded(trunk("carrier", "sip:a.example", "sip:b.example"), trunk("gone", "sip:c.example"))
    before = state(trunks)
    before.calls = 7
    before.targets[0].failed(0.0, "test")
    trunks.load([trunk("carrier", ("sip:a.example", 5), "sip:new.example", max_calls=7)])
    after = state(trunks)
    assert after is before
    assert (after.calls, after.full) == (7, True)
    assert [(str(target.uri), target.weight, target.alive(1.0)) for target in after.targets] == [
        ("sip:a.example", 5, False),
        ("sip:new.example", 1, True),
    ]
    assert trunks.get("gone") is None


def test_a_limit_of_zero_is_none() -> None:
    unlimited = state(loaded(trunk("carrier", "sip:a.example")))
    unlimited.calls = 10_000
    assert not unlimited.full
