"""Reading the credentials of an Authorization header (RFC 7616 section 3.4, RFC 3261 section 25.1)."""

import re
from urllib.parse import unquote

MAX_VALUE_CHARS = 512  # of one parameter

# name = token | quoted-string, then a comma or the end
_PARAMETER = re.compile(
    r"""\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)""",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


class MalformedDigestError(ValueError):
    """Credentials that don't follow the grammar; the text says what is wrong."""


def parse_credentials(value: str) -> dict[str, str] | None:
    """Parameters of a Digest value, names in lower case, quotes and quoted-pairs removed; None for another scheme.

    ``username*`` (RFC 8187, as RFC 7616 section 3.4 allows) is decoded and returned as ``username``.
    """
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    fields: dict[str, str] = {}
    position, end = 0, len(rest)
    while position < end:
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise MalformedDigestError("digest parameter malformed")
        position = match.end()
        name, quoted, token = match.groups()
        text = token if quoted is None else quoted
        if len(text) > MAX_VALUE_CHARS:
            raise MalformedDigestError("digest parameter too long")
        if quoted is not None and "\\" in quoted:
            text = _QUOTED_PAIR.sub(r"\1", quoted)
        name = name.lower()
        if name in fields:
            raise MalformedDigestError("digest parameter twice")
        fields[name] = text
    if not fields:
        raise MalformedDigestError("digest without parameters")
    return _with_extended_username(fields) if "username*" in fields else fields


def _with_extended_username(fields: dict[str, str]) -> dict[str, str]:
    charset, _, rest = fields.pop("username*").partition("'")
    _, quote, encoded = rest.partition("'")
    if charset.lower() != "utf-8" or not quote or "username" in fields:
        raise MalformedDigestError("digest username* malformed")
    try:
        fields["username"] = unquote(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedDigestError("digest username* malformed") from error
    return fields
