"""How an ng request wants to be served, typed. What we don't serve is ignored, but named in ``ignored``."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from media.addresses import numeric
from media.codecs import NO_WISH, CodecWish
from media.errors import RequestError
from media.fingerprint import HASHES
from media.flags import canonical, strings
from media.rewrite import writing
from media.vocabulary import CODEC_LISTS, NAT_FLAGS, ignored
from native import relay

_OWNED = frozenset({"origin-full"})
_SWITCH = {"yes": "on", "on": "on", "true": "on", "1": "on", "no": "off", "off": "off", "false": "off", "0": "off"}
# What a browser needs, by one word
_WEB_FLAGS, _WEB_MUX, _WEB_SDES = (
    frozenset({"no-rtcp-attribute", "generate-mid", "trickle-ice"}),
    frozenset({"offer", "require"}),
    frozenset({"off"}),
)
_FAMILIES = {"ip4": 4, "ipv4": 4, "inet": 4, "ip6": 6, "ipv6": 6, "inet6": 6}


@dataclass(frozen=True, slots=True)
class Options:
    """Keys and flags of a request but its names (media.request); strings are empty when absent. Flags and list items are
    canonical (media.flags)."""

    command: str
    address: str  # of a party, to choose it by
    media_address: str  # to announce in place of ours
    family: int  # 4 or 6 wanted in the rewritten body, 0: as received
    direction: tuple[str, ...]  # interface names: towards the sender of this body, towards its receiver
    transport_protocol: str
    ice: str
    rtcp_mux: frozenset[str]
    sdes: frozenset[str]
    osrtp: frozenset[str]
    dtls: str
    dtls_hash: str  # of our fingerprint; empty: the usual one
    writing: int  # of a body: native.relay's bits
    flags: frozenset[str]
    codecs: CodecWish
    mode: int  # native.relay's, of learning where a party is
    label: str  # of the party: to give it, or to choose it by
    set_label: str  # to give it, where ``label`` chooses
    dscp: int  # -1: leave
    delete_delay_s: int  # -1: the daemon's
    load_limit: bool  # the proxy knows the result "load limit"
    metadata: str
    limit: int
    reports: str  # whether RTCP is to be ours: "on", "off" or nothing said
    record: str  # whether the call is to be recorded: "on", "off" or nothing said
    nat: frozenset[str]  # of NAT_FLAGS
    provisional: bool  # the body came in a provisional response
    ignored: frozenset[str]  # what means nothing to us: "key 'x'", "flag 'y'", "replace 'z'"
    changes_lines: bool = field(init=False)  # an offer's profile, multiplexing or keys

    def __post_init__(self) -> None:
        changes = bool(self.transport_protocol or self.rtcp_mux or self.osrtp) or "webrtc" in self.flags
        object.__setattr__(self, "changes_lines", changes)


def read(keys: dict[str, Any], own: bool = False) -> Options:
    """``keys`` as media.flags.normalise leaves them; ``own``: from this node's own proxy, whose bodies get an o= line of ours.

    RequestError names the key that has a wrong type or value."""
    flags = frozenset(keys["flags"])
    web = "webrtc" in flags
    flags |= _WEB_FLAGS if web else frozenset()
    return Options(
        command=canonical(text(keys, "command")).replace("-", " "),
        address=address("address", text(keys, "address")),
        media_address=address("media-address", text(keys, "media-address")),
        family=_family(text(keys, "address-family")),
        direction=_direction(keys),
        transport_protocol=text(keys, "transport-protocol").upper(),
        ice=canonical(text(keys, "ice")),
        rtcp_mux=_words(keys, "rtcp-mux") | (_WEB_MUX if web else frozenset()),
        sdes=_words(keys, "sdes") | (_WEB_SDES if web else frozenset()),
        osrtp=_words(keys, "osrtp"),
        dtls=canonical(text(keys, "dtls")),
        dtls_hash=_hash(text(keys, "dtls-fingerprint")),
        writing=writing(flags, _words(keys, "replace") | (_OWNED if own else frozenset())),
        flags=flags,
        codecs=_codecs(keys),
        mode=_mode(flags, canonical(text(keys, "endpoint-learning"))),
        label=text(keys, "label") or text(keys, "from-label"),
        set_label=text(keys, "set-label"),
        dscp=_dscp(keys),
        delete_delay_s=_number(keys, "delete-delay", -1, 86400),
        load_limit="load-limit" in _words(keys, "supports"),
        metadata=text(keys, "metadata"),
        limit=_number(keys, "limit", 32, 1_000_000),
        reports=_switch(keys, flags, "generate-rtcp"),
        record=_switch(keys, flags, "record-call"),
        nat=flags & NAT_FLAGS,
        provisional="provisional" in flags or 100 < _number(keys, "sip-code", 0, 999) < 200,
        ignored=ignored(keys),
    )


def _words(keys: dict[str, Any], key: str) -> frozenset[str]:
    return frozenset(canonical(word) for word in keys.get(key, ()))


def text(keys: dict[str, Any], key: str) -> str:
    """RequestError when it is neither a string nor a number; "" when absent."""
    value = keys.get(key, "")
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise RequestError(f"{key} must be a string")


def _number(keys: dict[str, Any], key: str, default: int, most: int) -> int:
    if key not in keys:
        return default
    value = text(keys, key).strip()
    if value == "-1":
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10) or int(value) > most:
        raise RequestError(f"{key} must be a number from 0 to {most}, not {value!r}")
    return int(value)


def _dscp(keys: dict[str, Any]) -> int:
    """Of ``TOS``; what is no octet changes nothing."""
    value = text(keys, "tos").strip()
    if value.startswith("-") or len(value) > 3:
        return -1
    octet = _number(keys, "tos", -4, 999)
    return octet >> 2 if octet < 256 else -1


def _hash(value: str) -> str:
    name = canonical(value)
    if name and name not in HASHES:
        raise RequestError(f"DTLS-fingerprint must be one of {', '.join(HASHES)}, not {value!r}")
    return name


def _direction(keys: dict[str, Any]) -> tuple[str, ...]:
    """The list ``direction``, or the same as two keys."""
    named = text(keys, "from-interface"), text(keys, "to-interface")
    return named if any(named) else tuple(keys.get("direction", ()))


def _mode(flags: frozenset[str], learning: str) -> int:
    """Any other source than the signalled one or the SIP message's only when a flag asks for it by name."""
    if "asymmetric" in flags and "media-handover" not in flags:
        return relay.FIXED if "strict-source" in flags else relay.ASYMMETRIC
    if learning == "off":
        return relay.FIXED
    if learning == "any":
        return relay.ANY
    return relay.HANDOVER if "media-handover" in flags else relay.SYMMETRIC


