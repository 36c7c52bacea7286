"""The cases that ``conformance`` was asked for: listed, run, or compared."""

import json
import socket
import sys
from pathlib import Path

from sipmesh.cli.output import fail, show_json
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Case, Result, Target, Transport
from sipmesh.conformance.message import host_and_port
from sipmesh.conformance.report import as_json as results_as_json
from sipmesh.conformance.report import details, line, markdown, summary
from sipmesh.conformance.run import all_cases, run_cases, why_silent


def run(
    cases: list[Case], target: str, transport: Transport, domain: str, user: str, password: str, dns: str, as_json: bool
) -> int:
    """Exit status: 1 when any failed, 130 when interrupted. What was found until then is shown."""
    host, port = host_and_port(target, 5061 if transport == "tls" else 5060)
    if not host:
        fail(f"{target!r} is not sip:host or sip:host:port")
    account = Account(user, password, domain or host)
    for address in addresses_of(host):
        tested = Target(address, port, transport, account, dns)
        why = why_silent(tested)
        if not why:
            break
    else:
        fail(f"nobody answers at {target} over {transport.upper()}: {why}")
    results: list[Result] = []
    interrupted = False
    try:
        for result in run_cases(cases, tested):
            results.append(result)
            if not as_json:
                show(result)
    except KeyboardInterrupt:
        interrupted = True
    if as_json:
        show_json(results_as_json(target, results))
    else:
        print(summary(results))
    if interrupted:
        print(f"interrupted: {len(cases) - len(results)} cases were not run to their end", file=sys.stderr)
        return 130
    if all(result.outcome == "not applicable" for result in results):
        fail("nothing could be judged" + (f": {results[0].reason}" if results else ""))
    return int(any(result.outcome == "fail" for result in results))


def addresses_of(host: str) -> list[str]:
    """Numeric, those that are to be preferred first."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)]
    except OSError as error:
        fail(f"{host}: {error.strerror}")


def show(result: Result) -> None:
    print(line(result), flush=True)
    if result.trace:
        print(f"\n{details(result)}\n")


def chosen(only: str, *, slow: bool) -> list[Case]:
    wanted = {each.strip() for each in only.split(",") if each.strip()}
    cases = all_cases()
    unknown = wanted - {str(case.clause) for case in cases} - {case.run.__name__ for case in cases}
    if unknown:
        fail(f"no such case: {', '.join(sorted(unknown))}; --list names them")
    if wanted:
        return [case for case in cases if str(case.clause) in wanted or case.run.__name__ in wanted]
    return [case for case in cases if slow or not case.slow]


def show_comparison(compare: list[str]) -> None:
    runs = {name: read_results(Path(file)) for name, _, file in (each.partition("=") for each in compare)}
    print(markdown(runs, all_cases()))


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
