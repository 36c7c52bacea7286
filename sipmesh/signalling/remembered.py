"""What earlier requests were found to mean, by a URI as it was written. Strangers write URIs, so only so much is kept."""

from typing import TypeVar

MAX_URIS = 20_000
MAX_URI_CHARS = 256  # longer ones are looked at anew each time

Key = TypeVar("Key", str, tuple[str, str])
Meaning = TypeVar("Meaning")


def remember(found: dict[Key, Meaning], key: Key, meaning: Meaning) -> Meaning:
    """Puts ``meaning`` into ``found``, in place of all before when there is no room, and returns it. ``key``: a URI, perhaps
    with what else matters."""
    if sum(map(len, key)) <= MAX_URI_CHARS:
        if len(found) >= MAX_URIS:
            found.clear()
        found[key] = meaning
    return meaning
