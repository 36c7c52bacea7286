"""The words of ng that we serve, and those that may pass in silence; every other one is named in the log."""

from typing import Any

from media.flags import canonical

WAIT, PIERCE = "nat-wait", "pierce-nat"
NAT_FLAGS = frozenset({WAIT, PIERCE})
# commands of other relays, which a proxy shall not take for its own misspelling
UNSERVED_COMMANDS = frozenset(
    {
        "play media",
        "stop media",
        "play dtmf",
        "start forwarding",
        "stop forwarding",
        "publish",
        "subscribe request",
        "subscribe answer",
        "unsubscribe",
        "connect",
        "inject start",
        "inject stop",
        "create",
        "create answer",
        "mesh",
        "transform",
        "cli",
        "rollback",
        "trigger",
    }
)
_SERVED_FLAGS = (
    frozenset(
        {
            "trust-address",
            "sip-source-address",
            "symmetric",
            "asymmetric",
            "strict-source",
            "media-handover",
            "port-latching",
            "no-rtcp-attribute",
            "full-rtcp-attribute",
            "generate-mid",
            "original-sendrecv",
            "loop-protect",
            "fatal",
            "fast",
            "brief",
            "to-tag",
            "fragment",
            "reject-ice",
            "trickle-ice",
            "provisional",
            "pause",
            "discard-recording",
            "record-call",
            "generate-rtcp",
            "webrtc",
            "block-dtmf",
            "recrypt",
            "single-codec",
            "strip-extmap",
            "no-tls-id",
        }
    )
    | NAT_FLAGS
)
# what other relays need to be told and we do anyway, or what has no meaning without a feature we lack
_QUIET_FLAGS = frozenset(
    {
        "all",
        "allow-empty-codec-media",
        "allow-empty-codec-medias",
        "allow-no-codec-media",
        "allow-no-codec-medias",
        "debug",
        "directional",
        "new-branch",
        "reset",
        "no-port-latching",
        "unidirectional",
    }
)
_SERVED_KEYS = frozenset(
    {
        "command",
        "sdp",
        "call-id",
        "from-tag",
        "to-tag",
        "via-branch",
        "received-from",
        "media-address",
        "address",
        "address-family",
        "direction",
        "from-interface",
        "to-interface",
        "transport-protocol",
        "ice",
        "rtcp-mux",
        "sdes",
        "osrtp",
        "dtls",
        "dtls-fingerprint",
        "replace",
        "codec",
        "codec-words",
        "flags",
        "endpoint-learning",
        "label",
        "from-label",
        "set-label",
        "tos",
        "delete-delay",
        "supports",
        "metadata",
        "limit",
        "sip-code",
        "record-call",
        "generate-rtcp",
    }
)
_QUIET_KEYS = frozenset({"ice-lite", "sip-message-type", "template", "xmlrpc-callback"})
# items of list keys: what we serve, and what we do anyway
_ITEMS = {
    "replace": frozenset(
        {
            "origin",
            "origin-full",
            "username",
            "session-name",
            "session-connection",
            "sdp-version",
            "force-increment-sdp-ver",
            "zero-address",
        }
    ),
    "rtcp-mux": frozenset({"offer", "require", "demux", "accept", "reject"}),
    "osrtp": frozenset({"offer", "offer-rfc", "accept", "accept-rfc"}),
    "supports": frozenset({"load-limit"}),
    "t.38": frozenset(),
}
_SDES = frozenset({"off", "no", "disable", "nonew", "pad"})  # the last two: none are added, and ours are padded
_SUITE_WORDS = ("only-", "no-")
_VALUES = {
    "dtls": frozenset({"", "passive", "active", "off", "no", "disable"}),
    "ice": frozenset({"", "remove", "force", "force-relay", "default", "optional", "reject"}),
    "endpoint-learning": frozenset({"", "off", "immediate", "delayed", "heuristic", "any"}),
}
# consume and accept are of codecs that a relay converts: the first is not offered, the second is
CODEC_LISTS = ("strip", "mask", "consume", "accept", "except", "offer")


def ignored(keys: dict[str, Any]) -> frozenset[str]:
    """What of ``keys``, as media.flags.normalise leaves them, means nothing to us: ``flag 'x'``, ``replace 'y'`` and so on."""
    found = {("key", key) for key in keys.keys() - _SERVED_KEYS - _QUIET_KEYS - _ITEMS.keys()}
    found |= {("flag", flag) for flag in set(keys["flags"]) - _SERVED_FLAGS - _QUIET_FLAGS}
    for key, known in _ITEMS.items():
        found |= {(key, word) for word in map(canonical, keys.get(key, ())) if word not in known}
    found |= {("sdes", word) for word in map(canonical, keys.get("sdes", ())) if not _is_sdes(word)}
    found |= {("codec", kind) for kind in _codec_kinds(keys) if kind not in CODEC_LISTS}
    for key, known in _VALUES.items():
        word = canonical(str(keys.get(key, "")))
        if word not in known:
            found.add((key, word))
    return frozenset(f"{kind} {word!r}" for kind, word in found)


def _is_sdes(word: str) -> bool:
    return word in _SDES or word.startswith(_SUITE_WORDS)


def _codec_kinds(keys: dict[str, Any]) -> set[str]:
    lists = keys.get("codec")
    kinds = {canonical(word).partition("-")[0] for word in keys.get("codec-words", ())}
    return kinds | ({canonical(kind) for kind in lists} if isinstance(lists, dict) else set())
