"""Route information preprocessing (RFC 3261 section 16.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from native.sip import Message, NameAddr, Uri
from sipcore.errors import PeerError
from sipcore.flow import Listener
from sipcore.proxy.cookie import Cookie

COOKIE_PARAM = "c"
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


class Ours(Protocol):
    """What we recognise as our own."""

    def is_ours(self, uri: Uri) -> bool: ...

    read_cookie: Callable[[str, Message], Cookie | None]
    """The cookie of that text if it is valid for the dialog of the request."""

    def count(self, name: str) -> None: ...


def preprocess_routes(request: Message, listener: Listener, ours: Ours) -> Cookie | None:
    """Undoes a strict router's rewriting, strips a maddr that names us and removes our own Route values.

    Returns the valid Record-Route cookie that came with them. ParseError when a Request-URI made of a Route is malformed.
    """
    cookie = undo_strict_routing(request, ours) if request.has_route else None
    strip_own_maddr(request, listener, ours)
    return pop_own_routes(request, cookie, ours)


def undo_strict_routing(request: Message, ours: Ours) -> Cookie | None:
    """A Request-URI with lr and a cookie that we wrote into Record-Route: the real one is the last Route."""
    uri = request.request_uri
    params = uri.params
    if not uri.lr or COOKIE_PARAM not in params:
        return None
    text = params[COOKIE_PARAM]
    cookie = ours.read_cookie(text, request) if text is not None else None
    if cookie is None:
        if not ours.is_ours(uri):
            return None
        if text is not None:
            ours.count("sip_proxy_bad_cookies_total")
    request.set_request_uri(routes_of(request)[-1].uri.text)
    request.pop_last_route()
    return cookie


def pop_own_routes(request: Message, cookie: Cookie | None, ours: Ours) -> Cookie | None:
    """Removes the leading Route values that are ours: those with our cookie, or with one of our names.

    Two entries of one passage carry the same cookie. A different cookie is that of another passage of a spiral: it stays,
    so that the request comes back and is treated as that passage's.
    """
    while request.has_route:
        text = request.route_param(COOKIE_PARAM)
        if cookie is not None and text is not None:
            if text != cookie.text:
                break
        else:
            if text is not None:
                cookie = ours.read_cookie(text, request)
            if cookie is None or text is None:
                if not ours.is_ours(routes_of(request)[0].uri):
                    break
                if text is not None:
                    ours.count("sip_proxy_bad_cookies_total")
        request.pop_route()
    return cookie


def routes_of(request: Message) -> list[NameAddr]:
    """Of a request with Route. PeerError when there is nothing in it."""
    routes = request.routes
    if not routes:
        raise PeerError(400, "empty Route")
    return routes


def strip_own_maddr(request: Message, listener: Listener, ours: Ours) -> None:
    """Only if the request came to the port and by the transport the URI indicates; otherwise it must go there."""
    uri = request.request_uri
    if uri.maddr is None:
        return
    maddr = Uri.build(uri.scheme, None, uri.maddr, uri.port, {"transport": uri.transport} if uri.transport else None)
    transport = uri.transport or ("tls" if uri.scheme == "sips" else "udp")
    port = uri.port or DEFAULT_PORTS.get(transport, 5060)
    if transport != listener.transport or port not in (listener.port, listener.advertised_port) or not ours.is_ours(maddr):
        return
    params = {name: value for name, value in uri.params.items() if name not in ("maddr", "transport")}
    request.set_request_uri(Uri.build(uri.scheme, uri.user, uri.host, None, params).text)
