"""The many spellings of ng keys and flags, brought to one: lower case, words joined by hyphens.

A flag may come as an item of the list ``flags``, as an item of the list it belongs to (``rtcp-mux-demux`` is ``demux`` in
``rtcp-mux``), as a key of its own, or inside the raw string ``rtpp-flags`` that a proxy passes on unparsed:

    words = *( SP / word / key "=" value )      value = word / "[" words "]"
"""

from functools import lru_cache
from typing import Any

from media.errors import RequestError

_MAX_NESTING = 8

# a word that starts so is an item of that list
_PREFIXES = {
    "replace-": "replace",
    "rtcp-mux-": "rtcp-mux",
    "sdes-": "sdes",
    "t.38-": "t.38",
    "t38-": "t.38",
    "osrtp-": "osrtp",
    "codec-": "codec-words",
}
_TRANSPORTS = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
# the same by halves: ``SRTP AVPF`` is RTP/SAVPF
_SECURITIES = {"RTP": "RTP/", "SRTP": "RTP/S", "DTLS": "UDP/TLS/RTP/S"}
_PROFILES = frozenset({"AVP", "AVPF"})
_DIRECTIONS = frozenset({"internal", "external"})
_LISTS = frozenset({"flags", "direction", "received-from", "supports", "replace", *_PREFIXES.values()})


@lru_cache(maxsize=1000)
def canonical(word: str) -> str:
    """``word`` as tables here spell it: ``Received_From`` and ``received from`` are ``received-from``."""
    return word.strip().lower().replace(" ", "-").replace("_", "-")


def normalise(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` with canonical keys, the ``rtpp-flags`` string taken apart, and every list key a list of strings.

    Items of lists are kept as sent: who compares them makes them canonical. RequestError on a wrong type."""
    result: dict[str, Any] = {}
    raw = ""
    for key, value in body.items():
        name = canonical(key)
        if name == "rtpp-flags":
            raw = _text(key, value)
        elif name in _LISTS:
            result.setdefault(name, []).extend(strings(key, value))
        else:
            result[name] = value
    if raw:
        _merge_raw(result, raw)
    _sort_words(result)
    return result


def parse_raw(text: str) -> tuple[list[str], dict[str, Any]]:
    """(words, values) of an ``rtpp-flags`` string; a key given twice has a list of both. RequestError names a bad bracket."""
    words, values, rest = _parse_words(_tokens(text), 0)
    if rest:
        raise RequestError("rtpp-flags: ']' without '['")
    return words, values


def _merge_raw(result: dict[str, Any], text: str) -> None:
    """What the proxy gave as a key of its own wins over the raw string."""
    words, values = parse_raw(text)
    result.setdefault("flags", []).extend(words)
    for key, value in values.items():
        name = canonical(key)
        if name in _LISTS:
            result.setdefault(name, []).extend(strings(key, value))
        else:
            result.setdefault(name, value)


def _sort_words(result: dict[str, Any]) -> None:
    """Moves each word of ``flags`` that belongs to another list or key there."""
    flags: list[str] = []
    transports: list[str] = []
    for word in result.get("flags", ()):
        name = canonical(word)
        home = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if home is not None:
            result.setdefault(_PREFIXES[home], []).append(name[len(home) :])
        elif names_transport(word):
            transports.append(word)
        elif name in _DIRECTIONS:
            result.setdefault("direction", []).append(name)
        elif "=" in word:
            key, _, value = word.partition("=")
            result.setdefault(canonical(key), value)
        else:
            flags.append(name)
    result["flags"] = flags
    if transports:
        result.setdefault("transport-protocol", named_transport(transports))


def names_transport(word: str) -> bool:
    """Whether ``word`` is an RTP profile as an m= line names it (``RTP/AVP`` ... ``UDP/TLS/RTP/SAVPF``), or half of one."""
    word = word.upper()
    return word in _TRANSPORTS or word in _SECURITIES or word in _PROFILES


def named_transport(words: list[str]) -> str:
    """The profile that such words name together: the last of each half, and where there is none plain RTP, no feedback."""
    security, profile = "RTP/", "AVP"
    for word in map(str.upper, words):
        if word in _TRANSPORTS:
            security, profile, feedback = word.rpartition("AVP")
            profile += feedback
        elif word in _PROFILES:
            profile = word
        else:
            security = _SECURITIES[word]
    return security + profile


def _tokens(text: str) -> list[str]:
    return text.replace("[", " [ ").replace("]", " ] ").split()


def _parse_words(tokens: list[str], depth: int) -> tuple[list[str], dict[str, Any], list[str]]:
    """Words up to the closing bracket or the end, and the tokens from that bracket on."""
    if depth > _MAX_NESTING:
        raise RequestError(f"rtpp-flags: nested deeper than {_MAX_NESTING}")
    words: list[str] = []
    values: dict[str, Any] = {}
    at = 0
    while at < len(tokens) and tokens[at] != "]":
        key, equals, value = tokens[at].partition("=")
        at += 1
        if not equals:
            if key == "[":
                raise RequestError("rtpp-flags: '[' without a key")
            words.append(key)
        elif value or at == len(tokens) or tokens[at] != "[":
            _add(values, key, value)
        else:
            inner_words, inner_values, rest = _parse_words(tokens[at + 1 :], depth + 1)
            if not rest:
                raise RequestError(f"rtpp-flags: '[' of {key} is not closed")
            _add(values, key, inner_values or inner_words)
            tokens, at = rest, 1
    return words, values, tokens[at:]


def _add(values: dict[str, Any], key: str, value: Any) -> None:
    if key not in values:
        values[key] = value
    elif isinstance(values[key], list):
        values[key].append(value)
    else:
        values[key] = [values[key], value]


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str | int):
        raise RequestError(f"{key} must be a string")
    return str(value)


def strings(key: str, value: Any) -> list[str]:
    """A list key's items; a lone string counts as its words."""
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise RequestError(f"{key} must be a list of strings")
    return [str(item) for item in value]
