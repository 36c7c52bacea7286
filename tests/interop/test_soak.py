"""A short soak; ``python -m interop.soak`` makes it as long as one likes."""

from pathlib import Path

from interop import soak


def test_nothing_is_left_of_a_hundred_calls(tmp_path: Path) -> None:
    outcome = soak.run(100, 25.0, tmp_path)
    assert outcome.faults == []
    assert outcome.before.descriptors == outcome.after.descriptors
