"""Who may use the console: with a token whoever shows it, without one whoever comes by a loopback name.

A request without a token must name its host as a numeric address or localhost, so that a web page that made its own name
point at us (DNS rebinding) reads nothing.
"""

import hmac
import ipaddress
from base64 import b64decode
from binascii import Error as Base64Error

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


def refusal(request: Request, token: str) -> Response | None:
    """The answer for who may not; None for who may."""
    if token:
        if hmac.compare_digest(shown_token(request).encode(), token.encode()):
            return None
        return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": 'Basic realm="sipmesh", charset="UTF-8"'})
    if not safe_host(request.url.hostname or ""):
        return PlainTextResponse("use a numeric address or localhost\n", 403)
    return None


def shown_token(request: Request) -> str:
    """``Bearer TOKEN``, or the password of Basic, which browsers ask for; "" when there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(value).decode("utf-8", "replace").partition(":")[2]
        except (Base64Error, ValueError):
            return ""
    return ""


def safe_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    return True
