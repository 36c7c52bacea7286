import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.encodings import RtpMap, rtp_map
from media.errors import SdpError
from media.sdp import parse
from media.sdp_fields import NO_TYPES, Connection
from tests.media.world import passed_on

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
BODY = HEAD + (
    "c=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n"
    "m=audio 5000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000/2\r\na=rtcp:5007 IN IP4 192.0.2.2\r\na=rtcp-mux\r\na=x-new:thing\r\n"
    "m=video 6000/2 RTP/SAVP 97\r\nc=IN IP6 2001:db8::1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=recvonly\r\n"
    "m=image 0 udptl t38\r\n"
)


def test_reads_what_a_relay_needs() -> None:
    description = parse(BODY)
    audio, video, image = description.media
    assert description.origin == ("-", "1", "1", 4, "192.0.2.1")
    assert (audio.kind, audio.port, audio.count, audio.protocol, audio.formats) == ("audio", 5000, 1, "RTP/AVP", "0 96")
    assert (audio.rtcp_port, str(audio.rtcp_connection), audio.mux) == (5007, "IN IP4 192.0.2.2", True)
    assert (video.port, video.count, video.crypto, video.number, video.end) == (6000, 2, True, 12, 16)
    assert (image.port, image.protocol) == (0, "udptl")
    assert [description.direction_of(media) for media in description.media] == ["sendonly", "recvonly", "sendonly"]
    assert [str(description.connection_of(media)) for media in (audio, video)] == ["IN IP4 192.0.2.1", "IN IP6 2001:db8::1"]
    assert audio.attributes("x-new") == ["thing"]
    assert rtp_map(audio) == RtpMap({0: "PCMU", 96: "opus/48000/2"}, {96: 48000}, {96: 48000}, NO_TYPES)


def test_no_line_is_lost() -> None:
    assert passed_on(BODY) == BODY


def test_line_ends_of_any_kind_leave_as_crlf() -> None:
    assert passed_on(BODY.replace("\r\n", "\n") + "\n\r\n") == BODY
    assert passed_on(BODY.removesuffix("\r\n")) == BODY


VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
EXTRA = st.lists(
    st.tuples(st.sampled_from("iuepbkarz"), VALUE).filter(lambda pair: pair[1].partition(":")[0] != "rtcp"), max_size=6
)


@given(session=EXTRA, sections=st.lists(EXTRA, max_size=4))
def test_unknown_lines_survive_in_order(session: list[tuple[str, str]], sections: list[list[tuple[str, str]]]) -> None:
    body = HEAD + "c=IN IP4 192.0.2.1\r\n" + "".join(f"{kind}={value}\r\n" for kind, value in session)
    for extra in sections:
        body += "m=audio 5000 RTP/AVP 0\r\n" + "".join(f"{kind}={value}\r\n" for kind, value in extra)
    description = parse(body)
    assert passed_on(body) == body
    assert len(description.media) == len(sections)


