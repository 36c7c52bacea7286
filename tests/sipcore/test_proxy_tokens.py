"""What we hand out and want back: Via branches and Record-Route cookies."""

import pytest

from native.sip import Message, flow_name, flow_of_token
from sipcore.flow import Destination
from sipcore.keys import Key, KeyRing
from sipcore.proxy.cookie import Cookie, issue_cookie
from sipcore.proxy.via_branch import MAGIC_COOKIE, branch_prefix
from tests.sipcore.proxy_world import KEY, World

OLD = Key("0", b"an older key of thirty-two bytes")
TOKEN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


IPV4_FLOW, IPV6_FLOW = "1_192.0.2.9_13c4_0", "0_2001-db8-aaaa-bbbb-cccc-dddd-eeee-ffff_13c4_7fffffff"


def request(method: str = "INVITE", **changed: str) -> Message:
    values = {
        "Via": "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabc",
        "From": "<sip:alice@example.com>;tag=caller",
        "To": "<sip:bob@example.com>",
        "Call-ID": "call-1",
        "CSeq": f"1 {method}",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    uri = values.pop("uri", "sip:bob@example.com")
    return Message.request(method, uri, list(values.items()))


def hash_of(message: Message) -> str:
    return message.loop_hash


def branch_of(message: Message, target: str = "sip:bob@192.0.2.20", attempt: int = 0, key: Key = KEY) -> str:
    ring = KeyRing("branch", key)
    return ring.current.branch(
        branch_prefix("0"), ring.id, message.call_id, message.identity, target, hash_of(message), attempt
    )


def test_16_11_the_branch_is_a_function_of_the_request_target_and_attempt() -> None:
    assert branch_of(request()) == branch_of(request())
    different = [
        branch_of(request()),
        branch_of(request(), attempt=1),
        branch_of(request(), target="sip:carol@192.0.2.20"),
        branch_of(request(Via="SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKabd")),
        branch_of(request(Via="SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bKabc")),
        branch_of(request(Call_ID="call-2")),
        branch_of(request(CSeq="2 INVITE")),
        branch_of(request(From="<sip:alice@example.com>;tag=other")),
        branch_of(request(), key=OLD),
    ]
    assert len(set(different)) == len(different)


def test_16_6_8_the_method_is_in_no_part_of_the_branch() -> None:
    assert branch_of(request()) == branch_of(request("ACK")) == branch_of(request("CANCEL"))


def test_16_6_8_the_branch_is_a_token_with_the_magic_cookie() -> None:
    branch = branch_of(request())
    assert branch.startswith(MAGIC_COOKIE)
    assert set(branch) <= TOKEN
    assert len(branch) < 64


def test_16_11_an_rfc_2543_top_via_is_told_apart_by_its_fields() -> None:
    via = "SIP/2.0/UDP 192.0.2.10:5060;branch=1"
    different = [
        request(Via=via).identity,
        request(Via="SIP/2.0/UDP 192.0.2.11:5060;branch=1").identity,
        request(Via=via, uri="sip:carol@example.com").identity,
        request(Via=via, CSeq="2 INVITE").identity,
    ]
    assert len(set(different)) == len(different)


def test_5393_4_2_1_the_loop_hash_depends_on_what_decides_the_way() -> None:
    different = [
        hash_of(request()),
        hash_of(request(uri="sip:carol@example.com")),
        hash_of(request(Route="<sip:192.0.2.9;lr>")),
        hash_of(request(Proxy_Authorization='Digest realm="a"')),
        hash_of(request(Proxy_Require="x")),
        hash_of(request(Call_ID="call-2")),
    ]
    assert len(set(different)) == len(different)
    assert hash_of(request()) == hash_of(request("ACK"))
    assert hash_of(request()) == hash_of(request(Via="SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKxyz"))


def test_a_cookie_tells_the_way_and_the_flows_of_a_dialog() -> None:
    keys = KeyRing("cookie", KEY)
    text = issue_cookie(keys, request(), "key", "1_192.0.2.9_13c4_0", "0_192.0.2.8_1_7").text
    forward = request("BYE", To="<sip:bob@example.com>;tag=callee")
    back = request("BYE", From="<sip:bob@example.com>;tag=callee", To="<sip:alice@example.com>;tag=caller")
    cookie = Cookie.read(keys, text, forward)
    assert cookie is not None
    assert cookie == Cookie.read(keys, text, back)
    assert (cookie.call_key, cookie.caller_flow, cookie.callee_flow) == ("key", "1_192.0.2.9_13c4_0", "0_192.0.2.8_1_7")
    assert cookie.caller_to_callee(forward)
    assert not cookie.caller_to_callee(back)
    assert cookie.flow_token(forward) == cookie.callee_flow
    assert cookie.flow_token(back) == cookie.caller_flow


def test_a_cookie_tells_nobody_else_which_flows_it_holds() -> None:
    keys = KeyRing("cookie", KEY)
    flows = [
        "0_192.0.2.9_13c4_0",
        "0_192.0.2.9_13c5_0",
        "0_1.1.1.1_1_0",
        "0_2001-db8-aaaa-bbbb-cccc-dddd-eeee-ffff_13c4_7fffffff",
    ]
    texts = [issue_cookie(keys, request(), "key", *pair).text for flow in flows for pair in ((flow,), ("", flow), (flow, flow))]
    assert len(set(texts)) == len(texts)
    assert set("".join(texts)) <= TOKEN
    for text in texts:
        masked = text.rpartition("~")[2]
        assert len(masked) % 36 == 0
        assert not any(part in text for part in ("192.0", "1.1.1", "-db8-", "_13c4_"))
    assert len(texts[0]) == len(texts[6])  # not even how long an address is
    assert texts[0].rpartition("~")[2][:12] != texts[3].rpartition("~")[2][:12]
    again = issue_cookie(keys, request(), "key", flows[0])
    assert again.text == texts[0]  # a fork's branches to one flow have one cookie


def test_a_cookie_has_four_fields() -> None:
    with pytest.raises(ValueError, match="four"):
        Cookie.issue(KeyRing("cookie", KEY), "key~1", "call-1")
    for fields, call_id in ((b"key~1~~", "call-1"), ("key~1~~", None)):
        with pytest.raises(TypeError):
            Cookie.issue(KeyRing("cookie", KEY), fields, call_id)  # type: ignore[arg-type]


def test_a_cookie_of_an_old_key_still_counts_and_of_an_unknown_one_does_not() -> None:
    later = request("BYE", To="<sip:bob@example.com>;tag=callee")
    text = issue_cookie(KeyRing("cookie", OLD), request(), "key").text
    assert Cookie.read(KeyRing("cookie", KEY, [OLD]), text, later) is not None
    assert Cookie.read(KeyRing("cookie", KEY), text, later) is None
    assert Cookie.read(KeyRing("branch", KEY, [OLD]), text, later) is None


@pytest.mark.parametrize("flows", [(), (IPV4_FLOW,), ("", IPV6_FLOW), (IPV4_FLOW, IPV6_FLOW)])
def test_every_change_of_a_cookie_is_noticed(flows: tuple[str, ...]) -> None:
    keys = KeyRing("cookie", KEY)
    later = request("BYE", To="<sip:bob@example.com>;tag=callee")
    text = issue_cookie(keys, request(), "key", *flows).text
    assert Cookie.read(keys, text, later) is not None
    for at in range(len(text)):
        assert Cookie.read(keys, text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :], later) is None
        assert Cookie.read(keys, text[:at], later) is None
    grown = (f"{text}~", f"{text}{'A' * 36}", f"{text}é", f"{text}\udcff", text[: text.rindex("~")])
    for junk in ("", "~", "~~~", "k" * 200, "é~~~", *grown):
        assert Cookie.read(keys, junk, later) is None


