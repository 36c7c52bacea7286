"""What may happen to a message on its way: bytes lost, changed, added, lines moved, words in the place of others. Seeded."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

SWAPS = (
    *((b"INVITE", b"UPDATE"), (b"INVITE", b"CANCEL"), (b"BYE", b"PRACK"), (b"ACK", b"INVITE"), (b"REGISTER", b"SUBSCRIBE")),
    *((b"200 OK", b"486 Busy"), (b"180 ", b"302 "), (b"200 ", b"183 "), (b"UDP", b"TCP"), (b"sip:", b"sips:")),
    *((b"sip:", b"tel:"), (b"tag=", b"gr=")),
)
NOISE = b'\r\n;,:<>"@=% \t\0\xff\xe9SIP/2.0z9hG4bK'


class Damage:
    def __init__(self, random: Random) -> None:
        self.random = random
        self._seen: list[bytes] = []

    def messages(self, sent: list[bytes]) -> list[bytes]:
        """What arrives: about half of it as sent, some of it twice, some in another order."""
        self._seen = (self._seen + sent)[-500:]
        arriving = list(self._arriving(sent))
        if self.random.random() < 0.2:
            self.random.shuffle(arriving)
        return arriving

    def _arriving(self, sent: list[bytes]) -> Iterator[bytes]:
        for data in sent:
            luck = self.random.random()
            if luck >= 0.6:
                data = self.damaged(data)
            yield data
            if 0.55 <= luck < 0.6:
                yield data

    def damaged(self, data: bytes) -> bytes:
        for _ in range(self.random.choice((1, 1, 2, 5))):
            change = self.random.choice((self._byte, self._cut, self._insert, self._lines, self._swap))
            data = change(data) if data else data
        return data

    def _byte(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + bytes([self.random.randrange(256)]) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + data[at + self.random.choice((1, 1, 2, 8, 40, 9999)) :]

    def _insert(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + bytes(self.random.choices(NOISE, k=self.random.choice((1, 2, 9)))) + data[at:]

    def _lines(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        line = lines.pop(self.random.randrange(len(lines)))
        source = self.random.choice((lines, [line, line], self.random.choice(self._seen or [data]).split(b"\r\n")))
        for added in self.random.choices(source or [line], k=self.random.choice((0, 1, 2))):
            lines.insert(self.random.randrange(len(lines) + 1), added)
        return b"\r\n".join(lines)

    def _swap(self, data: bytes) -> bytes:
        old, new = self.random.choice(SWAPS)
        return data.replace(old, new, self.random.choice((1, 9)))
