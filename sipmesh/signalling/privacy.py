"""Who asks for what privacy, and what of it we provide (RFC 3323, RFC 3325).

``user``: the caller's name is taken out of From and of the headers that say more of him; ``session``: media go over the relay;
``id``: the asserted identity stays among those we trust; ``header``: Via and Contact say nothing of the caller either, and what
our Record-Route has of him is masked. That we can't provide to who is behind a proxy that records itself.
"""

from native.sip import Message
from sipcore.errors import PeerError
from sipcore.flow import Listener

ASSERTED, PREFERRED = "P-Asserted-Identity", "P-Preferred-Identity"
NONE, CRITICAL, ID, USER, SESSION, HEADER = "none", "critical", "id", "user", "session", "header"
OPTION = "privacy"
TELLING_HEADERS = ("Subject", "Call-Info", "Organization", "User-Agent", "Reply-To", "In-Reply-To")  # RFC 3323 section 5.3
HIDDEN_VIA = "SIP/2.0/UDP anonymous.invalid;branch=z9hG4bK-hidden"  # a response passes upstream by a Via below ours
HIDDEN_USER = "anonymous"
HIDES = frozenset({"INVITE", "MESSAGE", "OPTIONS", "PUBLISH"})  # what makes a call, which has a record, or no dialog at all
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # section 4.1


def wishes_of(message: Message) -> frozenset[str]:
    """The priv-values, in lower case; ``none`` stands alone (section 4.2)."""
    if not message.has("Privacy"):
        return frozenset()
    tokens = (token.strip().lower() for value in message.get_all("Privacy") for token in value.replace(",", ";").split(";"))
    found = frozenset(filter(None, tokens))
    return frozenset({NONE}) if NONE in found else found


def provided(message: Message, *, relayed: bool) -> frozenset[str]:
    """What we can provide to the sender of a request outside any dialog, besides ``id``."""
    hides = message.method in HIDES and not message.has("Record-Route")
    return frozenset((USER, *((SESSION,) if relayed else ()), *((HEADER,) if hides else ())))


def check_critical(wishes: frozenset[str], offered: frozenset[str]) -> None:
    """PeerError when the request must not go on without something that we can't provide (section 5)."""
    lacking = wishes - offered - {CRITICAL, ID}
    if CRITICAL in wishes and lacking:
        raise PeerError(500, f"Privacy Not Provided: {' '.join(sorted(lacking))}")


def provide(request: Message, wishes: frozenset[str], offered: frozenset[str]) -> None:
    """What ``user`` wants of the headers besides From; nobody else is asked for what is ``offered`` (sections 5, 5.3)."""
    done = wishes & offered
    if not done:
        return
    if USER in done:
        for name in TELLING_HEADERS:
            request.remove(name)
    left = wishes - done
    if left - {CRITICAL}:
        request.set("Privacy", ";".join(sorted(left, key=lambda wish: wish == CRITICAL)))
        return
    request.remove("Privacy")
    required = [tag for tag in request.values("Proxy-Require") if tag.lower() != OPTION]
    request.remove("Proxy-Require")
    for tag in required:
        request.append("Proxy-Require", tag)


def filter_identity(message: Message, *, believed: bool, trusted: bool, user: bool) -> None:
    """What of an asserted identity may go on: nothing that somebody asserts whom we don't believe; to trunks we don't trust
    (``trusted`` is False) only what shall be shown by all means; to users and strangers (``user``) what isn't to be hidden."""
    if message.has(PREFERRED):
        message.remove(PREFERRED)
    if not message.has(ASSERTED):
        return
    wishes = wishes_of(message)
    hidden = ID in wishes if user else not trusted and NONE not in wishes
    if not believed or hidden:
        message.remove(ASSERTED)


def hide_way(request: Message, own_via: str = "") -> None:
    """Takes those before us out of Via (section 5.1), where ``own_via`` may be on top already."""
    request.remove("Via")
    request.push_via(HIDDEN_VIA)
    if own_via:
        request.push_via(own_via)


def restore_way(response: Message, request: Message) -> None:
    """Via as it stood in ``request`` when it came."""
    response.remove("Via")
    for via in request.get_all("Via"):
        response.append("Via", via)


def hide_contact(message: Message, listener: Listener) -> None:
    """Contact leads to us instead: what comes for it with our Record-Route finds the call, and by its record the caller. ``gr``
    says that anybody may use it (RFC 5627 section 3.1)."""
    if message.has("Contact"):
        transport = "" if listener.transport == "udp" else f";transport={listener.transport}"
        message.set("Contact", f"<sip:{HIDDEN_USER}@{listener.sent_by}{transport};gr=hidden>")
