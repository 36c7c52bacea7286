"""Registration and digest: RFC 3261 sections 10.3 and 22, RFC 7616, RFC 8760."""

from __future__ import annotations

import re
from uuid import uuid4

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.credentials import challenges, credentials
from sipmesh.conformance.errors import NotApplicableError
from sipmesh.conformance.message import Message, parameter

CASES = Cases()
PUSH = ";pn-provider=webpush;pn-prid=f47ac10b;pn-param=device"


def challenged(world: World, agent: Agent) -> tuple[Message, Message]:
    """A REGISTER and the challenge it got. NotApplicableError when it got none."""
    account = world.account
    request = agent.request("REGISTER", f"sip:{account.domain}", To=f"<{account.uri}>")
    agent.send(request)
    answer = agent.expect_response(request)
    if answer.status != 401:
        raise NotApplicableError(f"asks for no digest: {answer.start}")
    return request, answer


@CASES.add(33, "RFC 3261 10.3(6)", 'refuses "Contact: *" without Expires: 0')
def star_expires(world: World) -> None:
    agent = world.callee()
    answer = agent.register(contact="*", expires_s=3600)
    require(answer.status == 400, f"answered {answer.start}")
    require(len(agent.register(contact="").values("Contact")) == 1, "removed the bindings")


@CASES.add(33, "RFC 3261 10.2, RFC 4475 3.3.4", "answers 400 to a REGISTER whose To is no SIP URI")
def to_is_no_sip_uri(world: World) -> None:
    answer = world.agent().register(To="isbn:2983792873")
    require(answer.status == 400, f"answered {answer.start}")


@CASES.add(33, "RFC 3261 10.3(8)", "returns every binding with its time")
def all_bindings(world: World) -> None:
    agent = world.callee(contact="<sip:one@192.0.2.1>")
    values = world.bind(agent, "<sip:two@192.0.2.2>").values("Contact")
    require(len(values) == 2, f"{len(values)} contacts")
    require(all(parameter(value, "expires").isdigit() for value in values), f"without expires: {values}")


@CASES.add(33, "RFC 3261 10.3(7)", "an older CSeq of the same Call-ID changes nothing")
def cseq_order(world: World) -> None:
    agent = world.agent()
    agent.cseq = 100
    world.bind(agent, "<sip:new@192.0.2.1>")
    answer = agent.register("<sip:other@192.0.2.9>", Call_ID="order-" + agent.request("X", "sip:x")["Call-ID"])
    require(answer.status == 200, f"answered {answer.start}")
    agent.cseq = 10
    agent.register("<sip:other@192.0.2.9>", 0, Call_ID=answer["Call-ID"])
    left = agent.register(headers=[]).values("Contact")
    require(any("other@" in value for value in left), "the older request removed the binding")


@CASES.add(33, "RFC 3261 10.3(7), 19.1.4", "compares contacts as URIs")
def contacts_equal(world: World) -> None:
    agent = world.callee(contact="<sip:%61lice@PHONE.example.org;transport=UDP>")
    values = world.bind(agent, "<sip:alice@phone.example.org;transport=udp>").values("Contact")
    require(len(values) == 1, f"two bindings of one URI: {values}")


@CASES.add(37, "RFC 3261 19.1.4", "tells contacts apart that differ in the case of the user, or in a port given or not")
def contacts_differ(world: World) -> None:
    agent = world.callee(contact="<sip:phone@192.0.2.1>")
    world.bind(agent, "<sip:PHONE@192.0.2.1>")
    values = world.bind(agent, "<sip:phone@192.0.2.1:5060>").values("Contact")
    require(len(values) == 3, f"bindings of three contacts: {values}")


@CASES.add(33, "RFC 3261 10.2.2", "Expires: 0 removes a binding")
def removal(world: World) -> None:
    agent = world.callee(contact="<sip:one@192.0.2.1>")
    left = agent.register("<sip:one@192.0.2.1>", 0).values("Contact")
    require(left == [], f"left: {left}")


@CASES.add(33, "RFC 3261 10.3(7)", "takes several contacts, each with its own time")
def several_contacts(world: World) -> None:
    agent = world.agent()
    answer = world.bind(agent, "<sip:one@192.0.2.1>;expires=300, <sip:two@192.0.2.2>")
    require(len(answer.values("Contact")) == 2, f"Contact: {answer.values('Contact')}")


@CASES.add(34, "RFC 3261 10.3(4)", "lets nobody register somebody else")
def somebody_else(world: World) -> None:
    agent = world.agent()
    challenged(world, agent)
    answer = agent.register(To=f"<sip:somebody-else@{world.account.domain}>")
    require(answer.status in (403, 404), f"answered {answer.start}")


def bind_flow(world: World, agent: Agent, instance: str, reg_id: int) -> Message:
    """NotApplicableError when the target doesn't do RFC 5626."""
    contact = f'{agent.contact};+sip.instance="<urn:uuid:{instance}>";reg-id={reg_id}'
    answer = world.bind(agent, contact, [("Supported", "path, outbound")])
    if "outbound" not in answer["Require"]:
        raise NotApplicableError("doesn't do outbound")
    return answer


@CASES.add(55, "RFC 5626 6", "replaces the binding of the same instance and reg-id")
def flow_replaced(world: World) -> None:
    before, after, instance = world.agent("before"), world.agent("after"), str(uuid4())
    bind_flow(world, before, instance, 1)
    values = bind_flow(world, after, instance, 1).values("Contact")
    require(len(values) == 1 and after.address in values[0], f"bindings: {values}")


