"""sips from end to end (RFC 5630 section 5.3).

A sips request goes to sips URIs alone. A sip request goes to none, but over TLS to those who registered one.
"""

from __future__ import annotations

from msgspec.structs import replace

from sipcore.errors import PeerError
from sipcore.ports import Target

NOT_ALLOWED, REQUIRED = (380, "SIPS Not Allowed"), (381, "SIPS Required")  # warn-codes


def is_secure(target: Target) -> bool:
    return target.uri[:5].lower() == "sips:"


def suited(targets: list[Target], *, sips: bool, tls: bool, agent: str) -> list[Target]:
    """Those of ``targets`` that a request may go to, whose Request-URI is a sips URI or not; ``tls``: we can send over TLS.
    PeerError, with a Warning of ``agent``, when none is left."""
    if sips:
        fit = [_with_spares(target, list(filter(is_secure, target.spare))) for target in targets if is_secure(target)]
        why = NOT_ALLOWED
    else:
        fit = [_in_plain(target) for target in targets if tls or not is_secure(target)]
        why = REQUIRED
    if not fit:
        code, text = why
        raise PeerError(480, "Temporarily Unavailable", (("Warning", f'{code} {agent} "{text}"'),))
    return fit


def _in_plain(target: Target) -> Target:
    if not is_secure(target):
        return target
    plain = replace(target, uri=f"sip:{target.uri[5:]}", secure=True)
    return _with_spares(plain, [_in_plain(spare) for spare in target.spare])


def _with_spares(target: Target, spares: list[Target]) -> Target:
    return replace(target, spare=tuple(spares)) if target.spare else target
