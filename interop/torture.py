"""The torture messages of RFC 4475 and RFC 5118, and what a node that serves example.com with digest may answer to each.

All are sent by nobody we know, so a well-formed request of a foreigner ends in ``STRANGER``. 0 stands for no answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "torture"
STRANGER = frozenset({401, 403, 407})
NOT_HERE = STRANGER | {404, 480}  # or: nobody of that name, which a node may say first
METHOD = NOT_HERE | {405, 501}  # or: a method nobody has heard of
BAD = frozenset({400})
BAD_OR_MENDED = BAD | NOT_HERE  # the RFC lets a receiver mend it and go on
DISCARD = frozenset({0})

EXPECTED: dict[str, tuple[frozenset[int], str]] = {
    # RFC 4475 section 3.1.1: valid, so never 400
    "wsinv": (frozenset({481}), "odd folding and spacing, but valid; its To has a tag, and it belongs to no call here"),
    "intmeth": (METHOD, "unknown method, escaped NUL in a quoted string"),
    "esc01": (NOT_HERE, "% escapes in URIs"),
    "escnull": (NOT_HERE, "escaped NUL in the user part must not cut the AOR short"),
    "esc02": (METHOD, "RE%47IST%45R is not REGISTER"),
    "lwsdisp": (NOT_HERE, "no space before <, to be accepted"),
    "longreq": (STRANGER, "long values, 34 Vias, no branch"),
    "dblreq": (NOT_HERE, "octets after the message are ignored (RFC 3261 section 18.3)"),
    "semiuri": (NOT_HERE, "semicolons in the user part"),
    "transports": (NOT_HERE, "unknown transports below the topmost Via"),
    "mpart01": (NOT_HERE, "binary body"),
    "unreason": (DISCARD, "a response to nothing"),
    "noreason": (DISCARD, "a response to nothing"),
    # 3.1.2: invalid
    "badinv01": (BAD | DISCARD, "empty Via parameters and values: the way back is what is broken"),
    "clerr": (BAD, "Content-Length beyond the datagram"),
    "ncl": (BAD, "negative Content-Length"),
    "scalar02": (BAD, "CSeq above 2**31"),
    "scalarlg": (DISCARD, "a response, out of range"),
    "quotbal": (BAD, "unterminated quoted string in To"),
    "ltgtruri": (BAD, "<> around the Request-URI"),
    "lwsruri": (BAD, "space in the Request-URI"),
    "lwsstart": (BAD_OR_MENDED, "several spaces in the start line"),
    "trws": (BAD_OR_MENDED, "spaces at the end of the start line"),
    "escruri": (BAD_OR_MENDED, "headers in the Request-URI"),
    "baddate": (BAD_OR_MENDED, "Date that is not GMT; nobody here reads it"),
    "regbadct": (BAD_OR_MENDED, "Contact URI with headers, without <>"),
    "badaspec": (BAD_OR_MENDED, "spaces inside <>"),
    "baddn": (BAD_OR_MENDED, "unquoted comma in a display name"),
    "badvers": (frozenset({505}), "SIP/7.0"),
    "mismatch01": (BAD, "method differs from CSeq"),
    "mismatch02": (BAD | {501}, "unknown method differs from CSeq"),
    "bigcode": (DISCARD, "a response with code 4294967301"),
    # 3.2 to 3.4
    "badbranch": (BAD_OR_MENDED, "branch is the bare cookie: taken for RFC 2543, or refused"),
    "insuf": (BAD | DISCARD, "no Call-ID, From, To"),
    "unkscm": (frozenset({416}), "unknown scheme in the Request-URI"),
    "novelsc": (frozenset({416, 404}), "a scheme we never serve"),
    "unksm2": (BAD_OR_MENDED | {416}, "To of a REGISTER is no SIP URI"),
    "bext01": (frozenset({420}), "Proxy-Require of what nobody knows"),
    "invut": (STRANGER, "unknown body type; not a proxy's business"),
    "regaut01": (frozenset({401}), "unknown authorization scheme: a new challenge"),
    "multi01": (BAD, "two Call-IDs, Froms, Tos, CSeqs"),
    "mcl01": (BAD, "two Content-Lengths that differ"),
    "bcast": (DISCARD, "a response to a broadcast Via"),
    "zeromf": (frozenset({483, 200}), "Max-Forwards 0"),
    "cparam01": (NOT_HERE, "parameter of the Contact header"),
    "cparam02": (NOT_HERE, "parameter of the Contact URI"),
    "regescrt": (NOT_HERE, "escaped header in a Contact URI"),
    "sdp01": (STRANGER | {406}, "Accept without application/sdp; not a proxy's business"),
    "inv2543": (STRANGER, "RFC 2543: no branch, From tag, Content-Length, Max-Forwards"),
    "test": (DISCARD, "in the archive without a section: no Via to answer to"),
    # RFC 5118; none of its addresses is ours
    "ipv6-good": (NOT_HERE, "valid"),
    "ipv6-bad": (BAD, "IPv6 without brackets"),
    "port-ambiguous": (NOT_HERE, "valid, though the port went into the address"),
    "port-unambiguous": (NOT_HERE, "valid"),
    "via-received-param-with-delim": (NOT_HERE | {481}, "brackets in received are to be accepted"),
    "via-received-param-no-delim": (NOT_HERE, "valid"),
    "ipv6-in-sdp": (BAD_OR_MENDED, "valid, but for its Content-Length: 268 of 251"),
    "mult-ip-in-header": (NOT_HERE | {481}, "valid"),
    "mult-ip-in-sdp": (NOT_HERE, "valid"),
    "ipv4-mapped-ipv6": (NOT_HERE, "valid"),
    "ipv6-bug-abnf-3-colons": (BAD_OR_MENDED, "an error of RFC 3261's grammar; tolerated or not"),
    "ipv6-correct-abnf-2-colons": (NOT_HERE, "valid"),
}


@dataclass(frozen=True, slots=True)
class Torture:
    name: str
    data: bytes
    statuses: frozenset[int]
    reason: str

    def call_id(self) -> bytes:
        """Empty when it has none."""
        found = re.search(rb"(?mi)^(?:call-id|i)[ \t]*:[ \t]*(\S+)", self.data)
        return found[1] if found else b""

    def reply_port(self) -> int | None:
        """Where a response over UDP goes: the topmost sent-by port (RFC 3261 section 18.2.2); None with rport: the source."""
        via = re.search(rb"(?mi)^(?:via|v)[ \t]*:(.*(?:\r\n[ \t].*)*)", self.data)
        if not via:
            return 5060
        topmost = via[1].split(b",")[0]
        if b"rport" in topmost:
            return None
        port = re.search(rb":\s*(\d+)\s*$", re.sub(rb"\[.*?\]", b"", topmost.split(b";")[0]))
        return int(port[1]) if port else 5060


def messages() -> list[Torture]:
    """Every message of the table that ``tests/torture`` holds; a file the table does not know is an error."""
    found, branches = [], set()
    for path in sorted(FOLDER.rglob("*.dat")):
        statuses, reason = EXPECTED[path.stem]
        data = path.read_bytes()
        branch = re.search(rb"z9hG4bK[\w.-]+", data)
        if branch and branch[0] in branches:
            # several share their branch; the second would rightly be taken for the first one again
            data = data.replace(branch[0], branch[0] + b"." + path.stem.encode(), 1)
        branches.add(branch and branch[0])
        found.append(Torture(path.stem, data, statuses, reason))
    return found
