from typing import Any

import pytest

from media.errors import BANDWIDTH_LIMIT, CPU_LIMIT, LOAD_LIMIT
from media.load import machine_times
from tests.media.world import World, sdp


def offered(world: World, call: str, **keys: Any) -> dict[str, Any]:
    return world.serve("offer", sdp=sdp(), call_id=call, from_tag="a", **keys)


@pytest.mark.parametrize(
    ("limit", "state", "reason"),
    [
        ({"max_cpu_percent": 80.0}, {"cpu_times": (81, 100)}, CPU_LIMIT),
        ({"max_load_average": 4.0}, {"load_average": 4.5}, LOAD_LIMIT),
        ({"max_bytes_per_s": 1000}, {"bytes_per_s": 1000.0}, BANDWIDTH_LIMIT),
    ],
)
def test_new_calls_are_refused_while_a_limit_is_reached(limit: dict[str, Any], state: dict[str, Any], reason: str) -> None:
    world = World(**limit)
    assert offered(world, "before")["result"] == "ok"
    idle = {key: getattr(world, key) for key in state}
    for key, value in state.items():
        setattr(world, key, value)
    world.load.measure()
    assert offered(world, "new") == {"result": "error", "error-reason": reason}
    assert offered(world, "new", supports=["load limit"]) == {"result": "load limit", "message": reason}
    assert offered(world, "before")["result"] == "ok"
    assert world.calls.rejected_count == 2
    for key, value in idle.items():
        setattr(world, key, (81, 200) if key == "cpu_times" else value)
    world.load.measure()
    assert offered(world, "new")["result"] == "ok"


def test_without_limits_nothing_is_refused() -> None:
    world = World()
    world.cpu_times, world.load_average, world.bytes_per_s = (100, 100), 1000.0, 1e12
    world.load.measure()
    assert offered(world, "new")["result"] == "ok"


def test_the_machine_tells_its_times() -> None:
    busy, whole = machine_times()
    assert 0 < busy < whole
