"""Which of the two legs of a line we secure, and with what: the glue between SDES and the lines of a relay.

When both parties speak SRTP, or neither does, what they say of keys passes untouched and their media is theirs end to end: a
key we never use is none we could lose, and suites we lack work. We take SRTP off and put it on where the proxy asks for a
profile that the other party doesn't speak (``transport-protocol``), or to accept opportunistic security (``OSRTP-accept``,
RFC 8643).
"""

from dataclasses import dataclass, replace

from media.errors import RequestError, SdpError
from media.options import Options
from media.rewrite import LocalLine
from media.sdes import Crypto, KeyPair, allowed, parse_all
from media.sdp import Media
from media.streams import Line


@dataclass(frozen=True, slots=True)
class Keying:
    """One secured leg of a line: ``side`` speaks SRTP with us."""

    side: int
    theirs: tuple[Crypto, ...]  # offered by that side; empty: we offer
    suites: tuple[str, ...]  # that may be chosen


def is_secure(protocol: str) -> bool:
    return "SAVP" in protocol.upper()


def plan(media: Media, protocol: str, side: int, secured: int | None, options: Options) -> Keying | None:
    """What to do with the keys of an offered RTP line that goes on as ``protocol``. None: nothing. ``side``: the offerer;
    ``secured``: the one that speaks SRTP with us by now."""
    if not media.port or "RTP/" not in media.protocol.upper() or "TLS" in protocol.upper():
        return None
    offered, wanted = is_secure(media.protocol), is_secure(protocol)
    suites = allowed(options.sdes)
    if not offered and wanted and not media.crypto:
        return Keying(1 - side, (), suites)
    accepts = offered or secured == side or "accept" in options.osrtp
    if wanted or not accepts or not (media.crypto or offered):
        return None
    theirs = tuple(crypto for crypto in parse_all(media.attributes("crypto")) if crypto.suite in suites)
    if theirs:
        return Keying(side, theirs, suites)
    if offered:
        raise SdpError(media.number, f"m={media.kind}: no a=crypto line with a suite and parameters we have")
    return None


def offered_keys(keying: Keying | None, line: Line | None) -> tuple[Crypto, ...]:
    """What the answerer is offered."""
    if keying is None or line is None or keying.theirs:
        return ()
    return line.own_keys[keying.side].offer(keying.suites)


def answered_keys(keying: Keying | None, line: Line | None) -> tuple[Crypto, ...]:
    """What the offerer is answered: its first line that we have, with a key of ours (RFC 4568 section 5.1.2)."""
    if keying is None or line is None or not keying.theirs:
        return ()
    chosen = keying.theirs[0]
    return (line.own_keys[keying.side].crypto(chosen.tag, chosen.suite),)


def local(told: LocalLine | None, keying: Keying | None, keys: tuple[Crypto, ...]) -> LocalLine | None:
    """What is announced with the keys of that leg in place of the other's."""
    if told is None or keying is None:
        return told
    return replace(told, keys=tuple(map(str, keys)))


def agreed(keying: Keying, line: Line, answered: Media) -> KeyPair:
    """The keys once the answer is there. RequestError when it took no key of ours."""
    if keying.theirs:
        return keying.theirs[0].relayed, answered_keys(keying, line)[0].relayed
    ours = {crypto.tag: crypto for crypto in offered_keys(keying, line)}
    for crypto in parse_all(answered.attributes("crypto")):
        own = ours.get(crypto.tag)
        if own is not None and own.suite == crypto.suite:
            return crypto.relayed, own.relayed
    raise RequestError(f"m={answered.kind}: the answer takes none of the keys that were offered")
