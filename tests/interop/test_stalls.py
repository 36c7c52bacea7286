"""What is judged by times is judged when the machine ran."""

from __future__ import annotations

import os
import subprocess

import pytest

from interop.stalls import undisturbed


def stand_still() -> None:
    """This process, for half a second."""
    subprocess.run(["sh", "-c", f"kill -STOP {os.getpid()}; sleep 0.5; kill -CONT {os.getpid()}"], check=True)


def test_what_fails_in_a_stall_is_made_again() -> None:
    attempts: list[str] = []

    def attempt() -> None:
        attempts.append("made")
        if len(attempts) < 3:
            stand_still()
        assert len(attempts) == 3

    undisturbed(attempt)
    assert len(attempts) == 3


def test_what_fails_though_the_machine_runs_fails() -> None:
    def attempt() -> None:
        raise AssertionError("always")

    with pytest.raises(AssertionError, match="always"):
        undisturbed(attempt)


def test_an_error_is_no_matter_of_time() -> None:
    def attempt() -> None:
        stand_still()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        undisturbed(attempt)
