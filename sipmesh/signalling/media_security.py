"""SRTP as ``srtp`` of [[domain]], [[user]] and [[trunk]] wants it: what the daemon is asked for, whether a body has it."""

from __future__ import annotations

from sipmesh.config_values import Srtp
from sipmesh.signalling.media_client import Body

Legs = tuple[Srtp, Srtp]
"""Of the two parties, in the order their context says."""

PASSES: Legs = ("pass", "pass")

_ACCEPTS = frozenset({"optional", "mandatory"})
_PROFILE = {"off": "RTP", "optional": "RTP", "mandatory": "SRTP"}


def asked(offerer: Srtp, answerer: Srtp) -> Body:
    """Keys of the ng offer; the profile is that of legs which are not there yet."""
    body: Body = {}
    if answerer in _PROFILE:
        body["transport-protocol"] = _PROFILE[answerer]
    if answerer == "off":
        body["SDES"] = ["off"]
    opportunistic = ["accept"] if offerer in _ACCEPTS else []
    if answerer == "optional":
        opportunistic.append("offer")
    if opportunistic:
        body["OSRTP"] = opportunistic
    return body


def is_secured(sdp: bytes) -> bool:
    """Whether every line of RTP has SRTP, by its profile or, as RFC 8643 has it, by keys beside a plain one."""
    return not any(map(_is_plain, sdp.split(b"\nm=")[1:]))


def _is_plain(section: bytes) -> bool:
    fields = section.split(b"\n", 1)[0].split()
    if len(fields) < 3 or fields[1] == b"0":
        return False
    profile = fields[2].upper()
    return b"RTP/" in profile and b"SAVP" not in profile and b"\na=crypto:" not in section
