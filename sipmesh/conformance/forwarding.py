"""Where a request goes and what it looks like when it leaves: RFC 3261 sections 16.4 to 16.6."""

from __future__ import annotations

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.message import Headers, Message

CASES = Cases()
IDENTITY = "eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7fX0.c2lnbmF0dXJl;info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken"


def pass_message(world: World, callee: Agent, uri: str, headers: Headers | None = None) -> Message:
    """Sends a MESSAGE and returns it as it reached ``callee``, who accepts it."""
    agent = world.agent()
    agent.start(agent.request("MESSAGE", uri, headers))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 200)
    return got


@CASES.add(6, "RFC 3261 16.4", "removes a Route with its own address")
def own_route_address(world: World) -> None:
    got = pass_message(world, world.callee(), world.account.uri, [("Route", f"<sip:{world.address};lr{world.uri_transport}>")])
    require(not got["Route"], f"left with Route: {got['Route']}")


@CASES.add(6, "RFC 3261 16.4", "removes a Route with its own domain")
def own_route_domain(world: World) -> None:
    route = f"<sip:{world.account.domain}:{world.target.port};lr{world.uri_transport}>"
    got = pass_message(world, world.callee(), world.account.uri, [("Route", route)])
    require(not got["Route"], f"left with Route: {got['Route']}")


@CASES.add(7, "RFC 3261 16.4", "strips a maddr that names itself")
def own_maddr(world: World) -> None:
    port, host = world.target.port, world.target.host
    uri = f"sip:{world.account.user}@{world.account.domain}:{port};maddr={host}{world.uri_transport}"
    pass_message(world, world.callee(), uri)


@CASES.add(8, "RFC 3261 16.5", "doesn't retarget a request for another domain")
def foreign_domain(world: World) -> None:
    callee, other, agent = world.callee(), world.agent("other"), world.agent()
    sent = agent.start(agent.request("MESSAGE", f"sip:{world.account.user}@{other.address}{world.uri_transport}"))
    reached = other.incoming("MESSAGE", 1.0)
    if reached is not None:
        other.reply(reached, 200)
    else:
        answer = agent.response(sent, 1.0, least=200)
        require(answer is None or answer.status >= 400, "answered as if it had arrived")
    require(callee.incoming("MESSAGE", 0.2) is None, "reached the user of our domain with the same name")


@CASES.add(10, "RFC 3261 16.6, 7.3.1", "leaves headers it doesn't know as they are, in their order")
def unknown_headers(world: World) -> None:
    odd = [
        ("X-One", 'a,  b ;c="d,e"'),
        ("NewFangledHeader", "newfangled value continued newfangled value"),
        ("X-One", "second"),
        ("UnknownHeaderWithUnusualValue", ";;,,;;,;"),
        ("Subject", "  kept \tas it is".strip()),
    ]
    got = pass_message(world, world.callee(), world.account.uri, odd)
    names = {name for name, _ in odd}
    seen = [(name, value) for name, value in got.headers if name in names]
    require(seen == odd, f"arrived as {seen}")


@CASES.add(12, "RFC 3261 16.6(9), 18.3", "adds Content-Length when UDP goes over to TCP")
def content_length(world: World) -> None:
    callee, agent = world.callee(transport="tcp"), world.agent(transport="udp")
    first = agent.request("MESSAGE", world.account.uri, Content_Type="text/plain")
    admitted = agent.start(first)
    if admitted is first:  # without a challenge it has gone already, with Content-Length
        callee.reply(callee.expect_incoming("MESSAGE"), 200)
    bare = agent.again(admitted)
    agent.send(bare.without_length())
    got = callee.incoming("MESSAGE")
    require(got is not None, "nothing arrived")
    while got is not None:
        require(got["Content-Length"] == "0", f"Content-Length: {got['Content-Length'] or 'absent'}")
        callee.reply(got, 200)
        got = callee.incoming("MESSAGE", 0.3)


@CASES.add(30, "RFC 3261 7.3.1, 7.3.3", "reads compact names and folded lines")
def compact_and_folded(world: World) -> None:
    callee, agent = world.callee(), world.agent()
    names = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m"}
    request = agent.request("MESSAGE", world.account.uri, [("Subject", "one\r\n two")])
    agent.start(Message(request.start, [(names.get(name, name), value) for name, value in request.headers]))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 200)
    require(got["Subject"].split() == ["one", "two"], f"Subject: {got['Subject']}")


@CASES.add(39, "RFC 3261 22.3", "leaves credentials of other realms in place")
def credentials_of_others(world: World) -> None:
    other = 'Digest username="x", realm="elsewhere.invalid", nonce="n", uri="sip:x", response="0"'
    got = pass_message(world, world.callee(), world.account.uri, [("Proxy-Authorization", other)])
    require(got.all("Proxy-Authorization") == [other], f"Proxy-Authorization: {got.all('Proxy-Authorization')}")


@CASES.add(54, "RFC 3327 5.3", "sends requests by the Path of the binding")
def path(world: World) -> None:
    edge, agent = world.agent("edge"), world.agent()
    hop = f"<sip:{edge.address};lr{world.uri_transport}>"
    answer = world.bind(edge, "<sip:phone@192.0.2.77>", [("Path", hop), ("Supported", "path")])
    require(any(edge.address in value for value in answer.all("Path")), "the 200 to REGISTER has no Path")
    agent.start(agent.request("MESSAGE", world.account.uri))
    got = edge.expect_incoming("MESSAGE")
    edge.reply(got, 200)
    require(edge.address in got["Route"], f"Route: {got['Route'] or 'absent'}")
    require("192.0.2.77" in got.uri, f"Request-URI {got.uri}")


@CASES.add(67, "RFC 3325 5", "takes out a P-Asserted-Identity of somebody it doesn't trust")
def asserted_identity(world: World) -> None:
    got = pass_message(world, world.callee(), world.account.uri, [("P-Asserted-Identity", "<sip:queen@example.org>")])
    require(not got["P-Asserted-Identity"], "passed it on")


@CASES.add(73, "RFC 3261 16.6, RFC 8224 4", "passes Identity on as it came")
def identity_kept(world: World) -> None:
    got = pass_message(world, world.callee(), world.account.uri, [("Identity", IDENTITY)])
    require(got.all("Identity") == [IDENTITY], f"Identity: {got.all('Identity')}")
