"""How a caller is named to the other side: asserted identity (RFC 3325), From as a trunk wants it, numbers in its form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message, NameAddr, ParseError, Uri
from sipmesh.addresses import sip_uri
from sipmesh.config import Trunk
from sipmesh.signalling.authorize import Accounts, Caller
from sipmesh.signalling.number_forms import read_uri, write_uri
from sipmesh.signalling.privacy import (
    ANONYMOUS,
    ASSERTED,
    HEADER,
    ID,
    PREFERRED,
    USER,
    check_critical,
    filter_identity,
    provide,
    provided,
    wishes_of,
)
from sipmesh.signalling.remembered import remember
from sipmesh.store.records import Names

if TYPE_CHECKING:
    from sipmesh.signalling.trunks import TrunkState


QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "\r": "", "\n": "", "\0": ""})  # what a quoted-pair may have hidden included


class Presenter:
    """``identities``: those found, by AOR, till others forget them. ``relayed``: media of calls go over our relay."""

    def __init__(self, accounts: Accounts, identities: dict[str, str], *, relayed: bool) -> None:
        self._accounts = accounts
        self._identities = identities
        self._relayed = relayed

    def present(self, request: Message, caller: Caller, trunk: TrunkState | None) -> tuple[Names | None, bool]:
        """Edits a request outside any dialog, about to go to ``trunk`` or, without one, to a user or a stranger. Returns the
        names the other side shall see, None when they are those in the request, and whether Via and Contact are to be hidden.
        PeerError: critical privacy can't be had."""
        wishes = wishes_of(request)
        offered = provided(request, relayed=self._relayed) if wishes else frozenset()
        check_critical(wishes, offered)
        to = trunk.config if trunk is not None else None
        by = caller.trunk.config if caller.trunk is not None else None
        identity = self._assert(request, caller, to)
        filter_identity(
            request,
            believed=by is None or by.trusted,
            trusted=to is not None and to.trusted,
            user=to is None,
        )
        provide(request, wishes, offered)
        if by is not None or to is not None:
            _rewrite_asserted(request, by, to)
        private = USER in wishes or (ID in wishes and to is not None and to.anonymous_from)
        return _names(request, identity, by, to, private=private), HEADER in wishes & offered

    def _assert(self, request: Message, caller: Caller, to: Trunk | None) -> str:
        """URI of the user who calls by a trunk; put into P-Asserted-Identity when we trust that."""
        if not caller.aor or to is None:
            return ""
        uri = self._identity(request, caller.aor)
        if to.trusted:
            request.set(ASSERTED, f"<{uri}>")
        return uri

    def _identity(self, request: Message, aor: str) -> str:
        """The number the user prefers, if it is his (RFC 3325 section 6); else his first one, else his AOR."""
        if not request.has(PREFERRED):
            return self._identities.get(aor) or remember(self._identities, aor, self._usual_identity(aor))
        numbers = self._accounts.caller_ids(aor)
        domain = aor.rpartition("@")[2]
        for uri in _uris(request, PREFERRED):
            if uri.user_unescaped in numbers:
                return f"sip:{uri.user_unescaped}@{domain}"
            if uri.scheme != "tel" and uri.aor == aor:
                return f"sip:{uri.user}@{domain}"
        return self._usual_identity(aor)

    def _usual_identity(self, aor: str) -> str:
        numbers = self._accounts.caller_ids(aor)
        return f"sip:{numbers[0]}@{aor.rpartition('@')[2]}" if numbers else sip_uri(aor)


def _rewrite_asserted(request: Message, by: Trunk | None, to: Trunk | None) -> None:
    """Numbers in what is asserted, from the form of one trunk to that of the other."""
    if not request.has(ASSERTED):
        return
    values = request.values(ASSERTED)
    request.remove(ASSERTED)
    for value in values:
        try:
            named = NameAddr(value)
            request.append(ASSERTED, _name_addr(named.display, _between(named.uri, by, to)))
        except ParseError:
            continue  # what nobody can read asserts nothing


def _names(request: Message, identity: str, by: Trunk | None, to: Trunk | None, *, private: bool) -> Names | None:
    from_, called = request.from_, request.to
    uri = from_.uri
    if to is not None and to.from_ == "identity" and identity:
        uri = Uri(identity)
    elif to is not None and to.from_ == "account" and to.register is not None:
        uri = Uri(f"sip:{to.register.aor}")
    before = Names(_name_addr(from_.display, from_.uri.text), _name_addr(called.display, called.uri.text), "", "")
    after = before._replace(
        callee_from=ANONYMOUS if private else _name_addr(from_.display, _between(uri, by, to)),
        callee_to=_name_addr(called.display, _between(called.uri, by, to)),
    )
    return None if (after[0], after[1]) == (after[2], after[3]) else after


def _between(uri: Uri, by: Trunk | None, to: Trunk | None) -> str:
    """``uri`` as it comes from ``by``, as ``to`` wants it."""
    text = uri.text if by is None else read_uri(uri, by.numbers)
    return text if to is None else write_uri(Uri(text), to.numbers)


def _name_addr(display: str | None, uri: str) -> str:
    if not display:
        return f"<{uri}>"
    quoted = display.translate(QUOTED)
    return f'"{quoted}" <{uri}>'


def _uris(request: Message, name: str) -> list[Uri]:
    found = []
    for value in request.values(name):
        try:
            found.append(NameAddr(value).uri)
        except ParseError:
            continue
    return found