def _codecs(keys: dict[str, Any]) -> CodecWish:
    """``codec`` with its lists, and words like ``codec-strip-PCMA``."""
    lists = keys.get("codec") or {}
    if not isinstance(lists, dict):
        raise RequestError("codec must be a dictionary of lists")
    named: dict[str, list[str]] = {name: [] for name in CODEC_LISTS}
    for word in keys.get("codec-words", ()):
        kind, _, name = canonical(word).partition("-")
        named.get(kind, []).append(name)
    for key, value in lists.items():
        named.get(canonical(key), []).extend(word.lower() for word in strings(f"codec {key}", value))
    strip, mask = frozenset(named["strip"]), frozenset(named["mask"] + named["consume"])
    return CodecWish(strip, mask, frozenset(named["except"]), tuple(named["offer"])) if strip | mask else NO_WISH


@lru_cache(maxsize=10_000)
def address(key: str, value: str) -> str:
    """``value`` in its shortest form. RequestError when it is no address; "" stays."""
    if not value:
        return ""
    known = numeric(value.strip("[]"))
    if known is None:
        raise RequestError(f"{key}: {value!r} is not an IP address")
    return known.host


def _family(value: str) -> int:
    if not value:
        return 0
    family = _FAMILIES.get(value.strip().lower())
    if family is None:
        raise RequestError(f"address-family must be IP4 or IP6, not {value!r}")
    return family


def _switch(keys: dict[str, Any], flags: frozenset[str], name: str) -> str:
    """Of a key, or of a flag of that name: "on", "off", or "" when there is neither."""
    wanted = canonical(text(keys, name))
    if wanted and wanted not in _SWITCH:
        raise RequestError(f"{name} must be yes or no, not {wanted!r}")
    return _SWITCH[wanted] if wanted else ("on" if name in flags else "")
