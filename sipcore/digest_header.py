"""Reading the credentials of an Authorization header (RFC 7616 section 3.4, RFC 3261 section 25.1)."""

from urllib.parse import unquote

from native.sip import ParseError, digest_params

MAX_VALUE_CHARS = 512  # of one parameter


class MalformedDigestError(ValueError):
    """Credentials that don't follow the grammar; the text says what is wrong."""


def parse_credentials(value: str) -> dict[str, str] | None:
    """Parameters of a Digest value, names in lower case, quotes and quoted-pairs removed; None for another scheme.

    ``username*`` (RFC 8187, as RFC 7616 section 3.4 allows) is decoded and returned as ``username``.
    """
    try:
        fields = digest_params(value)
    except ParseError as error:
        raise MalformedDigestError(error.reason) from error
    if fields is None:
        return None
    if len(value) > MAX_VALUE_CHARS and any(len(text) > MAX_VALUE_CHARS for text in fields.values()):
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
