"""Which legs of a line we secure, and with what: the glue between SDES and the lines of a relay.

When both parties speak SRTP, or neither does, what they say of keys passes untouched and their media is theirs end to end: a
key we never use is none we could lose, and suites we lack work. We take SRTP off and put it on where the proxy asks for a
profile that the other party doesn't speak (``transport-protocol``), on both legs where it asks for that (``recrypt``), and
where one party speaks SRTP only if it can (``OSRTP``, RFC 8643) and the other one doesn't.
"""

from dataclasses import dataclass

from media.errors import RequestError, SdpError
from media.line import NOT_SECURED, PLAIN, Keys, Line
from media.options import Options
from media.rewrite import LocalLine
from media.sdes import Crypto, KeyPair, allowed, parse_all
from media.sdp import Media

_OSRTP_ACCEPT = frozenset({"accept", "accept-rfc"})
_OSRTP_OFFER = frozenset({"offer", "offer-rfc"})
_SDES_OFF = frozenset({"off", "no", "disable"})


@dataclass(frozen=True, slots=True)
class Keying:
    """What we do about the keys of one offered line."""

    side: int  # the offerer
    theirs: tuple[Crypto, ...]  # its lines that we may answer
    suites: tuple[str, ...] | None  # that we offer keys of ours for, perhaps none; None: the offerer's lines go on
    needed: bool  # the answerer must take a key, unless it says that it goes on without


@dataclass(frozen=True, slots=True)
class Agreed:
    keys: Keys
    told: tuple[Crypto, ...] | None  # to the offerer, instead of what the answer says of keys; None: that goes on


UNTOUCHED = Agreed(PLAIN, None)


def is_secure(protocol: str) -> bool:
    return "SAVP" in protocol.upper()


def plan(media: Media, protocol: str, side: int, secured: tuple[bool, bool], options: Options) -> Keying | None:
    """What to do with the keys of an offered RTP line that goes on as ``protocol``. None: nothing. ``side``: the offerer;
    ``secured``: who speaks SRTP with us by now. SdpError when the offerer insists on SRTP of a kind we can't take off."""
    offered, wanted, keyed = is_secure(media.protocol), is_secure(protocol), bool(media.crypto)
    if not (offered or wanted or keyed or secured != NOT_SECURED or options.osrtp):
        return None
    if not media.port or "RTP/" not in media.protocol.upper() or "TLS" in protocol.upper():
        return None
    ends_here = keyed and (secured != NOT_SECURED or "recrypt" in options.flags)
    accepts = offered or ends_here or bool(options.osrtp & _OSRTP_ACCEPT)
    suites = _suites((keyed or offered) and not ends_here, offered, wanted, secured[1 - side], options)
    theirs: tuple[Crypto, ...] = ()
    if accepts and not (wanted and suites is None):
        known = allowed(options.sdes)
        theirs = tuple(crypto for crypto in parse_all(media.attributes("crypto")) if crypto.suite in known)
        if offered and not theirs:
            raise SdpError(media.number, f"m={media.kind}: no a=crypto line with a suite and parameters we have")
    if (suites is None and not theirs) or not (keyed or suites):
        return None
    if media.count > 1 and (theirs or suites):  # RFC 3550 section 8.3: of one SSRC, which a key must not secure twice
        raise SdpError(media.number, f"m={media.kind}: SRTP of {media.count} port pairs can't begin or end here")
    return Keying(side, theirs, suites, wanted)


def _suites(passes: bool, offered: bool, wanted: bool, has_ours: bool, options: Options) -> tuple[str, ...] | None:
    """What the answerer is offered, see ``Keying.suites``. ``passes``: what the offerer says of keys may go on;
    ``has_ours``: the answerer speaks SRTP with us by now."""
    if wanted:
        return None if passes else allowed(options.sdes)
    if options.sdes & _SDES_OFF:
        return ()
    if options.osrtp & _OSRTP_OFFER:
        return None if passes else allowed(options.sdes)
    if has_ours:
        return allowed(options.sdes)
    return None if passes and not offered else ()


def offered_keys(keying: Keying | None, line: Line | None) -> tuple[Crypto, ...]:
    """Ours, for the answerer."""
    if keying is None or line is None or not keying.suites:
        return ()
    return line.own_keys[1 - keying.side].offer(keying.suites)


def agreed(keying: Keying | None, line: Line | None, answered: Media) -> Agreed:
    """The keys once the answer is there. RequestError when it takes none and still says that SRTP will come, which we couldn't
    read. An answer with a plain profile is taken at its word: RFC 4568 doesn't have it, phones do; a proxy that insists on SRTP
    sees it in the answer."""
    if keying is None:
        return UNTOUCHED
    if line is None or not answered.port:
        return Agreed(PLAIN, ())
    if keying.suites is None and (answered.crypto or not keying.theirs):
        return UNTOUCHED
    far = _taken(offered_keys(keying, line), answered)
    if far is None and keying.suites and keying.needed and is_secure(answered.protocol):
        raise RequestError(f"m={answered.kind}: the answer takes none of the keys that were offered")
    if not keying.theirs:
        return Agreed(_by_side(keying.side, None, far), ())
    chosen = keying.theirs[0]  # RFC 4568 section 5.1.2: the first one that we have
    own = line.own_keys[keying.side].crypto(chosen.tag, chosen.suite)
    return Agreed(_by_side(keying.side, (chosen.relayed, own.relayed), far), (own,))


def local(told: LocalLine | None, keys: tuple[Crypto, ...] | None) -> LocalLine | None:
    """What is announced, with these keys instead of what the other party said of keys; None: as it said."""
    if told is None or keys is None:
        return told
    return told._replace(keys="".join(f"a=crypto:{key}\r\n" for key in keys))


def _taken(ours: tuple[Crypto, ...], answered: Media) -> KeyPair | None:
    """Of our lines the one that is answered (RFC 4568 section 5.1.3)."""
    by_tag = {crypto.tag: crypto for crypto in ours}
    for crypto in parse_all(answered.attributes("crypto")) if ours else ():
        own = by_tag.get(crypto.tag)
        if own is not None and own.suite == crypto.suite:
            return crypto.relayed, own.relayed
    return None


def _by_side(side: int, own: KeyPair | None, other: KeyPair | None) -> Keys:
    return (other, own) if side else (own, other)
