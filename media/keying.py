"""Which legs of a line we secure, and with what: the glue between SDES and the lines of a relay.

When both parties speak SRTP, or neither does, what they say of keys passes untouched and their media is theirs end to end: a
key we never use is none we could lose, and suites we lack work. We take SRTP off and put it on where the proxy asks for a
profile that the other party doesn't speak (``transport-protocol``), on both legs where it asks for that (``recrypt``), and
where one party speaks SRTP only if it can (``OSRTP``, RFC 8643) and the other one doesn't. So it is with keys from DTLS, too
(media.handshakes).
"""

from dataclasses import dataclass, replace

from media.errors import RequestError, SdpError
from media.line import NOT_SECURED, PLAIN, Keys, Line
from media.options import Options
from media.rewrite import LocalLine
from media.sdes import SUITES, Crypto, KeyPair, allowed, is_allowed, parse_all
from media.sdp import Media, Section
from media.shake import NO_SHAKES, Peer, Shake, Shakes, read, speaks

_OSRTP_ACCEPT = frozenset({"accept", "accept-rfc"})
_OSRTP_OFFER = frozenset({"offer", "offer-rfc"})
_SDES_OFF = frozenset({"off", "no", "disable"})
_DTLS_OFF = frozenset({"off", "no", "disable"})
_PLAIN = frozenset({"RTP", "RTP/AVP", "RTP/AVPF"})
_OF_KEYS = frozenset({"crypto", "fingerprint", "setup", "tls-id", "key-mgmt", "zrtp-hash"})  # native.relay takes these off


@dataclass(frozen=True, slots=True)
class Keying:
    """What we do about the keys of one offered line."""

    side: int  # the offerer
    theirs: tuple[Crypto, ...]  # its lines that we may answer
    suites: tuple[str, ...] | None  # that we offer keys of ours for, perhaps none; None: the offerer's lines go on
    needed: bool  # the answerer must take a key, unless it says that it goes on without
    ours: tuple[Crypto, ...] = ()  # what the answerer was offered
    peer: Peer | None = None  # the offerer, if its DTLS ends here
    shakes: bool = False  # the answerer is offered DTLS with us
    passive: bool = False  # we wait for the ClientHello if we may choose


@dataclass(frozen=True, slots=True)
class Agreed:
    keys: Keys
    told: tuple[Crypto, ...] | None  # to the offerer, instead of what the answer says of keys; None: that goes on
    shakes: Shakes = NO_SHAKES

    @property
    def ends_here(self) -> bool:
        """We read what at least one of the parties sends."""
        return self.keys != PLAIN or self.shakes != NO_SHAKES


UNTOUCHED = Agreed(PLAIN, None)


def is_secure(protocol: str) -> bool:
    return "SAVP" in protocol.upper()


def plan(
    media: Media, session: Section, protocol: str, side: int, secured: tuple[bool, bool], options: Options
) -> Keying | None:
    """What to do with the keys of an offered RTP line that goes on as ``protocol``. None: nothing. ``side``: the offerer;
    ``secured``: who speaks SRTP with us by now. SdpError when the offerer insists on SRTP of a kind we can't take off."""
    if not media.port or "RTP/" not in media.protocol.upper():
        return None
    if "TLS" in protocol.upper() or speaks(media, session):
        return _plan_shake(media, session, protocol, side, secured != NOT_SECURED, options)
    offered, wanted, keyed = is_secure(media.protocol), is_secure(protocol), bool(media.crypto)
    if not (offered or wanted or keyed or secured != NOT_SECURED or options.osrtp):
        return None
    barred = bool(options.sdes) and offered and wanted and keyed and not (_is_off(options) or _let_on(media, options.sdes))
    ends_here = keyed and (barred or secured != NOT_SECURED or "recrypt" in options.flags)
    accepts = offered or ends_here or bool(options.osrtp & _OSRTP_ACCEPT)
    suites = _suites((keyed or offered) and not ends_here, offered, wanted, secured[1 - side], options)
    theirs: tuple[Crypto, ...] = ()
    if accepts and not (wanted and suites is None):
        known = SUITES if barred else allowed(options.sdes)
        theirs = tuple(crypto for crypto in parse_all(media.attributes("crypto")) if crypto.suite in known)
        if offered and not theirs:
            raise SdpError(media.number, f"m={media.kind}: no a=crypto line with a suite and parameters we have")
    if wanted and suites == ():
        raise SdpError(media.number, f"m={media.kind}: SDES leaves no suite that we have")
    if (suites is None and not theirs) or not (keyed or suites):
        return None
    if media.count > 1 and (theirs or suites):  # RFC 3550 section 8.3: of one SSRC, which a key must not secure twice
        raise SdpError(media.number, f"m={media.kind}: SRTP of {media.count} port pairs can't begin or end here")
    return Keying(side, theirs, suites, wanted)


def _plan_shake(media: Media, session: Section, protocol: str, side: int, ends_here: bool, options: Options) -> Keying | None:
    """The same where at least one party speaks DTLS. Between two that do it is theirs, unless it has ended here before."""
    from_shake, to_shake = speaks(media, session), "TLS" in protocol.upper()
    if from_shake and (to_shake or protocol == media.protocol) and not (ends_here or "recrypt" in options.flags):
        return None
    to_shake = to_shake or (from_shake and protocol == media.protocol)
    if to_shake and options.dtls in _DTLS_OFF:
        raise SdpError(media.number, f"m={media.kind}: DTLS can't be offered, it is off")
    peer = read(media, session) if from_shake else None
    if from_shake and peer is None:
        raise SdpError(media.number, f"m={media.kind}: no a=fingerprint with a hash function that we have")
    theirs: tuple[Crypto, ...] = ()
    if is_secure(media.protocol) and not from_shake:
        theirs = tuple(each for each in parse_all(media.attributes("crypto")) if each.suite in allowed(options.sdes))
        if not theirs:
            raise SdpError(media.number, f"m={media.kind}: no a=crypto line with a suite and parameters we have")
    needed = is_secure(protocol)
    suites = allowed(options.sdes) if needed and not to_shake else ()
    if needed and not (to_shake or suites):
        raise SdpError(media.number, f"m={media.kind}: SDES leaves no suite that we have")
    if media.count > 1:
        raise SdpError(media.number, f"m={media.kind}: SRTP of {media.count} port pairs can't begin or end here")
    return Keying(side, theirs, suites, needed, peer=peer, shakes=to_shake, passive=options.dtls == "passive")


