"""The phone of each user that rings and is not answered: 180 to an INVITE, 200 to its CANCEL, and 487. ``PORT`` is where it is.

SIPp's scenarios know nothing of the message before the last, and this 487 is to the INVITE before the CANCEL.
"""

from __future__ import annotations

import socket
import sys

COPIED = (b"via:", b"record-route:", b"from:", b"to:", b"call-id:", b"cseq:")
BRANCH = b";branch="


def answer(request: bytes, status: bytes, tag: bytes) -> bytes:
    lines = [line for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:] if line.lower().startswith(COPIED)]
    tagged = [line + b";tag=" + tag if line.lower().startswith(b"to:") else line for line in lines]
    return b"\r\n".join([b"SIP/2.0 " + status, *tagged, b"Content-Length: 0", b"", b""])


def branch_of(request: bytes) -> bytes:
    """Of the top Via, which a CANCEL has in common with its INVITE."""
    return request.partition(BRANCH)[2].partition(b"\r\n")[0].partition(b";")[0]


def answers(request: bytes, ringing: dict[bytes, bytes]) -> list[bytes]:
    """``ringing``: INVITEs by branch."""
    branch = branch_of(request)
    if request.startswith(b"INVITE"):
        ringing[branch] = request
        return [answer(request, b"180 Ringing", b"second")]
    if request.startswith(b"CANCEL") and branch in ringing:
        return [answer(request, b"200 OK", b"second"), answer(ringing.pop(branch), b"487 Request Terminated", b"second")]
    return []


def main() -> None:
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    phone.bind(("127.0.0.1", int(sys.argv[1])))
    ringing: dict[bytes, bytes] = {}
    while True:
        request, source = phone.recvfrom(65536)
        for message in answers(request, ringing):
            phone.sendto(message, source)


if __name__ == "__main__":
    main()
