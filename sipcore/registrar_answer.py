"""What a registrar answers: the bindings of an AOR as headers of the 200 (RFC 3261 section 10.3 step 8)."""

from datetime import UTC, datetime

from native.sip import Message
from sipcore.gruu import GRUU, Gruus
from sipcore.location import Binding
from sipcore.outbound import OUTBOUND, supports

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Headers = tuple[tuple[str, str], ...]


class Answers:
    """``flow_timer_s``: what a user agent with a flow is told (RFC 5626 section 4.4). ``gruus``: None when it gets none."""

    __slots__ = ("_flow_timer_s", "_gruus")

    def __init__(self, flow_timer_s: int, gruus: Gruus | None) -> None:
        self._flow_timer_s = flow_timer_s
        self._gruus = gruus

    def headers(
        self, request: Message, aor: str, bindings: list[Binding], path: tuple[str, ...], now: float, *, outbound: bool
    ) -> Headers:
        """All but Date: every binding with the time it has left at ``now``, Unix time. ``path``, ``outbound``: of this one."""
        headers: list[tuple[str, str]] = []
        for binding in bindings:
            left_s = int(binding.expires_at - now + 0.5) or 1
            extra = self._extra(request, aor, binding) if binding.q != 1.0 or binding.instance else ""
            headers.append(("Contact", f"<{binding.contact}>;expires={left_s}{extra}"))
        if path:
            headers.append(("Path", ", ".join(path)))
            headers.append(("Supported", "path"))
        if outbound:
            headers.append(("Require", OUTBOUND))
            if not path:
                headers.append(("Flow-Timer", str(self._flow_timer_s)))
        return tuple(headers)

    def _extra(self, request: Message, aor: str, binding: Binding) -> str:
        """Parameters of a contact besides its expiry."""
        extra = "" if binding.q == 1.0 else f";q={binding.q:g}"
        if binding.instance:
            extra += f';+sip.instance="{binding.instance}"'
            if binding.reg_id:
                extra += f";reg-id={binding.reg_id}"
            if self._gruus is not None and supports(request, GRUU):  # RFC 5627 section 5.2
                extra += self._gruus.params_of(binding, aor)
        return extra


def sip_date(unix_s: int) -> str:
    """SIP-date (RFC 3261 section 20.17), whatever the locale."""
    at = datetime.fromtimestamp(unix_s, UTC)
    date, time = f"{at.day:02} {MONTHS[at.month - 1]} {at.year:04}", f"{at.hour:02}:{at.minute:02}:{at.second:02}"
    return f"{WEEKDAYS[at.weekday()]}, {date} {time} GMT"
