"""Requests byte for byte as proxies send them: bencode with unsorted keys, in the order and with the words of each module."""

import itertools

from media import bencode
from tests.media.live import Live, Proxy, free_ports

BODY = (
    "v=0\r\no=user1 53655765 2353687637 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


cookies = itertools.count(1)


def string(text: str) -> bytes:
    data = text.encode()
    return b"%d:%b" % (len(data), data)


def ask(live: Live, dictionary: bytes) -> dict[str, object]:
    cookie = b"0_4711_%d " % next(cookies)
    proxy = Proxy(live)
    reply = proxy.raw(cookie + dictionary)
    proxy.socket.close()
    assert reply.startswith(cookie + b"d")
    return dict(bencode.decode(reply[len(cookie) :]))


def kamailio(command: str, call_id: str, middle: bytes, tags: bytes, message: str, flags: str = "", body: bool = True) -> bytes:
    sdp = b"3:sdp" + string(BODY) if body else b""
    listed = b"5:flagsl" + string(flags) + b"e" if flags else b""
    return (
        b"d8:supportsl10:load limite" + sdp + middle + b"7:call-id" + string(call_id) + tags
        + b"7:command" + string(command) + b"16:sip-message-type" + string(message) + listed + b"e"
    )  # fmt: skip


FROM = b"8:from-tag6:tag-a="
TO = b"6:to-tag6:tag-b="
REPLACE = b"7:replacel6:origin18:session-connectione13:received-froml3:IP48:10.0.0.1e"


def test_kamailio_with_its_default_configuration(live: Live) -> None:
    offer = kamailio("offer", "k1", REPLACE, FROM, "sip_request", "SIP-source-address")
    told_b = ask(live, offer)
    assert told_b["result"] == "ok"
    body = str(told_b["sdp"])
    assert "o=user1 53655765 2353687637 IN IP4 127.0.0.1\r\n" in body
    assert "c=IN IP4 127.0.0.1\r\n" in body
    assert "a=rtpmap:101 telephone-event/8000\r\n" in body
    answer = kamailio("answer", "k1", REPLACE, FROM + TO, "sip_reply", "SIP-source-address")
    assert ask(live, answer)["result"] == "ok"
    query = b"d8:supportsl10:load limite7:call-id2:k1" + FROM + b"7:command5:querye"
    reply = ask(live, query)
    assert set(reply["totals"]) == {"RTP", "RTCP"}  # type: ignore[call-overload]
    assert isinstance(reply["created"], int)
    delete = kamailio(
        "delete", "k1", b"13:received-froml3:IP48:10.0.0.1e", TO.replace(b"6:to-tag", b"8:from-tag"), "sip_request", body=False
    )
    assert ask(live, delete)["result"] == "ok"
    assert ask(live, delete)["warning"] == "Call-ID not found or tags didn't match"


def test_kamailio_leaving_the_flags_to_us(live: Live) -> None:
    raw = "replace-origin trust-address via-branch=auto-next ICE=remove RTP/AVP rtcp-mux-demux codec=[transcode=[PCMA]]"
    offer = kamailio("offer", "k2", b"10:via-branch8:z9hG4bK1", FROM, "sip_request", body=True)
    offer = offer[:-1] + b"10:rtpp-flags" + string(raw) + b"e"
    reply = ask(live, offer)
    assert reply["result"] == "ok"
    assert "o=user1 53655765 2353687637 IN IP4 127.0.0.1\r\n" in str(reply["sdp"])
    ask(live, b"d7:call-id2:k210:via-branch8:z9hG4bK1" + FROM + b"7:command6:deletee")


def test_kamailio_compares_these_words_exactly() -> None:
    first = free_ports(4)
    with Live(max_calls=1, first_port=first, last_port=first + 3) as live:
        two_lines = kamailio("offer", "k3", b"", FROM, "sip_request").replace(
            string(BODY), string(BODY + "m=audio 6002 RTP/AVP 8\r\n" * 2)
        )
        assert ask(live, two_lines) == {"result": "error", "error-reason": "Ran out of ports"}
        ask(live, kamailio("offer", "k3", b"", FROM, "sip_request"))
        limited = ask(live, kamailio("offer", "k4", b"", FROM, "sip_request"))
        assert limited == {"result": "load limit", "message": "Parallel session limit reached"}


def test_opensips(live: Live) -> None:
    head = b"d3:sdp" + string(BODY) + b"9:directionl8:internal8:externale5:flagsl13:trust-addresse7:replacel6:origine"
    offer = head + b"18:transport-protocol7:RTP/AVP8:rtcp-muxl5:demuxe7:call-id2:o113:received-froml3:IP48:10.0.0.1e"
    reply = ask(live, offer + FROM + b"14:address family3:IP47:command5:offere")
    assert reply["result"] == "ok"
    answer = b"d3:sdp" + string(BODY) + b"7:call-id2:o113:received-froml3:IP48:10.0.0.2e"
    assert ask(live, answer + FROM + TO + b"7:command6:answere")["result"] == "ok"
    ended = ask(live, b"d7:call-id2:o17:command6:deletee")
    assert ended["result"] == "ok"
    assert ask(live, b"d7:command4:liste")["calls"] == []
    assert ask(live, b"d7:call-id2:o17:command5:querye") == ended
    assert ask(live, b"d3:sdp" + string(BODY) + b"7:call-id2:o1" + FROM + TO + b"7:command6:answere") == {
        "result": "error",
        "error-reason": "Unknown call-id",
    }


def test_ping_as_everybody_sends_it(live: Live) -> None:
    proxy = Proxy(live)
    assert proxy.raw(b"4711_1 d7:command4:pinge") == b"4711_1 d6:result4:ponge"
