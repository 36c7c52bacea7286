"""``registrations``, ``calls`` and ``cdr``: what the node does now, and what calls it had."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from sipmesh.cdr_file import last_cdrs
from sipmesh.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    fail,
    loaded,
    opened_store,
    show_done,
    show_json,
    show_table,
)
from sipmesh.node import node_runs
from sipmesh.store import CallLeg, CallRecord, Command, Store
from sipmesh.views import call_row, registration_rows

calls = typer.Typer(help="Calls in progress.", invoke_without_command=True)


def registrations(
    aor: Annotated[str | None, typer.Argument(help="Only this AOR.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List registered contacts."""
    with opened_store(config) as (_, store):
        rows = list(registration_rows(store, time.time(), aor))
    if as_json:
        return show_json(rows)
    cells = [(row["aor"], row["contact"], row["source"], f"{row['expires_in_s']} s", row["user_agent"]) for row in rows]
    return show_table(("AOR", "CONTACT", "SOURCE", "EXPIRES IN", "USER AGENT"), cells, "no registrations")


@calls.callback()
def list_calls(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List calls, or work on one."""
    if context.invoked_subcommand:
        return
    with opened_store(config) as (_, store):
        rows = [call_row(key, record, time.time()) for key, record in store.calls.all()]
    if as_json:
        show_json(rows)
        return
    cells = [(row["key"], row["caller"], row["callee"], row["state"], f"{row['duration_s']} s", row["via"]) for row in rows]
    show_table(("KEY", "CALLER", "CALLEE", "STATE", "FOR", "VIA"), cells, "no calls")


@calls.command("show")
def show_call(key: str, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """All that is known of a call, by its key or Call-ID."""
    with opened_store(config) as (_, store):
        found_key, record = one_call(store, key)
    details: dict[str, Any] = {"key": found_key, **msgspec.to_builtins(record.as_dict(), enc_hook=CallLeg.as_dict)}
    if as_json:
        return show_json(details)
    cells = [(name, in_words(name, value)) for name, value in details.items() if value not in ("", [])]
    return show_table(("FIELD", "VALUE"), cells, "")


def in_words(name: str, value: Any) -> str:
    """A field of a call as people read it: times in UTC, each leg on a line of its own."""
    if name.endswith("_at") and isinstance(value, float):
        return f"{datetime.fromtimestamp(value, UTC):%F %T} UTC"
    if isinstance(value, list):
        return "\n".join(in_words("", each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(key, each)}" for key, each in value.items())
    return str(value)


@calls.command("end")
def end_call(key: str, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """End a call, by its key or Call-ID."""
    with opened_store(config) as (node, store):
        found_key, _ = one_call(store, key)
        if not node_runs(node):
            fail("the node does not run, so nobody can end the call")
        store.commands.put(Command(verb="end", key=found_key, at=time.time()))
    show_done(f"call {found_key} is being ended", {"key": found_key}, as_json)


def cdr(
    last: Annotated[int, typer.Option(help="How many, counted from the last one that ended.", min=1)] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the CDRs of calls that have ended."""
    settings = loaded(config).cdr
    if settings is None:
        fail(f"{config}: there is no [cdr], so none are written")
    try:
        rows = last_cdrs(settings, last)
    except OSError as error:
        fail(f"{error.filename} can't be read: {error.strerror}")
    if as_json:
        return show_json(rows)
    names = ("started_at", "caller", "called", "duration_s", "disposition", "cause", "status", "ended_by")
    cells = [["" if row.get(name) is None else row[name] for name in names] for row in rows]
    return show_table(
        ("STARTED", "CALLER", "CALLED", "SECONDS", "DISPOSITION", "CAUSE", "STATUS", "ENDED BY"), cells, "no CDRs"
    )


def one_call(store: Store, wanted: str) -> tuple[str, CallRecord]:
    """By key, else by Call-ID."""
    record = store.calls.get(wanted)
    if record is not None:
        return wanted, record
    found = next(((key, each) for key, each in store.calls.all() if each.call_id == wanted), None)
    return found or fail(f"there is no call {wanted}")
