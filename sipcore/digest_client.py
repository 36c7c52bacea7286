"""Digest as the client does it: one account's answers to challenges (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from native.sip import Message
from sipcore.digest import ALGORITHMS, Algorithm, ha1
from sipcore.digest_header import MalformedDigestError, parse_credentials

PLACES = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
MAX_SPACES = 8  # realms kept in mind
MAX_ANSWERS = 3  # to challenges of one request
MAX_COUNT = 0xFFFF_FFFF

Headers = list[tuple[str, str]]
Place = tuple[str, str]
"""Header of the credentials, and realm."""


@dataclass(slots=True)
class _Space:
    """What a realm challenged us with last (RFC 7616 section 3.3)."""

    nonce: str
    opaque: str | None
    algorithm: Algorithm
    named: bool  # the challenge says which algorithm
    counted: bool  # qop=auth
    ha1: str
    cnonce: str
    uses: int = 0


class DigestClient:
    """``token`` makes unguessable texts. Answers are kept in mind, so that later requests carry credentials from the start."""

    __slots__ = ("_password", "_spaces", "_token", "_username")

    def __init__(self, username: str, password: str, token: Callable[[], str]) -> None:
        self._username = username
        self._password = password
        self._token = token
        self._spaces: dict[Place, _Space] = {}

    def credentials(self, method: str, uri: str) -> Headers:
        """For a request nobody has challenged yet: one (header, value) for each realm known."""
        return [(header, self._credentials(space, realm, method, uri)) for (header, realm), space in self._spaces.items()]

    def challenged(self, request: Message, response: Message, answered: int) -> bool:
        """Takes over the challenges of ``response`` (401 or 407) to ``request``, as that left. ``answered``: challenges
        before it. False when another answer would be refused too, or nothing in it can be answered.

        The first challenge is always answered: servers forget nonces without saying so. From then on only one that calls
        the nonce stale, or comes from a realm that has seen no credentials yet.
        """
        if answered >= MAX_ANSWERS:
            return False
        given = {place for place, _ in _places(request, PLACES.values())}
        fresh = False
        taken: set[Place] = set()
        for (header, realm), fields in _places(response, PLACES):
            place = (PLACES[header], realm)
            space = None if place in taken else self._space(realm, fields)
            if space is None:  # RFC 8760 section 2.4: the topmost that we can read
                continue
            taken.add(place)
            self._spaces.pop(place, None)
            self._spaces[place] = space
            fresh = fresh or not answered or place not in given or fields.get("stale", "").lower() == "true"
        while len(self._spaces) > MAX_SPACES:
            del self._spaces[next(iter(self._spaces))]
        return fresh

    def confirmed(self, response: Message) -> None:
        """A success may bring the next nonce (RFC 7616 section 3.5)."""
        for name, header in (("Authentication-Info", "Authorization"), ("Proxy-Authentication-Info", "Proxy-Authorization")):
            value = response.get(name)
            nonce = None if value is None else _fields(f"Digest {value}").get("nextnonce")
            spaces = [space for (place, _), space in self._spaces.items() if place == header]
            if nonce and len(spaces) == 1:
                spaces[0].nonce, spaces[0].uses = nonce, 0

    def _space(self, realm: str, fields: dict[str, str]) -> _Space | None:
        """None for a challenge of a kind we don't answer."""
        algorithm = ALGORITHMS.get(fields.get("algorithm", "MD5").lower())
        offered = [each.strip().lower() for each in fields.get("qop", "").split(",") if each.strip()]
        if algorithm is None or "nonce" not in fields or (offered and "auth" not in offered):
            return None
        secret = ha1(self._username, realm, self._password, algorithm)
        named = "algorithm" in fields
        return _Space(fields["nonce"], fields.get("opaque"), algorithm, named, bool(offered), secret, self._token())

    def _credentials(self, space: _Space, realm: str, method: str, uri: str) -> str:
        """RFC 7616 section 3.4."""
        algorithm = space.algorithm
        ha2 = algorithm.hash(f"{method}:{uri}")
        fields = [("username", self._username), ("realm", realm), ("nonce", space.nonce), ("uri", uri)]
        tail = f", algorithm={algorithm.value}" if space.named else ""
        if space.counted:
            space.uses = space.uses % MAX_COUNT + 1
            count = f"{space.uses:08x}"
            answer = algorithm.hash(f"{space.ha1}:{space.nonce}:{count}:{space.cnonce}:auth:{ha2}")
            fields.append(("cnonce", space.cnonce))
            tail += f", qop=auth, nc={count}"
        else:  # RFC 2069's way, which RFC 3261 section 22.4 item 8 keeps alive
            answer = algorithm.hash(f"{space.ha1}:{space.nonce}:{ha2}")
        fields.append(("response", answer))
        if space.opaque is not None:
            fields.append(("opaque", space.opaque))
        return "Digest " + ", ".join(f"{name}={_quoted(text)}" for name, text in fields) + tail


def _places(message: Message, names: Iterable[str]) -> list[tuple[Place, dict[str, str]]]:
    """(header, realm) and parameters of each readable Digest value in the headers ``names``."""
    found = []
    for name in names:
        for value in message.get_all(name):
            fields = _fields(value)
            if "realm" in fields:
                found.append(((name, fields["realm"]), fields))
    return found


def _fields(value: str) -> dict[str, str]:
    """Empty for another scheme, or what nobody can read."""
    try:
        return parse_credentials(value) or {}
    except MalformedDigestError:
        return {}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
