"""How commands find the node and speak: tables or JSON on standard output, mistakes on standard error."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sipmesh.config import Config
from sipmesh.config_load import ConfigError, load_config
from sipmesh.store import Store, StoreError
from sipmesh.store.directory import InFileError

ConfigOption = Annotated[Path, typer.Option("--config", envvar="SIPMESH_CONFIG", help="The node's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("sipmesh.toml")


def fail(message: str) -> NoReturn:
    """Ends the command as one that was used wrongly."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(2)


def loaded(file: Path) -> Config:
    try:
        return load_config(file).config
    except ConfigError as error:
        fail(str(error))


@contextmanager
def opened_store(file: Path, *, create: bool = False) -> Iterator[tuple[Config, Store]]:
    """The configuration and the store of the node that ``file`` describes; says what is wrong and ends when there is none."""
    config = loaded(file)
    try:
        store = Store.open(config.node.data, create=create)
        try:
            yield config, store
        finally:
            store.close()
    except (StoreError, InFileError) as error:
        fail(str(error))


def show_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    if not rows:
        print(empty)
        return
    from rich.console import Console  # costs a quarter of a short command's time
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def show_done(text: str, value: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(value)
    else:
        print(text)
