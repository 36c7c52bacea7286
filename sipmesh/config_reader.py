"""Plain TOML values → structs, field by field, so that one mistake does not hide the next."""

import types
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from sipmesh.config import Config, Table, TrunkTarget
from sipmesh.config_lines import Path

LATER: dict[tuple[str, ...], str] = {
    ("mesh",): "this version runs single nodes; the table has no effect",
}
SECRET_KEYS = frozenset({"password", "token", "secret"})  # values never shown

AnyTable = TypeVar("AnyTable", bound=Table)


class Reader:
    """Collects what it finds wrong as (path, message) in ``errors`` and ``warnings``. What could not be read is None."""

    def __init__(self) -> None:
        self.errors: list[tuple[Path, str]] = []
        self.warnings: list[tuple[Path, str]] = []

    def config(self, raw: dict[str, Any]) -> Config:
        """With None for each table that could not be read, so that the rest can be checked all the same."""
        values = self.fields(Config, raw, ())
        if not raw.get("listen"):
            self.errors.append(((), "there is no [[listen]]; add one with transport and address"))
        return Config(**{"node": None, **values})

    def table(self, kind: type[AnyTable], raw: Any, path: Path) -> AnyTable | None:
        """None when anything in the table is wrong."""
        if not isinstance(raw, dict):
            wrong = f"[{path[0]}], not {raw!r}" if len(path) == 1 else "{ ... }"
            self.errors.append((path, f"must be a table {wrong}"))
            return None
        before = len(self.errors)
        values = self.fields(kind, raw, path)
        return kind(**values) if len(self.errors) == before else None

    def fields(self, kind: type[Table], raw: dict[str, Any], path: Path) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in raw:
            if key not in fields:
                self.unknown(key, list(fields), path)
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in raw:
                values[field.name] = self.value(field.type, raw[key], (*path, key))
            elif field.required:
                self.errors.append((path, f"{key} is missing; {wanted(field.type, key)}"))
        return values

    def unknown(self, key: str, known: list[str], path: Path) -> None:
        place = (*path, key)
        later = LATER.get(tuple(part for part in place if isinstance(part, str)))
        if later:
            self.warnings.append((place, later))
            return
        near = get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        self.errors.append((place, f"unknown key; {hint}"))

    def value(self, kind: Any, raw: Any, path: Path) -> Any:
        if kind is TrunkTarget and isinstance(raw, str):
            raw = {"uri": raw}
        if table := table_type(kind):
            return self.table(table, raw, path)
        if get_origin(kind) is tuple and table_type(get_args(kind)[0]):
            return self.tables(get_args(kind)[0], raw, path)
        if get_origin(kind) is tuple and isinstance(raw, list):
            return tuple(self.value(get_args(kind)[0], each, (*path, index)) for index, each in enumerate(raw))
        try:
            value = msgspec.convert(raw, kind, strict=True)
            check_of(kind)(value)
        except msgspec.ValidationError:
            found = "has a wrong value" if path[-1] in SECRET_KEYS else f"is {raw!r}"
            self.errors.append((path, f"{found}; {wanted(kind, str(path[-1]))}"))
        except ValueError as error:
            self.errors.append((path, str(error)))
        else:
            return value
        return None

    def tables(self, kind: type[Table], raw: Any, path: Path) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            right = f"write [[{path[0]}]]" if len(path) == 1 else "write an array, [ ... ]"
            self.errors.append((path, f"must be an array; {right}"))
            return ()
        return tuple(self.value(kind, each, (*path, index)) for index, each in enumerate(raw))


def table_type(kind: Any) -> type[Table] | None:
    """The Table class in ``kind``: the class itself, or in ``Table | None``."""
    return next((each for each in options(kind) if isinstance(each, type) and issubclass(each, Table)), None)


def options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def check_of(kind: Any) -> Callable[[Any], object]:
    """The check that ``sipmesh.config_values`` put on the type; one that accepts everything when there is none."""
    for each in get_args(options(kind)[0])[1:]:
        if isinstance(each, msgspec.Meta) and each.extra:
            return each.extra["check"]  # type: ignore[no-any-return]
    return bool


def wanted(kind: Any, key: str) -> str:
    """What would be right for ``key``, in words."""
    first = options(kind)[0]
    if get_origin(first) is Literal:
        return "write " + " or ".join(f'"{each}"' for each in get_args(first))
    if get_origin(first) is tuple:
        return f"write [[{key}]]" if table_type(get_args(first)[0]) else 'write an array of texts, ["...", "..."]'
    if table_type(first):
        return f"write [{key}]"
    if get_origin(first) is Annotated:
        base, meta = get_args(first)[:2]
        if base is str:
            return wanted(str, key)
        return f"write a {'whole ' if base is int else ''}number{bounds(meta)}"
    return {str: 'write a text in quotes, "..."', bool: "write true or false", int: "write a whole number"}[first]


def bounds(meta: msgspec.Meta) -> str:
    low = f"{meta.ge} or more" if meta.ge is not None else f"above {meta.gt}"
    return f", {low}" + (f", at most {meta.le}" if meta.le is not None else "")
