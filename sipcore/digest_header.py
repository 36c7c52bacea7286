"""Reading the credentials of an Authorization header (RFC 7616 section 3.4, RFC 3261 section 25.1)."""

import re
from urllib.parse import unquote

MAX_VALUE_CHARS = 512  # of one parameter

# name = token | quoted-string, then a comma or the end
_PARAMETER = re.compile(
    r"""\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]+))\s*(?:,|$)""",
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
    position = 0
    for match in _PARAMETER.finditer(rest):
        if match.start() != position:
            break
        position = match.end()
        name, quoted, text = match.groups()
        if quoted is not None:
            text = _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
        name = name.lower()
        if name in fields:
            raise MalformedDigestError("digest parameter twice")
        fields[name] = text
    if position != len(rest):
        raise MalformedDigestError("digest parameter malformed")
    if len(rest) > MAX_VALUE_CHARS and any(len(text) > MAX_VALUE_CHARS for text in fields.values()):
        raise MalformedDigestError("digest parameter too long")
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
