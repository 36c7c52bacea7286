import pytest

from media.origin import Announced
from media.rewrite import LocalLine, writing
from media.sdp import parse
from media.sdp_fields import Connection
from native import relay
from tests.media.world import sdp

OURS = Connection(4, "203.0.113.10")


def stamped(body: str, announced: Announced, *wanted: str) -> list[str]:
    return told(body, announced, [None] * body.count("m="), *wanted)


def told(body: str, announced: Announced, ours: list[LocalLine | None], *wanted: str) -> list[str]:
    how = writing(frozenset(), frozenset(wanted))
    return relay.sdp_write(parse(body), ours, None, OURS, how, "", announced).splitlines()


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ((), "o=peer 77 5 IN IP4 192.0.2.1"),
        (("session-connection",), "o=peer 77 5 IN IP4 192.0.2.1"),
        (("origin",), "o=peer 77 5 IN IP4 203.0.113.10"),
        (("origin-full",), "o=- 4711 5 IN IP4 203.0.113.10"),
        (("sdp-version",), "o=peer 77 5 IN IP4 192.0.2.1"),
    ],
)
def test_what_replace_makes_of_the_first_body(wanted: tuple[str, ...], line: str) -> None:
    assert stamped(sdp(version=5), Announced(4711), *wanted)[1] == line


@pytest.mark.parametrize("wanted", ["origin-full", "sdp-version"])
def test_the_version_grows_when_and_only_when_the_body_changes(wanted: str) -> None:
    announced = Announced(4711)
    bodies = [
        sdp(version=5),
        sdp(version=5),
        sdp(version=9),
        sdp("m=audio 5000 RTP/AVP 0", version=9),
        sdp("m=audio 5000 RTP/AVP 0", version=9),
        sdp(version=5),
    ]
    assert [stamped(body, announced, wanted)[1].split()[2] for body in bodies] == ["5", "5", "5", "6", "6", "7"]


@pytest.mark.parametrize(("wanted", "last"), [("origin-full", "1"), ("sdp-version", "2")])
def test_whoever_asks_for_the_version_sees_it_grow_when_the_sender_moves(wanted: str, last: str) -> None:
    announced = Announced(4711)
    bodies = [told(sdp(f"m=audio {port} RTP/AVP 0"), announced, [LocalLine(30000)], wanted) for port in (5000, 5000, 5002)]
    assert [body[1].split()[2] for body in bodies] == ["1", "1", last]
    assert bodies[0][2:] == bodies[2][2:]


def test_the_version_can_be_made_to_grow_always() -> None:
    announced = Announced(4711)
    assert [stamped(sdp(), announced, "force-increment-sdp-ver")[1].split()[2] for _ in range(3)] == ["1", "2", "3"]


def test_names_stay_what_they_were_first() -> None:
    announced = Announced(4711)
    stamped(sdp(), announced, "username", "session-name")
    lines = stamped(sdp().replace("o=peer", "o=other").replace("s=talk", "s=more"), announced, "username", "session-name")
    assert lines[1:3] == ["o=peer 77 1 IN IP4 192.0.2.1", "s=talk"]


@pytest.mark.parametrize("version", ["x", "0", "9" * 30])
def test_a_version_that_can_not_grow_becomes_one_that_can(version: str) -> None:
    body = sdp().replace("77 1 ", f"77 {version} ")
    assert stamped(body, Announced(4711), "origin-full")[1] == "o=- 4711 1 IN IP4 203.0.113.10"


def test_an_origin_behind_attributes_is_found() -> None:
    body = "v=0\r\na=tool:x\r\no=peer 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
    assert stamped(body, Announced(4711), "origin")[2] == "o=peer 1 1 IN IP4 203.0.113.10"