def _suites(passes: bool, offered: bool, wanted: bool, has_ours: bool, options: Options) -> tuple[str, ...] | None:
    """What the answerer is offered, see ``Keying.suites``. ``passes``: what the offerer says of keys may go on;
    ``has_ours``: the answerer speaks SRTP with us by now."""
    if wanted:
        return None if passes else allowed(options.sdes)
    if _is_off(options) or (options.osrtp & _OSRTP_ACCEPT and options.transport_protocol in _PLAIN):
        return ()
    if options.osrtp & _OSRTP_OFFER:
        return None if passes else allowed(options.sdes)
    if has_ours:
        return allowed(options.sdes)
    return None if passes and not offered else ()


def offered(keying: Keying, line: Line | None) -> Keying:
    """With the keys of ours that the answerer is offered."""
    if line is None or not keying.suites:
        return keying
    return replace(keying, ours=line.own_keys[1 - keying.side].offer(keying.suites))


def _is_off(options: Options) -> bool:
    return bool(options.sdes & _SDES_OFF)


def passed(told: LocalLine | None, media: Media, options: Options) -> LocalLine | None:
    """What is announced where the offerer's keys go on: without those that the proxy (``SDES``) doesn't want to."""
    if told is None or not media.crypto:
        return told
    left = [] if _is_off(options) else _let_on(media, options.sdes)
    lines = [line for line, name, value in media.fields if (value in left if name == "crypto" else name in _OF_KEYS)]
    return told._replace(keys="".join(f"{line}\r\n" for line in lines))


def _let_on(media: Media, words: frozenset[str]) -> list[str]:
    """Values of its crypto attributes, but for suites that ``words`` leave out."""
    return [value for value in media.attributes("crypto") if is_allowed("".join(value.split()[1:2]), words)]


def agreed(keying: Keying | None, line: Line | None, answered: Media, session: Section) -> Agreed:
    """The keys once the answer is there. RequestError when it takes none and still says that SRTP will come, which we couldn't
    read. An answer with a plain profile is taken at its word: RFC 4568 doesn't have it, phones do; a proxy that insists on SRTP
    sees it in the answer."""
    if keying is None:
        return UNTOUCHED
    if line is None or not answered.port:
        return Agreed(PLAIN, ())
    if keying.suites is None and (answered.crypto or not keying.theirs):
        return UNTOUCHED
    far = _taken(keying.ours, answered)
    if keying.shakes or keying.peer is not None:
        return _agreed_shake(keying, line, answered, session, far)
    if far is None and keying.suites and keying.needed and is_secure(answered.protocol):
        raise RequestError(f"m={answered.kind}: the answer takes none of the keys that were offered")
    if not keying.theirs:
        return Agreed(_by_side(keying.side, None, far), ())
    chosen = keying.theirs[0]  # RFC 4568 section 5.1.2: the first one that we have
    own = line.own_keys[keying.side].answer(chosen)
    return Agreed(_by_side(keying.side, (chosen.relayed, own.relayed), far), (own,))


def _agreed_shake(keying: Keying, line: Line, answered: Media, session: Section, far: KeyPair | None) -> Agreed:
    side, near = keying.side, None
    peer = read(answered, session) if keying.shakes else None
    if keying.shakes and peer is None:
        raise RequestError(f"m={answered.kind}: the answer has no a=fingerprint with a hash function that we have")
    if keying.suites and far is None and is_secure(answered.protocol):
        raise RequestError(f"m={answered.kind}: the answer takes none of the keys that were offered")
    told: tuple[Crypto, ...] = ()
    if keying.theirs:
        own = line.own_keys[side].answer(keying.theirs[0])
        near, told = (keying.theirs[0].relayed, own.relayed), (own,)
    offerer = Shake(keying.peer, True, keying.passive) if keying.peer is not None else None
    answerer = Shake(peer, False, keying.passive) if peer is not None else None
    return Agreed(_by_side(side, near, far), told, (answerer, offerer) if side else (offerer, answerer))


def local(told: LocalLine | None, keys: tuple[Crypto, ...] | None, ours: str = "") -> LocalLine | None:
    """What is announced, with these keys instead of what the other party said of keys; None: as it said. ``ours``: lines of
    DTLS."""
    if told is None or keys is None:
        return told
    return told._replace(keys="".join(f"a=crypto:{key}\r\n" for key in keys) + ours)


def _taken(ours: tuple[Crypto, ...], answered: Media) -> KeyPair | None:
    """Of our lines the one that is answered. It should have its tag (RFC 4568 section 5.1.3), but there are phones that always
    say 1: we offer a suite once, so it tells as well."""
    by_suite = {crypto.suite: crypto for crypto in ours}
    for crypto in parse_all(answered.attributes("crypto")) if ours else ():
        if crypto.suite in by_suite:
            return crypto.relayed, by_suite[crypto.suite].relayed
    return None


def _by_side(side: int, own: KeyPair | None, other: KeyPair | None) -> Keys:
    return (other, own) if side else (own, other)
