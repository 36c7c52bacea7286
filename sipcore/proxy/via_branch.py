"""The branch parameter of our Via: unique per branch, the same when computed again, recognisable as ours.

    z9hG4bK ADDRESS . SLOT KEY MAC TARGET ATTEMPT . LOOP

ADDRESS is the id of our service address; SLOT (4 hex digits of the Call-ID's hash) names the process that owns the call. The
MAC covers what identifies the request received, TARGET (8 hex digits, hash of the target URI) and ATTEMPT, and all of that
can be read in a response, so any process with the keys can tell a branch of ours from a forged one. LOOP is the
second part of RFC 5393 section 4.2. The method is in none of them: CANCEL and ACK get the INVITE's branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message, crc_slot

if TYPE_CHECKING:
    from sipcore.keys import KeyRing

MAGIC_COOKIE = "z9hG4bK"


def branch_prefix(address_id: str) -> str:
    return f"{MAGIC_COOKIE}{address_id}."


def request_identity(request: Message) -> str:
    """What tells this request from every other, and its retransmissions not (RFC 3261 section 16.11)."""
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return f"{branch} {via.sent_by} {request.call_id} {request.from_tag} {request.cseq}"
    # RFC 2543: the branch need not be unique
    return f"{via.text} {request.to_tag} {request.from_tag} {request.call_id} {request.cseq} {request.request_uri_text}"


def via_branch(keys: KeyRing, prefix: str, identity: str, slot: int, target: str, attempt: int, loop: str) -> str:
    distinction = f"{crc_slot(target):08x}{attempt:x}"
    key_id, mac = keys.sign(f"{identity}\n{distinction}")
    return f"{prefix}{slot & 0xFFFF:04x}{key_id}{mac}{distinction}.{loop}"
