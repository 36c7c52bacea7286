"""Who asks for what privacy, and what of it we provide (RFC 3323, RFC 3325).

``user``: the caller's name is taken out of From and of the headers that say more of him; ``session``: media go over the relay;
``id``: the asserted identity stays among those we trust. ``header`` we can't provide: Contact and Via are what requests find
their way back by.
"""

from native.sip import Message
from sipcore.errors import PeerError

ASSERTED, PREFERRED = "P-Asserted-Identity", "P-Preferred-Identity"
NONE, CRITICAL, ID, USER, SESSION = "none", "critical", "id", "user", "session"
OPTION = "privacy"
TELLING_HEADERS = ("Subject", "Call-Info", "Organization", "User-Agent", "Reply-To", "In-Reply-To")  # RFC 3323 section 5.3
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # section 4.1


def wishes_of(message: Message) -> frozenset[str]:
    """The priv-values, in lower case; ``none`` stands alone (section 4.2)."""
    if not message.has("Privacy"):
        return frozenset()
    tokens = (token.strip().lower() for value in message.get_all("Privacy") for token in value.replace(",", ";").split(";"))
    found = frozenset(filter(None, tokens))
    return frozenset({NONE}) if NONE in found else found


def check_critical(wishes: frozenset[str], *, relayed: bool) -> None:
    """PeerError when the request must not go on without something that we can't provide (section 5)."""
    lacking = wishes - {CRITICAL, ID, USER} - ({SESSION} if relayed else set())
    if CRITICAL in wishes and lacking:
        raise PeerError(500, f"Privacy Not Provided: {' '.join(sorted(lacking))}")


def provide(request: Message, wishes: frozenset[str], *, relayed: bool) -> None:
    """What ``user`` and ``session`` want of the headers besides From; nobody else is asked for them then (sections 5, 5.3)."""
    done = wishes & ({USER, SESSION} if relayed else {USER})
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
