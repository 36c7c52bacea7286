"""A SIP response as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(slots=True)
class Response:
    status: int
    raw: str

    def headers(self, name: str) -> list[str]:
        """The values of a header, one entry a line."""
        return re.findall(rf"(?mi)^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.raw.partition("\r\n\r\n")[0])

    @property
    def identity(self) -> tuple[str, str]:
        """Call-ID and CSeq."""
        return "".join(self.headers("Call-ID")), "".join(self.headers("CSeq"))
