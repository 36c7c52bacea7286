"""Feedback about overload: RFC 7339. Whoever has none of it leaves its parameters alone, which is right, too."""

from __future__ import annotations

from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.message import parameter
from sipmesh.conformance.transports import options

CASES = Cases()

OFFER = ';oc;oc-algo="loss,A"'
FEEDBACK = ';oc=20;oc-algo="loss";oc-validity=500;oc-seq=1282321615.782'


@CASES.add(74, "RFC 7339 4, 5.1", "answers an offer to be told of overload by the rules, or leaves it as it came")
def overload_offer(world: World) -> None:
    agent = world.agent()
    request = options(world, agent)
    answer = agent.ask(request.with_header("Via", request["Via"] + OFFER))
    via = answer.values("Via")[0]
    if parameter(via, "oc"):
        require(parameter(via, "oc-algo").strip('"') in ("loss", "A"), f"chose no one of the algorithms: {via}")
        require(bool(parameter(via, "oc-seq")), f"no oc-seq: {via}")
    else:
        require(";oc-validity" not in via and ";oc-seq" not in via, f"parameters that belong to no oc: {via}")


@CASES.add(74, "RFC 7339 5.2, 5.6", "passes on a response that tells it of overload, but not what that says")
def overload_feedback(world: World) -> None:
    callee, agent = world.callee(), world.agent()
    sent = agent.start(agent.request("MESSAGE", world.account.uri))
    got = callee.expect_incoming("MESSAGE")
    top, *rest = got.values("Via")
    callee.reply(got.with_header("Via", ", ".join([told(top), *rest])), 200)
    answer = agent.expect_response(sent)
    require(answer.status == 200, f"passed on {answer.start}")
    require("oc=20" not in answer["Via"], f"told the caller: {answer['Via']}")


def told(via: str) -> str:
    """``via`` with what a server that is overloaded makes of its offer, if it has one."""
    return via.replace(";oc-algo", ";offered-algo").replace(";oc;", ";") + FEEDBACK
