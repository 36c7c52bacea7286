"""``conformance``: what another SIP element, or this one, makes of single clauses."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from sipmesh.cli.output import JsonOption, fail, show_json
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Case, Result, Target
from sipmesh.conformance.message import host_and_port
from sipmesh.conformance.report import as_json as results_as_json
from sipmesh.conformance.report import details, line, markdown, summary
from sipmesh.conformance.run import all_cases, anybody_there, run_cases


def conformance(
    target: Annotated[str, typer.Option(help="The element to test, as sip:host:port.")] = "sip:127.0.0.1:5060",
    transport: Annotated[Literal["udp", "tcp", "tls"], typer.Option(help="Of the tester's agents.")] = "udp",
    domain: Annotated[str, typer.Option(help="Domain of the account; the target's host when absent.")] = "",
    user: Annotated[str, typer.Option(help="The account; its bindings are removed.")] = "alice",
    password: Annotated[str, typer.Option(help="Its password.")] = "",
    only: Annotated[str, typer.Option(help="Numbers of clauses or names of cases, separated by commas.")] = "",
    dns: Annotated[str, typer.Option(help="Address where the tester serves DNS and the target asks; port 53 if absent.")] = "",
    slow: Annotated[bool, typer.Option("--slow", help="Also cases that take longer than ten seconds.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Print the cases and run none.")] = False,
    compare: Annotated[
        list[str] | None,
        typer.Option("--markdown", help="NAME=FILE of a --json run: print a table of all those given, run none."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test a SIP proxy or registrar clause by clause, with one of its accounts. Ends with status 1 when a clause fails."""
    cases = chosen(only, slow=slow)
    if compare:
        print(
            markdown(
                {name: read_results(Path(file)) for name, _, file in (each.partition("=") for each in compare)}, all_cases()
            )
        )
        return
    if show:
        show_cases(cases, as_json)
        return
    host, port = host_and_port(target, 5061 if transport == "tls" else 5060)
    if not host:
        fail(f"{target!r} is not sip:host or sip:host:port")
    tested = Target(host, port, transport, Account(user, password, domain or host), dns)
    if not anybody_there(tested):
        fail(f"nobody answers at {target} over {transport.upper()}")
    results: list[Result] = []
    for result in run_cases(cases, tested):
        results.append(result)
        if not as_json:
            print(line(result), flush=True)
            if result.trace:
                print(f"\n{details(result)}\n")
    if as_json:
        show_json(results_as_json(target, results))
    else:
        print(summary(results))
    if any(result.outcome == "fail" for result in results):
        raise typer.Exit(1)


def chosen(only: str, *, slow: bool) -> list[Case]:
    wanted = {each.strip() for each in only.split(",") if each.strip()}
    cases = all_cases()
    unknown = wanted - {str(case.clause) for case in cases} - {case.run.__name__ for case in cases}
    if unknown:
        fail(f"no such case: {', '.join(sorted(unknown))}; --list names them")
    if wanted:
        return [case for case in cases if str(case.clause) in wanted or case.run.__name__ in wanted]
    return [case for case in cases if slow or not case.slow]


def show_cases(cases: list[Case], as_json: bool) -> None:
    if as_json:
        fields = ("clause", "name", "source", "title")
        show_json([{field: row[field] for field in fields} for row in (Result(case, "pass").as_dict() for case in cases)])
        return
    for case in cases:
        print(f"{case.clause:2}  {case.run.__name__:22}  {case.source}: {case.title}")


def read_results(file: Path) -> list[dict[str, object]]:
    try:
        results: list[dict[str, object]] = json.loads(file.read_text())["results"]
    except (OSError, ValueError, KeyError, TypeError):
        fail(f"{file}: not the output of a run with --json")
    return results
