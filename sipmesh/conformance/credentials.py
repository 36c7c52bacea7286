"""Digest as a client does it (RFC 7616), with the algorithm of the challenge that is easiest to answer."""

from __future__ import annotations

import hashlib
import os
import re

from sipmesh.conformance.message import Message

HASHES = {"MD5": "md5", "SHA-256": "sha256"}
PLACES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def challenges(response: Message) -> list[dict[str, str]]:
    """The parameters of each digest challenge, in the order they stand."""
    values = response.all("WWW-Authenticate") + response.all("Proxy-Authenticate")
    found = []
    for value in values:
        pairs = re.findall(r'([\w-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,]+))', value)
        found.append({"algorithm": "MD5", **{name.lower(): quoted or plain for name, quoted, plain in pairs}})
    return found


def answer(response: Message, request: Message, user: str, password: str, count: int = 1) -> tuple[str, str] | None:
    """The header that answers the challenge of ``response``; None when it has none we can answer."""
    place = PLACES.get(response.status)
    usable = [each for each in challenges(response) if each["algorithm"].upper() in HASHES and "nonce" in each]
    if place is None or not usable:
        return None
    return place[1], credentials(usable[0], request.method, request.uri, user, password, count)


def credentials(challenge: dict[str, str], method: str, uri: str, user: str, password: str, count: int = 1) -> str:
    def digest(text: str) -> str:
        return hashlib.new(HASHES[algorithm.upper()], text.encode(), usedforsecurity=False).hexdigest()

    algorithm, realm, nonce = challenge["algorithm"], challenge.get("realm", ""), challenge["nonce"]
    first, second = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{uri}")
    fields = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}'
    if "opaque" in challenge:
        fields += f', opaque="{challenge["opaque"]}"'
    if "qop" not in challenge:
        return f'Digest {fields}, response="{digest(f"{first}:{nonce}:{second}")}"'
    own = os.urandom(4).hex()
    response = digest(f"{first}:{nonce}:{count:08x}:{own}:auth:{second}")
    return f'Digest {fields}, qop=auth, nc={count:08x}, cnonce="{own}", response="{response}"'
