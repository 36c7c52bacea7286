"""``user``, ``trunk`` and ``route``: what the command line adds to the configuration file. Running nodes take it on at once."""

import sys
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from sipmesh.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, fail, opened_store, show_done, show_json, show_table
from sipmesh.config import Config, Route, Table, Trunk, User
from sipmesh.config_load import dotted
from sipmesh.config_reader import Reader
from sipmesh.config_rules import Defined, Found, route_rules, trunk_rules, user_rules
from sipmesh.store import Store
from sipmesh.views import trunk_rows

users = typer.Typer(help="Accounts.", no_args_is_help=True)
trunks = typer.Typer(help="Trunks to carriers and other systems.", no_args_is_help=True)
routes = typer.Typer(help="Where called numbers go.", no_args_is_help=True)

Made = TypeVar("Made", bound=Table)


@users.command("add")
def add_user(
    aor: Annotated[str, typer.Argument(help="user@domain")],
    password: Annotated[str | None, typer.Option(help="Better left out: it is asked for, or read from standard input.")] = None,
    srtp: Annotated[
        str | None, typer.Option(help="pass, off, optional or mandatory; without, as it was or as its domain.")
    ] = None,
    caller_id: Annotated[
        list[str] | None, typer.Option(help="Number of its own, shown to trunks; the first by default. Repeat for more.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Add an account, or change its password."""
    if password is None:
        password = asked_password()
    with opened_store(config, create=True) as (node, store):
        user = made(User, {"aor": aor, "password": password, "srtp": srtp, "caller_ids": caller_id or []})
        require(user_rules(user, defined(node, store), ()))
        store.directory.put_user(user)
    show_done(f"{aor} added", {"aor": aor}, as_json)


@users.command("list")
def list_users(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List accounts."""
    with opened_store(config) as (_, store):
        rows = [
            {
                "aor": each.aor,
                "origin": each.origin,
                "algorithms": sorted(each.ha1),
                "srtp": each.srtp,
                "caller_ids": list(each.caller_ids),
            }
            for each in store.directory.users()
        ]
    if as_json:
        return show_json(rows)
    cells = [(row["aor"], row["srtp"] or "", "\n".join(row["caller_ids"] or ()), row["origin"]) for row in rows]
    return show_table(("AOR", "SRTP", "NUMBERS", "FROM"), cells, "no accounts")


@users.command("del")
def delete_user(aor: str, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Delete an account; its registrations stay until they expire."""
    with opened_store(config) as (_, store):
        if not store.directory.delete_user(aor):
            fail(f"there is no account {aor}")
    show_done(f"{aor} deleted", {"aor": aor}, as_json)


@trunks.command("add")
def add_trunk(
    name: str,
    target: Annotated[list[str] | None, typer.Option(help="SIP URI, and after a blank its weight; repeat for more.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Network that may call in without digest; repeat for more.")] = None,
    transit: Annotated[bool, typer.Option(help="Its calls may leave by another trunk.")] = False,
    max_calls: Annotated[int, typer.Option(help="Calls at once; 0: no limit.")] = 0,
    probe_s: Annotated[float, typer.Option(help="Seconds between OPTIONS probes; 0: never.")] = 30.0,
    srtp: Annotated[str, typer.Option(help="On its media legs: pass, off, optional or mandatory.")] = "pass",
    register: Annotated[
        str | None, typer.Option(help="AOR of our account there, to register; its password is asked for, or read from input.")
    ] = None,
    credentials: Annotated[
        str | None, typer.Option(help="Username that answers its challenges, where we don't register; password as above.")
    ] = None,
    incoming: Annotated[
        str | None, typer.Option(help="Username by which it proves in digest who it is when it calls in; password as above.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Add a trunk, or replace one."""
    raw: dict[str, Any] = {
        "name": name,
        "targets": [weighted(each) for each in target or []],
        "sources": source or [],
        "transit": transit,
        "max_calls": max_calls,
        "probe_s": probe_s,
        "srtp": srtp,
    }
    if register is not None:
        raw["register"] = {"aor": register, "password": asked_password()}
    if credentials is not None:
        raw["credentials"] = {"username": credentials, "password": asked_password()}
    if incoming is not None:
        raw["incoming"] = {"username": incoming, "password": asked_password()}
    with opened_store(config, create=True) as (_, store):
        trunk = made(Trunk, raw)
        require(trunk_rules(trunk, ()))
        store.directory.put_trunk(trunk)
    show_done(f"trunk {name} added", {"name": name}, as_json)


@trunks.command("list")
def list_trunks(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List trunks, their targets and their calls."""
    with opened_store(config) as (_, store):
        rows = trunk_rows(store)
    if as_json:
        return show_json(rows)
    cells = [
        (
            row["name"],
            "\n".join(f"{each['uri']} ({each['weight']}) {each['state']}" for each in row["targets"]),
            "\n".join(row["sources"]),
            registered(row["registration"]),
            "yes" if row["transit"] else "no",
            f"{row['calls']}/{row['max_calls'] or '-'}",
            row["origin"],
        )
        for row in rows
    ]
    return show_table(
        ("NAME", "TARGETS (WEIGHT)", "SOURCES", "REGISTERED", "TRANSIT", "CALLS/MOST", "FROM"), cells, "no trunks"
    )


@trunks.command("del")
def delete_trunk(name: str, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Delete a trunk that no route names."""
    with opened_store(config) as (_, store):
        using = [each.id for each in store.directory.routes() if f"trunk:{name}" in (each.route.to, each.route.source)]
        if using:
            fail(f"trunk {name} is named by route {', '.join(using)}; delete that first")
        if not store.directory.delete_trunk(name):
            fail(f"there is no trunk {name}")
    show_done(f"trunk {name} deleted", {"name": name}, as_json)


@routes.command("add")
def add_route(
    to: Annotated[str, typer.Option(help="trunk:NAME or user:AOR")],
    match: Annotated[str, typer.Option(help="Called number or AOR; * at its end stands for any rest.")] = "*",
    source: Annotated[str | None, typer.Option(help="trunk:NAME, or a network the call must come from.")] = None,
    caller: Annotated[str | None, typer.Option("--from", help="Caller's number or AOR.")] = None,
    strip: Annotated[int, typer.Option(help="Characters to take off the front of the called number.")] = 0,
    prefix: Annotated[str, typer.Option(help="Put in front of it afterwards.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Add a route after all others; the longest match wins."""
    raw = {"to": to, "match": match, "source": source, "from": caller, "strip": strip, "prefix": prefix}
    with opened_store(config, create=True) as (node, store):
        route = made(Route, {key: value for key, value in raw.items() if value is not None})
        require(route_rules(route, defined(node, store), ()))
        route_id = store.directory.put_route(route)
    show_done(f"route {route_id} added", {"id": route_id}, as_json)


@routes.command("list")
def list_routes(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List routes."""
    with opened_store(config) as (_, store):
        rows = store.directory.routes()
    if as_json:
        return show_json([{"id": each.id, **msgspec.to_builtins(each.route), "origin": each.origin} for each in rows])
    cells = [
        (each.id, one.match, one.from_ or "", one.source or "", one.strip or "", one.prefix, one.to, each.origin)
        for each in rows
        for one in (each.route,)
    ]
    return show_table(("ID", "MATCH", "CALLER", "SOURCE", "STRIP", "PREFIX", "TO", "FROM"), cells, "no routes")


@routes.command("del")
def delete_route(route_id: str, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Delete a route by its id."""
    with opened_store(config) as (_, store):
        if not store.directory.delete_route(route_id):
            fail(f"there is no route {route_id}")
    show_done(f"route {route_id} deleted", {"id": route_id}, as_json)


def registered(row: dict[str, Any] | None) -> str:
    """How our account at the carrier stands, as ``sipmesh.views`` says it."""
    if row is None:
        return ""
    if row["state"] == "registered":
        return f"{row['aor']} for {row['expires_in_s']} s"
    return f"{row['aor']}: {row['state']}" + (f", {row['status']}" if row["status"] else "")


def asked_password() -> str:
    """From the terminal, or the next line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True))
    return sys.stdin.readline().rstrip("\n")


def weighted(text: str) -> str | dict[str, Any]:
    uri, blank, weight = text.partition(" ")
    return {"uri": uri, "weight": int(weight) if weight.isdigit() else weight} if blank else uri


def made(kind: type[Made], raw: dict[str, Any]) -> Made:
    """``raw`` as the configuration file would have it."""
    reader = Reader()
    table = reader.table(kind, raw, ())
    require(iter(reader.errors))
    assert table is not None
    return table


def require(found: Found) -> None:
    """Ends the command when a rule is broken."""
    messages = [": ".join(filter(None, (dotted(path), message))) for path, message in found]
    if messages:
        fail("\nerror: ".join(messages))


def defined(node: Config, store: Store) -> Defined:
    trunks_by_name = {each.name: each for each in (*node.trunk, *(stored.trunk for stored in store.directory.trunks()))}
    return Defined(frozenset(each.name.lower() for each in node.domain), trunks_by_name)
