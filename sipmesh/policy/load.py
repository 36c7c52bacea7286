"""A policy file → its hooks, checked."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

HOOKS = ("on_request", "on_register", "on_route", "on_call_end")
MODULE = "sipmesh_policy"

Hook = Callable[[Any], object]


class PolicyError(Exception):
    """The file can't be used; the text says where and why."""

    def __init__(self, file: Path, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Policy:
    """``hooks`` by name; those the file does not define are absent."""

    file: Path
    source: str
    hooks: dict[str, Hook]


def load_policy(file: Path, source: str | None = None) -> Policy:
    """Runs the file once. ``source``: its text, when it was read already. PolicyError."""
    if source is None:
        try:
            source = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise PolicyError(file, 1, f"can't be read: {reason}") from error
    module = ModuleType(MODULE)
    module.__file__ = str(file)
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - the operator's own program
    except SyntaxError as error:
        raise PolicyError(file, error.lineno or 1, f"is not Python: {error.msg}") from error
    except Exception as error:
        raise PolicyError(file, last_line(error, file), f"{type(error).__name__}: {error}") from error
    return Policy(file, source, hooks_of(module, file))


def hooks_of(module: ModuleType, file: Path) -> dict[str, Hook]:
    hooks: dict[str, Hook] = {}
    for name, value in vars(module).items():
        if not name.startswith("on_"):
            continue
        if name not in HOOKS:
            near = get_close_matches(name, HOOKS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(HOOKS)}"
            raise PolicyError(file, line_of(value), f"unknown hook {name}; {hint}")
        check_hook(name, value, file)
        hooks[name] = value
    if not hooks:
        raise PolicyError(file, 1, f"defines no hook; known: {', '.join(HOOKS)}")
    return hooks


def check_hook(name: str, hook: object, file: Path) -> None:
    if not callable(hook) or inspect.iscoroutinefunction(hook) or inspect.isgeneratorfunction(hook):
        raise PolicyError(file, line_of(hook), f"{name} is no ordinary function")
    try:
        inspect.signature(hook).bind(None)
    except TypeError:
        raise PolicyError(file, line_of(hook), f"{name} must take one argument") from None


def line_of(value: object) -> int:
    code = getattr(value, "__code__", None)
    return code.co_firstlineno if code is not None else 1


def last_line(error: BaseException, file: Path) -> int:
    """Of ``file`` in the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return (lines[-1] if lines else 1) or 1
