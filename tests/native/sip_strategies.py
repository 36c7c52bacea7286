"""Hypothesis strategies: messages that are right, and ways to spoil them."""

from hypothesis import strategies as st

TOKEN_CHARS = "ABZaz09-.!%*_+`'~"
tokens = st.text(TOKEN_CHARS, min_size=1, max_size=8)
NAMES = [
    "Via",
    "v",
    "V",
    "From",
    "f",
    "To",
    "t",
    "Call-ID",
    "i",
    "CSeq",
    "cseq",
    "Contact",
    "m",
    "Route",
    "Record-Route",
    "Path",
    "Max-Forwards",
    "Expires",
    "Content-Type",
    "c",
    "Subject",
    "s",
    "Supported",
    "k",
    "X-Unknown",
    "x-unknown",
    "Warning",
    "User-Agent",
]
line_ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
folds = st.sampled_from([b" ", b" ", b"  ", b"\t", b"\r\n ", b" \r\n\t", b"\n  ", b"\r\n \r\n "])
hosts = st.sampled_from(
    ["a.example", "A.EXAMPLE.", "192.0.2.1", "[2001:db8::1]", "[2001:DB8:::192.0.2.1]", "1.2.3", "x_y", "[::1", "a..b", ""]
)
users = st.sampled_from(["", "bob@", "%62ob@", "bob:pw@", "bob:@", "a;b=c@", "%00@", "%4@", "b b@", "ü@", "a@b@"])
uri_tails = st.lists(
    st.sampled_from(
        [
            ":5060",
            ":0",
            ":65536",
            ":",
            ";lr",
            ";%6Cr",
            ";transport=UDP",
            ";x=1",
            ";",
            ";y=",
            ";a=b=c",
            "?h=1",
            "?",
            "?a=%4",
            "?x@y",
        ]
    ),
    max_size=3,
).map("".join)
uris = st.builds(
    lambda scheme, user, host, tail: f"{scheme}{user}{host}{tail}",
    st.sampled_from(["sip:", "SIPS:", "s ip:"]),
    users,
    hosts,
    uri_tails,
)

spaces = st.sampled_from(["", "", " ", "\t "])
param_values = st.sampled_from(
    ["", "=x", "= 5060", "=99999", '="a;\\",b"', '="open', "=[2001:db8::1]", "=z9hG4bKx", "=a b", "=<x>", "=é"]
)
params = st.lists(
    st.builds(
        lambda before, after, name, value: f"{before};{after}{name}{before}{value}",
        spaces,
        spaces,
        st.sampled_from(["branch", "tag", "TAG", "rport", "received", "maddr", "x", "", "!"]),
        param_values,
    ),
    max_size=4,
).map("".join)
displays = st.sampled_from(["", "", "Alice ", "A B  ", '"a, \\" <b" ', '"open ', '""', "é ", "a;b ", "a, b ", "a:b "])
name_addrs = st.one_of(
    st.builds(lambda display, uri, tail: f"{display}<{uri}>{tail}", displays, uris, params),
    st.builds(lambda uri, tail: f"{uri}{tail}", uris, params),
)
vias = st.builds(
    lambda start, host, port, tail: f"{start}{host}{port}{tail}",
    st.sampled_from(["SIP/2.0/UDP ", "sip / 2.0 /tcp\t", "SIP/2.0/UDP", "SIP/2.0 ", "XIP/2.0/UDP ", "SIP/7!/x  "]),
    hosts,
    st.sampled_from(["", ":5060", " : 1", ":65536", ":", ":x"]),
    params,
)

values = st.one_of(
    st.sampled_from(
        [
            b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
            b"SIP / 2.0 / TCP a.example ; branch = z9hG4bKb",
            b"Alice <sip:a@a.example>;tag=1",
            b'"A, \\" B" <sip:b@b.example;lr>;q=0.5, <sip:c@c.example>',
            b"sip:d@d.example;tag=x",
            b"*",
            b"17 INVITE",
            b"",
            b",",
            b'"open, <x',
            b"<a,b",
            b"70",
            b"0070",
            b"99999999999",
            b"application/SDP ; charset=x",
            b"a, b,, c",
            b"\xc3\xbc\xff",
            b"a\x00b",
            b"-1",
        ]
    ),
    st.binary(max_size=12).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"")),
)


@st.composite
def header_lines(draw: st.DrawFn) -> bytes:
    name = draw(st.one_of(st.sampled_from(NAMES), tokens)).encode()
    words = draw(values).split(b" ")
    value = b"".join(word + draw(folds) for word in words[:-1]) + words[-1]
    return (
        name
        + draw(st.sampled_from([b":", b": ", b" : ", b"\t:\r\n "]))
        + value
        + draw(st.sampled_from([b"", b"", b" ", b"\t"]))
        + draw(line_ends)
    )


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    start = draw(
        st.sampled_from(
            [
                b"INVITE sip:bob@example.com SIP/2.0",
                b"OPTIONS sip:x SIP/2.0",
                b"x!%y tel:+1-2 sip/2.0",
                b"SIP/2.0 200 OK",
                b"SIP/2.0 180 ",
                b"SIP/2.0 486",
                b"ACK sip:a SIP/7.0",
            ]
        )
    )
    lines = draw(st.lists(header_lines(), max_size=8))
    body = draw(st.binary(max_size=20))
    length = draw(st.sampled_from([None, len(body), len(body), max(0, len(body) - 3), len(body) + 1]))
    if length is not None:
        place = draw(st.integers(0, len(lines)))
        lines.insert(
            place, draw(st.sampled_from([b"Content-Length: %d\r\n", b"l:%d\r\n", b"CONTENT-LENGTH :\r\n %d \r\n"])) % length
        )
    leading = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n\r\n", b"\n"]))
    return leading + start + draw(line_ends) + b"".join(lines) + draw(line_ends) + body


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A message with a few bytes deleted, doubled or replaced."""
    data = bytearray(draw(messages()))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(["delete", "insert", "replace", "cut", "double"]))
        byte = draw(st.sampled_from(b'\r\n \t:;,<>"\\%\x00\xffA0=@[]/'))
        if change == "delete":
            del data[at]
        elif change == "insert":
            data.insert(at, byte)
        elif change == "replace":
            data[at] = byte
        elif change == "cut":
            del data[at : at + 20]
        else:
            data[at:at] = data[at : at + 20]
    return bytes(data)
