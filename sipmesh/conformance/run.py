"""Runs the cases one by one and says how each ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sipmesh.conformance import (
    checks,
    connections,
    dialogs,
    forking,
    forwarding,
    locating,
    loops,
    overload,
    registrar,
    torture,
    transactions,
    transports,
)
from sipmesh.conformance.case import Case, Result, Target, World
from sipmesh.conformance.errors import FailedError, NotApplicableError

TOPICS = (
    *(checks, loops, forwarding, forking, transactions, dialogs, transports, locating, connections, registrar, torture),
    overload,
)


def all_cases() -> list[Case]:
    """In the order of the clauses."""
    return sorted((case for topic in TOPICS for case in topic.CASES), key=lambda case: case.clause)


def why_silent(target: Target) -> str:
    """Why the target can't be tested, "" when it answers."""
    world = World(target)
    try:
        agent, domain = world.agent(), target.account.domain
        for method in ("OPTIONS", "REGISTER", "OPTIONS"):
            request = agent.request(method, f"sip:{domain}", To=f"<{target.account.uri}>")
            agent.send(request)
            if agent.response(request, 1.0) is not None:
                return ""
    except (OSError, NotApplicableError) as error:
        return str(error)
    finally:
        world.close()
    heard = [entry for entry in world.trace if " receives:" in entry]
    return f"what it answers is no answer to that:\n{heard[-1]}" if heard else "no answer to OPTIONS, nor to REGISTER"


def run_case(case: Case, target: Target) -> Result:
    world = World(target)
    try:
        case.run(world)
    except FailedError as error:
        return Result(case, "fail", str(error), tuple(world.trace))
    except NotApplicableError as error:
        return Result(case, "not applicable", str(error))
    except (
        OSError,
        ValueError,
        IndexError,
        StopIteration,
    ) as error:  # the target closed a connection, or sent what can't be read
        return Result(case, "fail", f"{type(error).__name__}: {error}", tuple(world.trace))
    else:
        return Result(case, "pass")
    finally:
        world.close()


def run_cases(cases: Iterable[Case], target: Target) -> Iterator[Result]:
    for case in cases:
        yield run_case(case, target)
