"""``conformance``: what another SIP element, or this one, makes of single clauses."""

from typing import Annotated, Literal

import typer

from sipmesh.cli.output import JsonOption


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
    """Test a SIP proxy or registrar clause by clause, with one of its accounts. Ends with status 1 when a clause fails,
    2 when nothing could be judged."""
    from sipmesh.cli import conformance_cases as cases  # what it needs takes longer to load than all other commands

    chosen = cases.chosen(only, slow=slow)
    if compare:
        cases.show_comparison(compare)
    elif show:
        cases.show_cases(chosen, as_json)
    else:
        raise typer.Exit(cases.run(chosen, target, transport, domain, user, password, dns, as_json))
