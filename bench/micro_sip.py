"""What single operations of native.sip cost: ``python -m bench.micro_sip [--json]`` prints ns of CPU per operation.

The message is an INVITE of 12 headers with a short SDP; the proxy step is what forwarding one request edits. The best of
several runs counts: the machine's other work only adds.
"""

import json
import socket
import sys
import time
from collections.abc import Callable

from native.sip import BATCH, Message, UdpSocket, Uri, frame_length

SDP = (
    b"v=0\r\no=alice 2890844526 2890844526 IN IP4 client.atlanta.example.com\r\ns=-\r\nc=IN IP4 192.0.2.101\r\nt=0 0\r\n"
    b"m=audio 49172 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
INVITE = (
    b"INVITE sip:bob@biloxi.example.com;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: Alice <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
    b"To: Bob <sip:bob@biloxi.example.com>\r\n"
    b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
    b"CSeq: 2 INVITE\r\n"
    b"Contact: <sip:alice@client.atlanta.example.com;transport=udp>\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\n"
    b"Supported: replaces, timer, 100rel\r\n"
    b"User-Agent: Example Phone 1.2.3\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP
)
RUNS = 7


def proxy_step(message: Message) -> bytes:
    out = message.copy()
    out.stamp_source("192.0.2.101", 5060)
    out.push_via("SIP/2.0/UDP proxy.example.com;branch=z9hG4bKabcdefghijklmnopqrstuvwxyz0123456789")
    out.push_record_route("<sip:proxy.example.com;lr;c=abcdefghijklmnopqrstuvwxyz>")
    out.set_request_uri("sip:bob@192.0.2.4:5060")
    out.set("Max-Forwards", "69")
    return out.to_bytes()


def response_step(response: bytes) -> bytes:
    message = Message(response)
    _ = message.client_key
    message.pop_via()
    return message.to_bytes()


def typed_reads(message: bytes) -> None:
    fresh = Message(message)
    _ = (
        fresh.server_key,
        fresh.via,
        fresh.from_tag,
        fresh.to_tag,
        fresh.call_id,
        fresh.cseq,
        fresh.request_uri.aor,
        fresh.max_forwards,
    )


def operations() -> dict[str, Callable[[], object]]:
    message = Message(INVITE)
    edited = message.copy()
    edited.push_via("SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours")
    response = edited.reply(180, to_tag="abc").to_bytes()
    return {
        "parse": lambda: Message(INVITE),
        "check": message.check,
        "parse and typed reads": lambda: typed_reads(INVITE),
        "copy": message.copy,
        "proxy edits and to_bytes": lambda: proxy_step(message),
        "response: parse, key, pop_via, to_bytes": lambda: response_step(response),
        "reply": lambda: message.reply(100),
        "derive CANCEL": lambda: message.derive("CANCEL"),
        "frame_length": lambda: frame_length(INVITE),
        "Uri": lambda: Uri("sip:bob@192.0.2.4:5060;transport=udp"),
        "get unknown header": lambda: message.get("X-Unknown"),
    }


def nanoseconds(call: Callable[[], object], count: int) -> float:
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time_ns()
        for _ in range(count):
            call()
        best = min(best, (time.process_time_ns() - start) / count)
    return best


def udp_costs() -> dict[str, float]:
    """A batch of datagrams over loopback, both system calls included."""
    sockets = []
    for _ in range(2):
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        plain.bind(("127.0.0.1", 0))
        sockets.append(UdpSocket(plain.detach()))
    near, far = sockets
    target = far.address
    times = {"queue": float("inf"), "flush": float("inf"), "receive": float("inf")}
    for _ in range(400):
        marks = [time.process_time_ns()]
        for _ in range(BATCH - 1):
            near.queue(INVITE, target)
        marks.append(time.process_time_ns())
        near.flush()
        marks.append(time.process_time_ns())
        received = len(far.receive())
        marks.append(time.process_time_ns())
        if received == BATCH - 1:
            for name, start, end in zip(times, marks, marks[1:], strict=False):
                times[name] = min(times[name], (end - start) / received)
    near.close()
    far.close()
    return {f"udp {name}, per datagram": cost for name, cost in times.items()}


def main(arguments: list[str]) -> None:
    costs = {name: nanoseconds(call, 20_000) for name, call in operations().items()} | udp_costs()
    if "--json" in arguments:
        print(
            json.dumps(
                {
                    "python": sys.version.split()[0],
                    "bytes": len(INVITE),
                    "ns": {name: round(cost) for name, cost in costs.items()},
                }
            )
        )
        return
    for name, cost in costs.items():
        print(f"{name:42} {cost:8.0f} ns")


if __name__ == "__main__":
    main(sys.argv[1:])
