"""What native.sip must say of bytes, written a second time: regular expressions and splits, slow and plain.

Only for tests. Where RFC 3261 leaves room, the choices are native.sip's and said here once more in words.
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_MESSAGE, MAX_HEADERS, MAX_LINE, MAX_URI_PARTS = 65535, 256, 16384, 64
TOKEN = rb"[A-Za-z0-9\-.!%*_+`'~]+"
USER = rb"[^\x00-\x20\x7f<>\"@:]"
PARAM = rb"[^\x00-\x20\x7f<>\"@;?]"
ESCAPED = re.compile(rb"%[0-9A-Fa-f]{2}")

COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}


class Refused(Exception):  # noqa: N818
    """``header`` as ParseError has it."""

    def __init__(self, header: str | None = None, status: int = 400) -> None:
        super().__init__(header, status)
        self.header = header
        self.status = status


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def full_name(name: str) -> str:
    """Lower-case long form."""
    return COMPACT.get(name.lower(), name).lower()


@dataclass
class Parsed:
    is_request: bool = True
    method: str = ""
    uri: str = ""
    version: str = ""
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = None  # type: ignore[assignment]  # (name as written, value unfolded)
    body: bytes = b""
    trailing: int = 0

    def get_all(self, name: str) -> list[str]:
        return [value for other, value in self.headers if full_name(other) == full_name(name)]

    def values(self, name: str) -> list[str]:
        return [value for line in self.get_all(name) for value in split_list(line)]


def physical_line(data: bytes, at: int) -> tuple[bytes, int]:
    """(content, where the next line begins); CRLF or LF ends a line, a CR elsewhere is refused by the caller."""
    end = data.find(b"\n", at)
    if end < 0:
        raise Refused
    return data[at:end].removesuffix(b"\r"), end + 1


def logical_lines(data: bytes, at: int) -> tuple[list[bytes], int]:
    """Header lines with their folds kept as CRLF + space, up to the empty line or the end; and where the body begins."""
    lines: list[bytes] = []
    while at < len(data):
        content, behind = physical_line(data, at)
        if content == b"":
            return lines, behind
        if len(lines) == MAX_HEADERS:
            raise Refused
        whole = content
        start, at = at, behind
        while at < len(data) and data[at : at + 1] in (b" ", b"\t"):
            content, at = physical_line(data, at)
            whole += b"\r\n" + content
        if at - start > MAX_LINE or b"\r" in whole.replace(b"\r\n", b""):
            raise Refused
        lines.append(whole)
    return lines, at


def unfold(value: bytes) -> bytes:
    return re.sub(rb"[ \t]*(?:\r\n[ \t]*)+", b" ", value.strip(b" \t\r\n"))


def parse_start(line: bytes, parsed: Parsed) -> None:
    if b"\r" in line:
        raise Refused
    if re.match(rb"(?i)SIP/", line):
        found = re.fullmatch(rb"(?i)SIP/([0-9]+\.[0-9]+) ([1-6][0-9][0-9])(?: (.*))?", line, re.S)
        if not found:
            raise Refused
        parsed.is_request = False
        parsed.version, parsed.status, parsed.reason = text(found[1]), int(found[2]), text(found[3] or b"")
        return
    found = re.fullmatch(rb"(" + TOKEN + rb") ([^ \t]+) (?i:SIP)/([0-9]+\.[0-9]+)", line)
    if not found:
        raise Refused
    parsed.method, parsed.uri, parsed.version = text(found[1]), text(found[2]), text(found[3])


def content_length(parsed: Parsed) -> int | None:
    lengths = set()
    for value in parsed.get_all("Content-Length"):
        if not re.fullmatch(r"[0-9]+", value, re.A) or int(value) > 2**32 - 1:
            raise Refused("Content-Length")
        lengths.add(int(value))
    if len(lengths) > 1:
        raise Refused("Content-Length")
    return lengths.pop() if lengths else None


def with_crlf(data: bytes) -> bytes:
    """With the line ends before the body as they are kept."""
    at = re.match(rb"(?:\r?\n)*", data).end()  # type: ignore[union-attr]
    empty = re.compile(rb"\n\r?\n").search(data, at)
    body = empty.end() if empty else len(data)
    return re.sub(rb"\r?\n", b"\r\n", data[at:body]) + data[body:]


def parse(data: bytes) -> Parsed:
    """As it came, and as it is kept: the limits hold for both."""
    read(data)
    return read(with_crlf(data))


def read(data: bytes) -> Parsed:
    if len(data) > MAX_MESSAGE:
        raise Refused(None, 513)
    at = re.match(rb"(?:\r?\n)*", data).end()  # type: ignore[union-attr]
    parsed = Parsed(headers=[])
    line, behind = physical_line(data, at)
    if behind - at > MAX_LINE:
        raise Refused
    parse_start(line, parsed)
    lines, at = logical_lines(data, behind)
    for whole in lines:
        found = re.fullmatch(rb"(" + TOKEN + rb")[ \t]*:(.*)", whole, re.S)
        if not found:
            raise Refused
        parsed.headers.append((text(found[1]), text(unfold(found[2]))))
    length = content_length(parsed)
    there = len(data) - at
    if length is not None and length > there:
        raise Refused("Content-Length")
    size = there if length is None else length
    parsed.body, parsed.trailing = data[at : at + size], there - size
    return parsed


def frame_length(data: bytes) -> int:
    """As native.sip.frame_length for a buffer whose first message is whole: 0 when it is not all there."""
    at = re.match(rb"(?:\r?\n)*", data).end()  # type: ignore[union-attr]
    end = re.search(rb"\n\r?\n", data[at:])
    if not end:
        return 0
    head = data[: at + end.end()]
    parsed = parse_without_body(head)
    length = content_length(parsed)
    if length is None:
        raise Refused("Content-Length")
    if len(head) + length > MAX_MESSAGE:
        raise Refused(None, 513)
    return len(head) + length if len(data) >= len(head) + length else 0


def parse_without_body(head: bytes) -> Parsed:
    """The head alone, whatever its Content-Length says."""
    cut = re.sub(rb"(?im)^(?:content-length|l)[ \t]*:", b"X-Length:", head)
    parsed = parse(cut)
    names = [name for name, _ in parse_names(head)]
    parsed.headers = [(name, value) for name, (_, value) in zip(names, parsed.headers, strict=True)]
    return parsed


def parse_names(head: bytes) -> list[tuple[str, bytes]]:
    at = re.match(rb"(?:\r?\n)*", head).end()  # type: ignore[union-attr]
    lines, _ = logical_lines(head, physical_line(head, at)[1])
    return [(text(re.match(TOKEN, line)[0]), line) for line in lines]  # type: ignore[index]


def split_list(value: str) -> list[str]:
    """Commas split unless in a quoted string or <>; an open quote reaches to the end; empty values are dropped."""
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|"(?:[^"\\]|\\.)*\\?\Z|<[^>]*(?:>|\Z)|[^",<])+', value, re.S)
    return [part.strip(" \t\r\n") for part in parts if part.strip(" \t\r\n")]


@dataclass
class ParsedUri:
    scheme: str
    user: str | None
    password: str | None
    host: str
    is_ip: bool
    port: int | None
    params: list[tuple[str, str | None]]
    headers: str | None


def parse_host(host: bytes) -> tuple[str, bool]:
    if host.startswith(b"["):
        inner = re.sub(":::+", "::", host[1:-1].decode("latin-1").lower())
        if len(host) - 2 > 46:
            raise Refused
        try:
            ipaddress.IPv6Address(inner)
        except ValueError:
            raise Refused from None
        if "%" in inner:
            raise Refused
        return inner, True
    if host.startswith(b".") or b".." in host:
        raise Refused
    name = host.decode("ascii").lower()
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return name, False
    return name, True


def check_escapes(*parts: bytes | None) -> None:
    if any(b"%" in ESCAPED.sub(b"", part) for part in parts if part):
        raise Refused


def parse_sip_uri(data: bytes) -> ParsedUri:
    """sip and sips only."""
    found = re.fullmatch(
        rb"(?i:(sips?)):(?:(" + USER + rb"+)(?::(" + USER + rb"*))?@)?"
        rb"(\[[^\]]*\]|[A-Za-z0-9_.-]+)(?::([0-9]+))?((?:;[^;?]*)*)(?:\?([^\x00-\x20\x7f<>\"@]+))?",
        data,
        re.S,
    )
    if not found:
        raise Refused
    scheme, user, password, host, port, params, headers = found.groups()
    if port is not None and int(port) > 65535:
        raise Refused
    if params.count(b";") > MAX_URI_PARTS or (headers or b"").count(b"&") > MAX_URI_PARTS:
        raise Refused
    pairs = []
    for param in params.split(b";")[1:]:
        name, equals, value = param.partition(b"=")
        if not re.fullmatch(PARAM + rb"+", name) or (equals and not re.fullmatch(PARAM + rb"+", value)):
            raise Refused
        pairs.append((text(name), text(value) if equals else None))
    check_escapes(user, password, params, headers)
    name, is_ip = parse_host(host)
    optional = [None if part is None else text(part) for part in (user, password, headers)]
    return ParsedUri(
        scheme.decode().lower(), optional[0], optional[1], name, is_ip, None if port is None else int(port), pairs, optional[2]
    )


TAIL = rb"(?:[ \t]*;[ \t]*(" + TOKEN + rb")(?:[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*\"|[^\x00-\x20\x7f<>\";,]+))?)"


def check_port(digits: bytes) -> None:
    if not re.fullmatch(rb"[0-9]+", digits) or int(digits) > 65535:
        raise Refused


def parse_params(data: bytes, token: str) -> dict[str, str | None]:
    """Header parameters up to the end; the first of a name counts; quoted values unquoted. That named ``token`` must be one."""
    found: dict[str, str | None] = {}
    at = 0
    while data[at:].strip(b" \t"):
        param = re.compile(TAIL, re.S).match(data, at)
        if not param:
            raise Refused
        value = param[2]
        if value and value.startswith(b'"'):
            value = re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.S)
        found.setdefault(text(param[1]).lower(), None if value is None else text(value))
        if text(param[1]).lower() == token and not re.fullmatch(TOKEN, param[2] or b""):
            raise Refused
        if token == "branch" and param[1].lower() == b"rport" and param[2] is not None:
            check_port(param[2])
        at = param.end()
    return found


def parse_name_addr(data: bytes) -> tuple[str | None, ParsedUri, dict[str, str | None]]:
    """(display name, URI, parameters) of a value whose URI is sip or sips."""
    quoted = re.fullmatch(rb'("(?:[^"\\]|\\.)*")[ \t]*<([^>]*)>(.*)', data, re.S)
    if quoted:
        name = re.sub(rb"\\(.)", rb"\1", quoted[1][1:-1], flags=re.S)
        return text(name), parse_sip_uri(quoted[2]), parse_params(quoted[3], "tag")
    plain = re.fullmatch(rb'([^<"]*)<([^>]*)>(.*)', data, re.S)
    if plain:
        name = plain[1].strip(b" \t")
        if re.search(rb'[\x00-\x08\x0a-\x1f\x7f<>"@:,;=?\\]', name):
            raise Refused
        return text(name) or None, parse_sip_uri(plain[2]), parse_params(plain[3], "tag")
    uri, semicolon, rest = data.partition(b";")
    if b"?" in uri or b"," in uri or b"<" in uri or b'"' in uri:
        raise Refused
    return None, parse_sip_uri(uri.rstrip(b" \t")), parse_params(semicolon + rest, "tag")


@dataclass
class ParsedVia:
    version: str
    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]


def parse_via(data: bytes) -> ParsedVia:
    found = re.fullmatch(
        rb"(?i:SIP)[ \t]*/[ \t]*(" + TOKEN + rb")[ \t]*/[ \t]*(" + TOKEN + rb")[ \t]+"
        rb"(\[[^\]]*\]|[A-Za-z0-9_.-]+)[ \t]*(?::[ \t]*([0-9]+))?(.*)",
        data,
        re.S,
    )
    if not found:
        raise Refused
    check_port(found[4] or b"0")
    host, _ = parse_host(found[3])
    params = parse_params(found[5], "branch")
    return ParsedVia(text(found[1]), text(found[2]).upper(), host, int(found[4]) if found[4] else None, params)
