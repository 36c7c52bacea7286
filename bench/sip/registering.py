"""REGISTERs of many accounts, as fast as the server answers: a window of them is always under way."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable

from native.sip import Address, UdpSocket

WINDOW = 128
PATIENCE_S = 0.6  # without any answer: what is under way is sent again
LONGEST_S = 10.0
RECEIVE_BUFFER_BYTES = 1 << 20


def register(server: Address, domain: str, numbers: Iterable[int]) -> None:
    """One contact for each of subscriberN@domain; RuntimeError when one is refused, or nothing is answered any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        plain.bind(("127.0.0.1", 0))
        phone = UdpSocket(plain.detach())
    try:
        _register(phone, server, domain, iter(numbers))
    finally:
        phone.close()


def _register(phone: UdpSocket, server: Address, domain: str, numbers: Iterable[int]) -> None:
    waiting: dict[str, bytes] = {}  # by Call-ID
    more = iter(numbers)
    answered_at = time.monotonic()
    while True:
        for number in more:
            call_id = f"r{number}"
            waiting[call_id] = _message(number, call_id, domain, phone.address[1])
            phone.queue(waiting[call_id], server)
            if len(waiting) >= WINDOW:
                break
        phone.flush()
        if not waiting:
            return
        readable, _, _ = select.select([phone.fileno()], [], [], PATIENCE_S)
        if readable:
            answered_at = time.monotonic()
            for data, _, _ in phone.receive():
                settle(data, waiting)
        elif time.monotonic() - answered_at > LONGEST_S:
            raise RuntimeError(f"{len(waiting)} REGISTERs are not answered")
        else:
            for data in waiting.values():
                phone.queue(data, server)


def settle(answer: bytes, waiting: dict[str, bytes]) -> None:
    """503 leaves it waiting: it will be sent again."""
    status = answer[8:11]
    call_id = answer.partition(b"\r\nCall-ID: ")[2].partition(b"\r\n")[0].decode()
    if status == b"200":
        waiting.pop(call_id, None)
    elif status not in (b"100", b"503"):
        raise RuntimeError(f"REGISTER {call_id}: {status.decode()}")


def _message(number: int, call_id: str, domain: str, port: int) -> bytes:
    """As long as those of usual phones."""
    user = f"subscriber{number}"
    return (
        f"REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{call_id}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@{domain}>;tag=t{number}\r\nTo: <sip:{user}@{domain}>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@192.0.2.1:5060>\r\nExpires: 3600\r\n"
        "User-Agent: Phone 1.0\r\nContent-Length: 0\r\n\r\n"
    ).encode()