@pytest.mark.parametrize(
    "changed", [{"Call_ID": "call-2"}, {"From": "<sip:a@b>;tag=x", "To": "<sip:c@d>;tag=y"}, {"To": "<sip:bob@example.com>"}]
)
def test_a_cookie_is_of_no_use_in_another_dialog(changed: dict[str, str]) -> None:
    keys = KeyRing("cookie", KEY)
    text = issue_cookie(keys, request(), "key").text
    later = request("BYE", **({"To": "<sip:bob@example.com>;tag=callee"} | changed))
    assert Cookie.read(keys, text, later) is None


@pytest.mark.parametrize("host", ["192.0.2.20", "2001:db8::20"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_flow_token_names_its_flow_in_characters_of_a_uri(host: str, transport: str) -> None:
    flows = World().proxy.flows
    flow = flows.flow_to(Destination(transport, host, 5080))
    token = flow_name(flow.listener.index, *flow.remote, flow.connection_id)
    assert set(token) <= TOKEN - {"~"}
    found = flow_of_token(flows, token)
    assert found is not None
    assert (found.remote, found.listener, found.connection_id) == (flow.remote, flow.listener, flow.connection_id)
    flow.closed = True  # type: ignore[misc]
    assert (flow_of_token(flows, token) is None) is (transport == "tcp")


@pytest.mark.parametrize(
    "text",
    ["", "0", "0_192.0.2.1_13c4_0_0", "0__13c4_g", "g_h_1_0", "1" * 17 + "_h_1_0", "0_h_10000_0", "0_h__0"],
)
def test_what_is_no_token_of_a_flow(text: str) -> None:
    with pytest.raises(ValueError, match="no token of a flow"):
        flow_of_token(World().proxy.flows, text)
