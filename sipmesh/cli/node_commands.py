"""``run`` and ``check``."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from media.fast_check import FastReport, examine
from sipmesh.certificates import CertificateError
from sipmesh.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, fail, show_json
from sipmesh.config import Config
from sipmesh.config_load import ConfigError, Problem, load_config
from sipmesh.demo import DemoError, demo_banner, prepare_demo
from sipmesh.logs import configure_logging
from sipmesh.node import NodeRunsError, run_node
from sipmesh.policy.host import load_within_limits
from sipmesh.policy.load import PolicyError
from sipmesh.policy.offline import differences
from sipmesh.privileges import PrivilegeError
from sipmesh.sockets import SocketError, media_address
from sipmesh.store import Store, StoreError


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    demo: Annotated[
        bool, typer.Option("--demo", help="A node on 127.0.0.1 with two ready-made accounts, kept in var/demo.")
    ] = False,
    log_format: Annotated[Literal["text", "json"], typer.Option(help="Form of the log lines on standard error.")] = "text",
) -> None:
    """Run a node until it is told to stop (SIGTERM, Ctrl-C). SIGHUP makes it read its configuration again."""
    try:
        file = prepare_demo(Path("var/demo")) if demo else config
        loaded = load_config(file)
        check_policy(loaded.config)
    except (ConfigError, DemoError, PolicyError) as error:
        fail(str(error))
    for warning in loaded.warnings:
        typer.echo(str(warning), err=True)
    configure_logging("supervisor", log_format)

    def ready() -> None:
        with suppress(OSError):  # nobody reads our standard output any more
            if demo:
                print(demo_banner(loaded.config))
            print("ready", flush=True)

    try:
        run_node(loaded.config, file, log_format=log_format, on_ready=ready)
    except (SocketError, PrivilegeError, CertificateError, StoreError, NodeRunsError) as error:
        fail(f"{file}: {error}")


def check(
    file: Annotated[Path, typer.Argument(help="The configuration file.")],
    as_json: JsonOption = False,
) -> None:
    """Check a configuration file: every mistake with line, key and what would be right. Its policy file is run, and asked
    about the last requests that the node routed: what it would do otherwise is shown. Where the relay's fast path is asked for,
    it is tried on this machine."""
    changes: list[str] = []
    asked = 0
    fast: FastReport | None = None
    try:
        loaded = load_config(file)
        errors, warnings = [], loaded.warnings
        check_policy(loaded.config)
        changes, asked = policy_changes(loaded.config)
        fast = fast_path_report(loaded.config)
    except ConfigError as error:
        errors, warnings = error.problems, []
    except PolicyError as error:
        errors = [Problem(str(error.file), error.line, "", error.message)]
    if as_json:
        problems = [each.as_dict() for each in (*errors, *warnings)]
        fast_path = asdict(fast) if fast else None
        show_json({"ok": not errors, "problems": problems, "changes": changes, "asked": asked, "fast_path": fast_path})
    else:
        for line in (*errors, *warnings, *changes):
            print(line)
        if asked:
            print(f"of the last {asked} requests routed {len(changes)} would go another way")
        for line in fast_path_lines(fast) if fast else ():
            print(line)
        print(f"{file}: {len(errors)} to correct" if errors else f"{file}: good")
    if errors:
        raise typer.Exit(2)


def check_policy(config: Config) -> None:
    """PolicyError."""
    if config.policy is not None:
        load_within_limits(config.policy, defaultdict(int))


def fast_path_report(config: Config) -> FastReport | None:
    """None where it is not asked for."""
    return None if config.media.fastpath == "off" else examine([media_address(config)])


def fast_path_lines(report: FastReport) -> list[str]:
    told = {
        "ready": f"ready at {', '.join(report.interfaces)}",
        "unknown": f"this account may not try it: {report.reason}",
        "unavailable": f"not here, calls go by sockets: {report.reason}",
    }
    return [f"fast path: {told[report.status]}", *(f"fast path: {note}" for note in report.notes)]


def policy_changes(config: Config) -> tuple[list[str], int]:
    """None where there is no node that routed anything."""
    try:
        store = Store.open(config.node.data, create=False)
    except StoreError:
        return [], 0
    try:
        return differences(config, store)
    finally:
        store.close()