AUDIO = "m=audio 5000 RTP/AVP 0\r\n"
ADDRESS = "c=IN IP4 192.0.2.1\r\n"


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("", 0, "empty body"),
        ("\r\n\r\n", 0, "empty body"),
        ("v=1\r\n", 1, "v=0 expected, not 'v=1'"),
        ("o=- 1 1 IN IP4 1.2.3.4\r\nv=0\r\n", 1, "v=0 expected, not 'o=- 1 1 IN IP4 1.2.3.4'"),
        ("v=0\r\ns=-\r\n", 0, "no o= line"),
        (HEAD + HEAD, 4, "a second session description, where offers and answers have one"),
        ("v=0\r\no=- 1 IN IP4\r\n", 2, "o= wants user name, session id, version, net type, address type and address"),
        ("v=0\r\no=- 1 1 ATM NSAP 47\r\n", 2, "net type 'ATM' is not IN"),
        (HEAD + "hello\r\n", 4, "'hello' is not of the form x=value"),
        (HEAD + "\r\nt=0 0\r\n", 4, "empty line"),
        (HEAD + "A=x\r\n", 4, "'A=x' is not of the form x=value"),
        (HEAD + "a=x\0y\r\n", 4, "a CR or NUL within the line"),
        (HEAD + "c=IN IP4\r\n", 4, "'IN IP4' is not net type, address type and address"),
        (HEAD + "c=IN IP5 1.2.3.4\r\n", 4, "address type 'IP5' is neither IP4 nor IP6"),
        (HEAD + "c=IN IP4 1.2.3.400\r\n", 4, "'1.2.3.400' is no address others could use"),
        (HEAD + "c=IN IP4 ::1\r\n", 4, "::1 is no IP4 address"),
        (HEAD + "c=IN IP6 fe80::1%eth0\r\n", 4, "'fe80::1%eth0' is no address others could use"),
        (HEAD + "c=IN IP4 1.2.3.4/24\r\n", 4, "'1.2.3.4/24' is no address others could use"),
        (HEAD + AUDIO, 4, "m=audio has no c= line, neither its own nor at session level"),
        (HEAD + ADDRESS + "m=audio 5000 RTP/AVP\r\n", 5, "m= wants media, port, protocol and at least one format"),
        (HEAD + ADDRESS + "m=audio 65536 RTP/AVP 0\r\n", 5, "m= port '65536' is not a number from 0 to 65535"),
        (HEAD + ADDRESS + "m=audio -1 RTP/AVP 0\r\n", 5, "m= port '-1' is not a number from 0 to 65535"),
        (HEAD + ADDRESS + "m=audio 5000/0 RTP/AVP 0\r\n", 5, "port count '0' is not a positive number"),
        (HEAD + ADDRESS + "m=audio 5000/1000 RTP/AVP 0\r\n", 5, "port count '1000' is not a positive number"),
        ("v=0\r\no=- 1 1 IN IP9 ::1\r\n", 2, "address type 'IP9' is neither IP4 nor IP6"),
        (HEAD + ADDRESS + AUDIO + "a=rtcp:x\r\n", 6, "a=rtcp port 'x' is not a number from 0 to 65535"),
        (HEAD + ADDRESS + AUDIO + "a=rtcp:5001 IN IP4\r\n", 6, "'IN IP4' is not net type, address type and address"),
        (HEAD + ADDRESS + AUDIO * 65, 69, "more than 64 m= lines"),
        (HEAD + "a=x\r\n" * 2000, 0, "more than 2000 lines"),
    ],
)
def test_says_which_line_and_what(body: str, line: int, what: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse(body)
    assert (caught.value.line, caught.value.what) == (line, what)


@pytest.mark.parametrize(
    "line",
    [
        "o=Jane Doe 1 1 IN IP4 192.0.2.1",
        "o=- 20518 0 IN IP4 pc_1.local",
        "o=- 0x7f a.b IN IP4 192.0.2.1",
    ],
)
def test_an_odd_origin_is_no_reason_to_refuse_a_call(line: str) -> None:
    assert passed_on(f"v=0\r\n{line}\r\ns=-\r\n").splitlines()[1] == line


def test_a_removed_line_needs_no_address() -> None:
    assert parse(HEAD + "m=audio 0 RTP/AVP 0\r\n").media[0].port == 0


@pytest.mark.parametrize(
    ("address", "family", "unicast"),
    [
        ("192.0.2.1", 4, True),
        ("0.0.0.0", 4, False),
        ("::", 6, False),
        ("224.2.1.1/127", 4, False),
        ("ff15::101/3", 6, False),
        ("media.example.com", 4, False),
    ],
)
def test_addresses_media_can_be_sent_to(address: str, family: int, unicast: bool) -> None:
    description = parse(f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP{family} {address}\r\n{AUDIO}")
    connection = description.connection_of(description.media[0])
    assert connection == Connection(family, address)
    assert connection.unicast is unicast


def test_an_attribute_named_like_a_line_is_none() -> None:
    description = parse(HEAD + ADDRESS + AUDIO + "a=c=:IN IP6 ::1\r\na=m=:x\r\n")
    assert len(description.media) == 1
    assert description.media[0].connection is None


def test_bytes_that_are_no_text_survive() -> None:
    body = HEAD + ADDRESS + AUDIO + "a=odd:\udcff\udc80é\r\n"
    assert passed_on(body) == body
    assert parse(body).media[0].attributes("odd") == ["\udcff\udc80é"]
