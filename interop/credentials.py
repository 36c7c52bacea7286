"""Challenges of digest and the credentials that answer them (RFC 7616)."""

from __future__ import annotations

import hashlib
import os
import re

from interop.response import Response

ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def challenges(response: Response) -> list[dict[str, str]]:
    """The parameters of each digest challenge, in the order they stand."""
    found = []
    for value in response.headers("WWW-Authenticate") + response.headers("Proxy-Authenticate"):
        parameters = {
            name.lower(): quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', value)
        }
        found.append({"algorithm": "MD5", **parameters})
    return found


def authorization(
    response: Response, user: str, password: str, method: str, uri: str, algorithm: str, nonce_count: int = 1
) -> str:
    """Credentials for the challenge of ``algorithm`` in ``response`` (RFC 7616, qop=auth); KeyError when there is none."""
    offered = {challenge["algorithm"].upper(): challenge for challenge in challenges(response)}
    challenge = offered[algorithm]

    def digest(text: str) -> str:
        return ALGORITHMS[algorithm](text.encode()).hexdigest()

    realm, nonce = challenge["realm"], challenge["nonce"]
    first, second = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{uri}")
    head = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}'
    if "qop" not in challenge:
        answer = digest(f"{first}:{nonce}:{second}")
        return f'{head}, response="{answer}"'
    cnonce, count = os.urandom(4).hex(), f"{nonce_count:08x}"
    answer = digest(f"{first}:{nonce}:{count}:{cnonce}:auth:{second}")
    return f'{head}, qop=auth, nc={count}, cnonce="{cnonce}", response="{answer}"'
