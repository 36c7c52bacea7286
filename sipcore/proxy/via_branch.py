"""The branch parameter of our Via: unique per branch, the same when computed again, recognisable as ours.

    z9hG4bK ADDRESS . SLOT . KEY MAC ATTEMPT . TARGET . LOOP

ADDRESS is the id of our service address; SLOT (hash of the Call-ID) names the process that owns the call. The MAC covers
what identifies the request received, ATTEMPT and TARGET (hash of the target URI), and all of that can be read in a response,
so any process with the keys can tell a branch of ours from a forged one. LOOP is the second part of RFC 5393 section
4.2. Hashes are decimal numbers of 32 bits. The method is in none of them: CANCEL and ACK get the INVITE's branch.
"""

from __future__ import annotations

MAGIC_COOKIE = "z9hG4bK"


def branch_prefix(address_id: str) -> str:
    return f"{MAGIC_COOKIE}{address_id}."
