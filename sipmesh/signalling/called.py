"""Whom a request calls, where its Request-URI does not say so as we know it."""

from __future__ import annotations

from native.sip import Message, NameAddr, ParseError, Uri
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.number_forms import SEPARATORS, read_uri


def dial(request: Message, caller: Caller, first_domain: str, *, to_contact: bool) -> None:
    """Puts the number called into the Request-URI: in place of the Contact that we registered at a trunk (``to_contact``), of a
    tel URI, and of a number in the trunk's own form."""
    uri, trunk = request.request_uri, caller.trunk
    number = called_uri(request) if to_contact else uri
    if trunk is not None:
        number = Uri(read_uri(number, trunk.config.numbers))
    user = SEPARATORS.sub("", number.user or "") if number.scheme == "tel" else number.user
    if uri.scheme == "tel":
        host = caller.aor.rpartition("@")[2] or first_domain
        request.set_request_uri(Uri.build("sip", user, host).text)
    elif user != uri.user:
        request.set_request_uri(Uri.build(uri.scheme, user, uri.host, uri.port, {} if to_contact else uri.params).text)


def called_uri(request: Message) -> Uri:
    """Whom a call to the Contact of a trunk is for: RFC 7315 section 4.2 says it in a header, carriers without it in To."""
    try:
        return NameAddr(request.get("P-Called-Party-ID") or "").uri
    except ParseError:
        return request.to.uri