@CASES.add(55, "RFC 5626 7", "uses one flow of an instance at a time")
def one_flow(world: World) -> None:
    first, second, caller, instance = world.agent("first"), world.agent("second"), world.agent(), str(uuid4())
    bind_flow(world, first, instance, 1)
    bind_flow(world, second, instance, 2)
    caller.start(caller.request("MESSAGE", world.account.uri))
    reached = [phone for phone in (first, second) if (got := phone.incoming("MESSAGE", 0.5)) and phone.reply(got, 200)]
    require(len(reached) == 1, f"reached {len(reached)} flows")


@CASES.add(56, "RFC 5627 5.1, 5.3", "leads a public and a temporary GRUU to the phone they name alone")
def gruus(world: World) -> None:
    other, named, caller = world.agent("other"), world.agent("named"), world.agent()
    for phone in (other, named):
        answer = world.bind(phone, f'{phone.contact};+sip.instance="<urn:uuid:{uuid4()}>"', [("Supported", "gruu")])
    own = next((value for value in answer.values("Contact") if named.address in value), "")
    found = [re.search(rf'{kind}-gruu="([^"]+)"', own) for kind in ("pub", "temp")]
    if not any(found):
        raise NotApplicableError("gives no GRUUs")
    for gruu in found:
        require(gruu is not None, f"only one of both: {own}")
        caller.start(caller.request("MESSAGE", gruu[1] if gruu else ""))
        got = named.expect_incoming("MESSAGE")
        named.reply(got, 200)
        require(other.incoming("MESSAGE", 0.1) is None, "reached another phone too")


@CASES.add(61, "RFC 8760 2.4", "challenges for each algorithm, strongest first")
def algorithms(world: World) -> None:
    _, answer = challenged(world, world.agent())
    seen = [challenge["algorithm"].upper() for challenge in challenges(answer)]
    require("SHA-256" in seen, f"offers {', '.join(seen)}")
    require(seen.index("SHA-256") < (seen.index("MD5") if "MD5" in seen else len(seen)), f"order: {', '.join(seen)}")


@CASES.add(62, "RFC 8760 2.6, RFC 7616 3.3", "offers qop")
def qop(world: World) -> None:
    _, answer = challenged(world, world.agent())
    require(all("auth" in challenge.get("qop", "") for challenge in challenges(answer)), "a challenge without qop")


@CASES.add(63, "RFC 7616 3.4", "takes the same credentials once")
def replay(world: World) -> None:
    agent, account = world.agent(), world.account
    request, answer = challenged(world, agent)
    usable = next(each for each in challenges(answer) if each["algorithm"].upper() in ("MD5", "SHA-256"))
    header = ("Authorization", credentials(usable, "REGISTER", request.uri, account.user, account.password))
    statuses = []
    for _ in range(2):
        attempt = agent.again(request)
        attempt.headers.append(header)
        agent.send(attempt)
        statuses.append(agent.expect_response(attempt).status)
    require(statuses[0] == 200, f"the first was answered {statuses[0]}")
    require(statuses[1] in (401, 403), f"the second was answered {statuses[1]}")


@CASES.add(64, "RFC 7616 3.4, RFC 3261 25.1", "undoes quoted pairs in a username")
def quoted_pairs(world: World) -> None:
    agent, account = world.agent(), world.account
    request, answer = challenged(world, agent)
    usable = next(each for each in challenges(answer) if each["algorithm"].upper() in ("MD5", "SHA-256"))
    plain = credentials(usable, "REGISTER", request.uri, account.user, account.password)
    attempt = agent.again(request)
    quoted = plain.replace(f'username="{account.user}"', f'username="\\{account.user}"')
    attempt.headers.append(("Authorization", quoted))
    agent.send(attempt)
    answer = agent.expect_response(attempt)
    require(answer.status == 200, f"answered {answer.start}")


@CASES.add(63, "RFC 7616 3.3", "refuses a wrong password without calling its nonce stale")
def wrong_password(world: World) -> None:
    agent, account = world.agent(), world.account
    request, answer = challenged(world, agent)
    attempt = agent.again(request)
    wrong = credentials(challenges(answer)[0], "REGISTER", request.uri, account.user, account.password + "x")
    attempt.headers.append(("Authorization", wrong))
    agent.send(attempt)
    refusal = agent.expect_response(attempt)
    require(refusal.status in (401, 403), f"answered {refusal.start}")
    require(all(each.get("stale", "").lower() != "true" for each in challenges(refusal)), "stale=true")


@CASES.add(70, "RFC 8599 4.1, RFC 3261 10.3, 16.5", "keeps the push parameters of a contact, and shows them in Request-URI")
def push_parameters(world: World) -> None:
    callee, caller = world.agent("callee"), world.agent("caller")
    contact = callee.contact.replace(">", f"{PUSH}>")
    answer = world.bind(callee, contact)
    require(PUSH in answer["Contact"], f"Contact: {answer['Contact']}")
    caller.start(caller.request("MESSAGE", world.account.uri))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 200)
    require(PUSH in got.start, got.start)


@CASES.add(75, "RFC 6140 5.2, RFC 3261 8.2.2.3", "says so when it can't register in bulk")
def bulk(world: World) -> None:
    agent = world.agent()
    contact = f"<sip:{agent.address}{world.uri_transport};bnc>"
    answer = agent.register(contact, headers=[("Require", "gin"), ("Proxy-Require", "gin")])
    if answer.status == 200:
        agent.register(contact, 0, headers=[("Require", "gin"), ("Proxy-Require", "gin")])
        raise NotApplicableError("registers in bulk")
    require(answer.status == 420, f"answered {answer.start}")
    require("gin" in answer["Unsupported"], f"Unsupported: {answer['Unsupported'] or 'absent'}")
