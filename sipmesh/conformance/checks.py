"""Request validation: RFC 3261 section 16.3."""

from __future__ import annotations

from sipmesh.conformance.case import Cases, World, require

CASES = Cases()


@CASES.add(1, "RFC 3261 16.3(1), 21.5.6", "answers 505 to another version of SIP")
def version(world: World) -> None:
    agent = world.agent()
    request = agent.request("OPTIONS", f"sip:{world.account.domain}")
    request.start = request.start.replace("SIP/2.0", "SIP/7.0")
    agent.send(request)
    answer = agent.expect_response(request)
    require(answer.status == 505, f"answered {answer.start}")


@CASES.add(2, "RFC 3261 16.3(2)", "answers 416 to a scheme it doesn't know")
def unknown_scheme(world: World) -> None:
    agent = world.agent()
    answer = agent.ask(agent.request("MESSAGE", "nobodyKnowsThisScheme:totallyopaquecontent"))
    require(answer.status == 416, f"answered {answer.start}")


@CASES.add(3, "RFC 3261 16.3(3)", "answers 483 when Max-Forwards is 0")
def max_forwards_zero(world: World) -> None:
    callee, agent = world.callee(), world.agent()
    answer = agent.ask(agent.request("MESSAGE", world.account.uri, Max_Forwards="0"))
    require(answer.status == 483, f"answered {answer.start}")
    require(callee.incoming("MESSAGE", 0.2) is None, "passed it on")


@CASES.add(3, "RFC 3261 16.6(3)", "adds Max-Forwards: 70 where there is none")
def max_forwards_absent(world: World) -> None:
    arrives_with_max_forwards(world, "", "70")


@CASES.add(3, "RFC 3261 16.6(3)", "takes one off Max-Forwards")
def max_forwards_counts(world: World) -> None:
    arrives_with_max_forwards(world, "35", "34")


def arrives_with_max_forwards(world: World, given: str, wanted: str) -> None:
    callee, agent = world.callee(), world.agent()
    agent.start(agent.request("MESSAGE", world.account.uri, Max_Forwards=given))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 200)
    require(got["Max-Forwards"] == wanted, f"Max-Forwards: {got['Max-Forwards'] or 'absent'}")


@CASES.add(5, "RFC 3261 16.3(5)", "answers 420 with Unsupported to a Proxy-Require it doesn't know")
def proxy_require(world: World) -> None:
    agent = world.agent()
    answer = agent.ask(agent.request("MESSAGE", world.account.uri, [("Proxy-Require", "nothingSupportsThis")]))
    require(answer.status == 420, f"answered {answer.start}")
    require("nothingSupportsThis" in answer["Unsupported"], f"Unsupported: {answer['Unsupported'] or 'absent'}")


@CASES.add(5, "RFC 3261 8.2.2.3", "answers 420 with Unsupported to a Require it doesn't know in OPTIONS to itself")
def own_require(world: World) -> None:
    agent = world.agent()
    answer = agent.ask(
        agent.request("OPTIONS", f"sip:{world.address}{world.uri_transport}", [("Require", "nothingSupportsThis")])
    )
    require(answer.status == 420, f"answered {answer.start}")
    require("nothingSupportsThis" in answer["Unsupported"], f"Unsupported: {answer['Unsupported'] or 'absent'}")


@CASES.add(53, "RFC 5393 5.3.3", "adds Max-Breadth to what it forwards")
def max_breadth_added(world: World) -> None:
    callee, agent = world.callee(), world.agent()
    agent.start(agent.request("MESSAGE", world.account.uri))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 200)
    require(got["Max-Breadth"].isdigit(), "no Max-Breadth")


@CASES.add(53, "RFC 5393 5.3.3", "answers 440 when Max-Breadth leaves no branch")
def max_breadth_zero(world: World) -> None:
    world.callee()
    agent = world.agent()
    answer = agent.ask(agent.request("MESSAGE", world.account.uri, [("Max-Breadth", "0")]))
    require(answer.status == 440, f"answered {answer.start}")
