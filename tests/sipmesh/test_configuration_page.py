"""docs/configuration.md and the configuration agree: every key, with its default."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipmesh.config import Config
from sipmesh.config_load import parse_config
from sipmesh.config_reader import options, table_type

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()
TABLES = {field.encode_name: field.type for field in msgspec.structs.fields(Config)}


def documented(table: str) -> dict[str, str]:
    """Key → default, as the page's table has them."""
    section = re.split(rf"^## \[+{table}\]+$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, flags=re.MULTILINE))


def fields(table: str) -> dict[str, Any]:
    kind = TABLES[table]
    struct = table_type(kind) or table_type(options(kind)[0].__args__[0])
    assert struct
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def written(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{each}"' for each in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_there_with_its_default(table: str) -> None:
    page = documented(table)
    assert page.keys() == fields(table).keys()
    for key, field in fields(table).items():
        if field.required:
            assert page[key] == "needed", key
        elif field.default not in ("", None) and page[key].startswith("`"):
            assert page[key] == written(field.default), key


def test_the_smallest_file_is_good() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert parse_config(example).config.user[0].aor == "alice@example.com"
