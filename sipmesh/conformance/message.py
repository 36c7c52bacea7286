"""SIP messages in plain Python, as simple as a tester needs: what is sent is written out, what comes in is taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Headers = list[tuple[str, str]]

COMPACT = {
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
}


@dataclass(slots=True)
class Message:
    """A request or a response, header values in the order they stand, lines unfolded."""

    start: str
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    arrived_s: float = field(default=0.0, compare=False)  # Unix time, of what was received

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/")

    @property
    def status(self) -> int:
        """0 for a request."""
        return 0 if self.is_request else int(self.start.split(" ", 2)[1])

    @property
    def method(self) -> str:
        """Of a request, or of the request a response answers."""
        return self.start.split(" ", 1)[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1] if self.is_request else ""

    @property
    def cseq(self) -> tuple[int, str]:
        number, _, method = " ".join(self["CSeq"].split()).partition(" ")
        return int(number), method

    def check(self) -> None:
        """ValueError when it lacks what tells whose it is."""
        if not self.is_request and not re.match(r"SIP/2\.0 [1-6]\d\d\b", self.start):
            raise ValueError(f"no status line: {self.start[:60]!r}")
        if not self.values("Via") or not re.match(r"\d+\s+\S", self["CSeq"]):
            raise ValueError("neither Via nor CSeq may be missing")

    @property
    def branch(self) -> str:
        return parameter(self.values("Via")[0], "branch")

    def __getitem__(self, name: str) -> str:
        """The first value of a header, "" when there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """The lines of a header."""
        wanted = name.lower()
        return [value for each, value in self.headers if full_name(each) == wanted]

    def values(self, name: str) -> list[str]:
        """The values of a header whose lines may hold several, separated by commas."""
        return [each for line in self.all(name) for each in split_commas(line)]

    def tag(self, name: str) -> str:
        return parameter(self[name], "tag")

    def to_bytes(self) -> bytes:
        """Content-Length is added where there is none."""
        headers = list(self.headers)
        if not self.all("Content-Length"):
            headers.append(("Content-Length", str(len(self.body))))
        return self.without_length(headers)

    def without_length(self, headers: Headers | None = None) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in (self.headers if headers is None else headers))]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body

    def with_header(self, name: str, value: str) -> Message:
        """A copy in which ``name`` has this value alone, in its old place or at the end."""
        headers, placed = [], False
        for each, old in self.headers:
            if full_name(each) != name.lower():
                headers.append((each, old))
            elif not placed:
                headers.append((each, value))
                placed = True
        return Message(self.start, headers if placed else [*headers, (name, value)], self.body)


def full_name(name: str) -> str:
    """In lower case, compact names resolved."""
    return COMPACT.get(name.lower(), name.lower())


def parse(data: bytes) -> Message:
    """ValueError when it isn't a SIP message at all."""
    head, _, body = data.partition(b"\r\n\r\n")
    start, _, rest = head.decode("utf-8", "surrogateescape").partition("\r\n")
    if "SIP/2.0" not in start:
        raise ValueError(f"no SIP message: {start[:60]!r}")
    lines = re.sub(r"\r\n[ \t]+", " ", rest).split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
    return Message(start, headers, body)


def split_commas(text: str) -> list[str]:
    """At commas outside quotes and angle brackets."""
    return [part.strip() for part in re.findall(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^,"<])+', text) if part.strip()]


def parameter(value: str, name: str) -> str:
    """A header parameter, "" when absent or without value; what stands in angle brackets or quotes is not searched."""
    bare = re.sub(r'<[^>]*>|"(?:\\.|[^"\\])*"(?=\s*<)', "", value)
    found = re.search(rf"(?i);\s*{re.escape(name)}\s*(?:=\s*([^;,\s]+))?(?=[;,\s]|$)", bare)
    return (found[1] or "") if found else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";", 1)[0].strip()


def host_and_port(uri: str, default_port: int = 5060) -> tuple[str, int]:
    """Of a SIP URI without user; ("", 0) when it is none."""
    found = re.fullmatch(r"(?i)sip:(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?", uri)
    return (found[1] or found[2], int(found[3] or default_port)) if found else ("", 0)
