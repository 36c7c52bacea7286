"""Telephone numbers as a trunk writes them and wants them written, and as E.164 numbers with a plus inside the node.

What is no number (a name, a short code, an extension) is left as it is.
"""

import re
from collections.abc import Callable

from native.sip import Uri
from sipmesh.config import Numbers

NUMBER = re.compile(r"\+?[0-9]{1,32}")
SEPARATORS = re.compile(r"[-. ()]")  # "visual separators" of RFC 3966 section 5.1.1, and the blank that people add
SHORTEST_E164 = 7  # digits; below that it is a short code, which has no country

Form = Callable[[str, Numbers], str]


def read(user: str, numbers: Numbers) -> str:
    """A number that the trunk sent, as E.164 with a plus."""
    number = SEPARATORS.sub("", user)
    if numbers.received == "as-is" or not NUMBER.fullmatch(number):
        return user
    if number.startswith("+"):
        return number
    return _READ[numbers.received](number, numbers)


def _read_national(number: str, numbers: Numbers) -> str:
    if number.startswith(numbers.international_prefix):
        return "+" + number.removeprefix(numbers.international_prefix)
    if numbers.national_prefix and number.startswith(numbers.national_prefix):
        return f"+{numbers.country}{number.removeprefix(numbers.national_prefix)}"
    if not numbers.national_prefix and len(number) >= SHORTEST_E164:
        return f"+{numbers.country}{number}"
    return number


_READ: dict[str, Form] = {
    "e164": lambda number, numbers: number,
    "plain": lambda number, numbers: f"+{number}" if len(number) >= SHORTEST_E164 else number,
    "national": _read_national,
}


def write(user: str, numbers: Numbers) -> str:
    """A number as the trunk wants it; one without plus is left alone, since nobody knows its country."""
    number = SEPARATORS.sub("", user)
    if numbers.sent == "as-is" or not number.startswith("+") or not NUMBER.fullmatch(number):
        return user
    return _WRITE[numbers.sent](number, numbers)


def _write_national(number: str, numbers: Numbers) -> str:
    home = f"+{numbers.country}"
    if number.startswith(home):
        return numbers.national_prefix + number.removeprefix(home)
    return numbers.international_prefix + number[1:]


_WRITE: dict[str, Form] = {
    "e164": lambda number, numbers: number,
    "plain": lambda number, numbers: number[1:],
    "national": _write_national,
}


def is_number(user: str | None) -> bool:
    return user is not None and NUMBER.fullmatch(SEPARATORS.sub("", user)) is not None


def read_uri(uri: Uri, numbers: Numbers) -> str:
    """``uri`` as it is, save for its number."""
    user = uri.user_unescaped
    if uri.scheme not in ("sip", "sips", "tel") or user is None or not is_number(user):
        return uri.text
    number = read(user, numbers)
    if uri.scheme == "tel":
        return f"tel:{number}" if number.startswith("+") else uri.text
    return uri.text if number == user else _with_user(uri, number)


def write_uri(uri: Uri, numbers: Numbers) -> str:
    """``uri`` as the trunk wants it: its number, and as a tel URI or with user=phone if it wants that."""
    user = uri.user_unescaped
    if uri.scheme not in ("sip", "sips", "tel") or user is None or not is_number(user):
        return uri.text
    number = write(user, numbers)
    if numbers.uri == "tel" or uri.scheme == "tel":  # what was tel stays so: only its sender knows a host for it
        return tel_uri(number, numbers) or uri.text
    if numbers.uri == "user-phone" and uri.params.get("user") != "phone":
        return _with_user(uri, number, {"user": "phone"})
    return uri.text if number == user else _with_user(uri, number)


def tel_uri(number: str, numbers: Numbers) -> str:
    """RFC 3966 section 5.1.4: a number without plus needs a context; "" when there is none."""
    if number.startswith("+"):
        return f"tel:{number}"
    return f"tel:{number};phone-context=+{numbers.country}" if numbers.country else ""


def _with_user(uri: Uri, user: str, more: dict[str, str | None] | None = None) -> str:
    return Uri.build(uri.scheme, user, uri.host, uri.port, {**uri.params, **(more or {})}).text
