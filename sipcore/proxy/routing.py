"""Route information preprocessing (RFC 3261 section 16.4)."""

from __future__ import annotations

from collections.abc import Callable

from native.sip import Message, Uri
from sipcore.flow import Listener

COOKIE_PARAM = "c"
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


def preprocess_routes(request: Message, listener: Listener, is_ours: Callable[[Uri], bool]) -> str | None:
    """Undoes a strict router's rewriting, strips a maddr that names us and removes our own Route values.

    Returns the text of the Record-Route cookie that came with them, unverified; None when there is none.
    """
    cookie = None
    uri = request.request_uri
    if uri.lr and COOKIE_PARAM in uri.params and is_ours(uri):
        routes = request.routes
        if routes:
            cookie = uri.params[COOKIE_PARAM]
            request.set_request_uri(routes[-1].uri.text)
            request.pop_last_route()
            uri = request.request_uri
    if uri.maddr is not None:
        strip_own_maddr(request, uri, listener, is_ours)
    if request.has("Route"):
        cookie = pop_own_routes(request, is_ours, cookie)
    return cookie


def pop_own_routes(request: Message, is_ours: Callable[[Uri], bool], cookie: str | None) -> str | None:
    """Removes the leading Route values that are ours.

    Two entries of one passage carry the same cookie. A different cookie is that of another passage of a spiral: it stays,
    so that the request comes back and is treated as that passage's.
    """
    for route in request.routes:
        uri = route.uri
        if not is_ours(uri):
            break
        text = uri.params.get(COOKIE_PARAM)
        if cookie is None:
            cookie = text
        elif text is not None and text != cookie:
            break
        request.pop_route()
    return cookie


def strip_own_maddr(request: Message, uri: Uri, listener: Listener, is_ours: Callable[[Uri], bool]) -> None:
    """Only if the request came to the port and by the transport the URI indicates; otherwise it must go there."""
    maddr = Uri.build(uri.scheme, None, uri.maddr or "", uri.port, {"transport": uri.transport} if uri.transport else None)
    transport = uri.transport or ("tls" if uri.scheme == "sips" else "udp")
    port = uri.port or DEFAULT_PORTS.get(transport, 5060)
    if transport != listener.transport or port not in (listener.port, listener.advertised_port) or not is_ours(maddr):
        return
    params = {name: value for name, value in uri.params.items() if name not in ("maddr", "transport")}
    request.set_request_uri(Uri.build(uri.scheme, uri.user, uri.host, None, params).text)
