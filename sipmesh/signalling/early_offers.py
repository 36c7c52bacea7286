"""Offers that reliable provisional responses brought, until a PRACK answers them (RFC 3262 section 5)."""

from __future__ import annotations

MAX_EARLY_OFFERS = 10_000  # that no PRACK has answered, of all calls


class EarlyOffers:
    """``waiting``: by key of the call and To tag of the early dialog."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: set[tuple[str, str]] = set()

    def came(self, key: str, to_tag: str) -> None:
        if len(self.waiting) < MAX_EARLY_OFFERS:
            self.waiting.add((key, to_tag))

    def takes(self, key: str, to_tag: str) -> bool:
        """Whether such an offer waits; it does so once."""
        waits = (key, to_tag) in self.waiting
        self.waiting.discard((key, to_tag))
        return waits

    def forget(self, key: str) -> None:
        """The call has ended."""
        self.waiting = {offer for offer in self.waiting if offer[0] != key}
