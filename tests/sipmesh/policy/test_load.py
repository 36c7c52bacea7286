"""sipmesh.policy.load: what is wrong with a policy file is said with its line."""

from pathlib import Path

import pytest

from sipmesh.policy.load import PolicyError, load_policy


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("def on_route(request):\n    return (\n", 2, "is not Python"),
        ("import no_such_module_here\n", 1, "ModuleNotFoundError: No module named"),
        ("\ndef helper():\n    raise KeyError(3)\nhelper()\n", 3, "KeyError: 3"),
        ("x = 1\n", 1, "defines no hook; known: on_request, on_register, on_route, on_call_end"),
        ("\n\ndef on_rout(request): ...\n", 3, "unknown hook on_rout; did you mean on_route?"),
        ("on_route = 7\n", 1, "on_route is no ordinary function"),
        ("async def on_route(request): ...\n", 1, "on_route is no ordinary function"),
        ("def on_route(): ...\n", 1, "on_route must take one argument"),
        ("def on_route(request, more): ...\n", 1, "on_route must take one argument"),
    ],
)
def test_a_bad_file(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = tmp_path / "policy.py"
    file.write_text(text)
    with pytest.raises(PolicyError) as raised:
        load_policy(file)
    assert str(raised.value).startswith(f"{file}:{line}: {says}")


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="can't be read: No such file"):
        load_policy(tmp_path / "policy.py")
    (tmp_path / "policy.py").write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="it is not UTF-8 text"):
        load_policy(tmp_path / "policy.py")


def test_hooks_keep_the_state_of_their_module(tmp_path: Path) -> None:
    file = tmp_path / "policy.py"
    file.write_text("seen = []\ndef on_route(request):\n    seen.append(request)\n    return len(seen)\n")
    hook = load_policy(file).hooks["on_route"]
    assert [hook(None), hook(None)] == [1, 2]
    assert load_policy(file).hooks["on_route"](None) == 1
