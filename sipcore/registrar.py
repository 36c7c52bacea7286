"""The registrar: what a REGISTER does to the bindings of an AOR (RFC 3261 section 10.3, Path of RFC 3327).

Authentication, authorisation and the choice of the AOR come before; see ``sipmesh.signalling.application``.
"""

import re
from dataclasses import dataclass
from math import ceil
from typing import Self

from native.sip import Message, NameAddr, RegistrarBase, Uri
from sipcore.errors import PeerError
from sipcore.flow import Flow
from sipcore.gruu import GRUU, Gruus
from sipcore.location import Binding, Locations
from sipcore.nat import reach_of
from sipcore.outbound import OUTBOUND, FlowKey, flow_keys, instance_of, key_of, supports
from sipcore.registrar_answer import Answers, Headers, sip_date

SUPPORTED = frozenset({"path", OUTBOUND, GRUU})  # option-tags that requests to ourselves may require
ONE_HOUR_S = 3600  # RFC 3261: no shorter a minimum may be refused, and what a malformed value means (section 10.2.1.1)
LONGEST_S = 2**32 - 1  # RFC 3261 section 20.19
MAX_USER_AGENT_CHARS = 128

_Q = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

Params = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class RegistrarConfig:
    """Times in seconds. The limits keep what one user can make us store small."""

    min_expires_s: int = 60
    default_expires_s: int = 3600
    max_expires_s: int = 7200
    flow_timer_s: int = 120  # a user agent with a flow to us sends keep-alives at least so often (RFC 5626 section 4.4)
    max_bindings: int = 10  # of one AOR; 0: no limit
    max_contact_chars: int = 512
    max_call_id_chars: int = 256
    max_path_values: int = 8
    max_path_chars: int = 1024  # all values together


class Registrar(RegistrarBase):
    """Applies REGISTER requests to ``locations``: whole or not at all. The base does what is a plain refresh."""

    __slots__ = ("_answers", "_config", "_gruus", "_shortest_s")

    _answers: Answers
    _config: RegistrarConfig
    _gruus: Gruus | None
    _shortest_s: int  # that is not refused

    def __new__(cls, locations: Locations, config: RegistrarConfig | None = None, gruus: Gruus | None = None) -> Self:
        """``gruus``: None when user agents get none."""
        config = config or RegistrarConfig()
        shortest_s = min(config.min_expires_s, ONE_HOUR_S)
        times = (shortest_s, config.default_expires_s, config.max_expires_s)
        sizes = (config.max_contact_chars, config.max_call_id_chars, MAX_USER_AGENT_CHARS)
        self = super().__new__(cls, locations, *times, *sizes, config.flow_timer_s, gruus is not None)
        self._gruus, self._config, self._shortest_s = gruus, config, shortest_s
        self._answers = Answers(config.flow_timer_s, gruus)
        return self

    def register(self, request: Message, aor: str, source: Flow, now: float) -> Headers:
        """Headers of the 200 (OK). ``now`` is Unix time. PeerError says what else to answer; then nothing has changed."""
        return self.refresh(request, aor, source, now) or self.change(request, aor, source, now)

    def change(self, request: Message, aor: str, source: Flow, now: float) -> Headers:
        """As ``register``, whatever is asked for."""
        current = [each for each in self.locations.get(aor) if each.expires_at > now]
        extended = request.has("Path", "Require")
        if extended:
            _check_extensions(request)
        contacts = request.contacts
        path: tuple[str, ...] = ()
        outbound = False
        if contacts:
            if contacts[0].is_star or (len(contacts) > 1 and any(contact.is_star for contact in contacts)):
                current = _cleared(request, contacts, current)
            else:
                if extended:
                    path = self._path(request)
                keys = flow_keys(request, contacts) if len(contacts) > 1 or contacts[0].params else None
                outbound = keys is not None and supports(request, OUTBOUND)
                current = self._updated(request, contacts, keys, current, path, source, now)
            self.locations.put(aor, current)
        headers = self._answers.headers(request, aor, current, path, now, outbound=outbound)
        return (*headers, ("Date", self.date(now)))

    date_of = staticmethod(sip_date)

    def _path(self, request: Message) -> tuple[str, ...]:
        path = tuple(value.text for value in request.paths)
        config = self._config
        if len(path) > config.max_path_values or sum(map(len, path)) > config.max_path_chars:
            raise PeerError(403, "Path Too Long")
        return path

    def _updated(
        self,
        request: Message,
        contacts: list[NameAddr],
        keys: list[FlowKey | None] | None,
        current: list[Binding],
        path: tuple[str, ...],
        source: Flow,
        now: float,
    ) -> list[Binding]:
        """The bindings after step 7: each contact added, refreshed or removed."""
        config = self._config
        if len(request.call_id) > config.max_call_id_chars:
            raise PeerError(400, "Call-ID Too Long")
        bindings = [*current]
        gone: list[int] = []  # places of those removed
        before = len(current)  # the order of CSeq is asked only of bindings older than this request
        for number, contact in enumerate(contacts):
            key = None if keys is None else keys[number]
            params = contact.params
            expires_s = self._expires_s(params, request)
            at = _place_of(contact.uri, key, bindings)
            if at < before:
                _check_order(request, current[at])
            if not expires_s:
                gone.append(at)
                continue
            bindings[at : at + 1] = [self._binding(request, contact, params, path, key, source, now + expires_s, now)]
            if gone:
                gone = [place for place in gone if place != at]
        if gone:
            bindings = [binding for place, binding in enumerate(bindings) if place not in gone]
        if len(bindings) > before and 0 < config.max_bindings < len(bindings):
            # not 503: the request would fare no better elsewhere, and a peer must not take this node for overloaded
            raise PeerError(403, "Too Many Bindings")
        return bindings

    def _binding(
        self,
        request: Message,
        contact: NameAddr,
        params: Params,
        path: tuple[str, ...],
        key: FlowKey | None,
        source: Flow,
        expires_at: float,
        now: float,
    ) -> Binding:
        if len(contact.text) > self._config.max_contact_chars:
            raise PeerError(400, "Contact Too Long")
        uri = contact.uri
        host, port = source.remote
        binding = Binding(
            contact=uri.text,
            call_id=request.call_id,
            cseq=request.cseq,
            expires_at=ceil(expires_at - 0.5),
            path=path,
            listener=source.listener.index,
            remote_host=host,
            remote_port=port,
            user_agent=(request.get("User-Agent") or "")[:MAX_USER_AGENT_CHARS],
            registered_at=int(now),
        )
        if params:
            if "q" in params:
                binding.q = _q(params["q"])
            binding.instance = instance_of(params)
            binding.reg_id = key[1] if key else 0
            if binding.instance:
                binding.registered_at = now  # tells which of its flows is the newest
                self._check_instance(request, uri)
        if not path:  # with a Path the last proxy on it knows how to reach the contact
            reach = reach_of(uri, request, source)
            binding.natted = reach.natted
            binding.connection_id = source.connection_id if reach.by_connection or key else 0
        return binding

    def _check_instance(self, request: Message, contact: Uri) -> None:
        """RFC 5627 section 5.1: contacts that would lead back to the AOR, or to no user agent at all."""
        to = request.to.uri
        temporary = self._gruus.read(contact.user or "") if self._gruus is not None else None
        if contact.scheme not in ("sip", "sips"):
            raise PeerError(403, "Contact Is No SIP URI")
        if contact == to or (contact.aor, contact.port) == (to.aor, to.port) or (temporary and temporary.aor == to.aor):
            raise PeerError(403, "Contact Is Your Address-Of-Record")

    def _expires_s(self, params: Params, request: Message) -> int:
        """Step 7: the contact's own wish, else the request's, else our default; then our limits."""
        config = self._config
        if params and "expires" in params:
            asked = _seconds(params["expires"])
        else:
            expires = request.expires
            if expires is not None:
                asked = expires
            else:
                asked = ONE_HOUR_S if request.has("Expires") else config.default_expires_s
        if 0 < asked < self._shortest_s:
            raise PeerError(423, "Interval Too Brief", (("Min-Expires", str(config.min_expires_s)),))
        return min(asked, config.max_expires_s)


def check_required(request: Message) -> None:
    """PeerError for what a request to ourselves requires and we don't know (RFC 3261 section 8.2.2.3)."""
    unknown = [tag for tag in request.values("Require") if tag.lower() not in SUPPORTED]
    if unknown:
        raise PeerError(420, "Bad Extension", (("Unsupported", ", ".join(unknown)),))


def _check_extensions(request: Message) -> None:
    check_required(request)
    if request.has("Path") and not supports(request, "path"):
        # RFC 3327 section 5.3: the user agent shall learn that somebody on the way adds a Path it doesn't expect
        raise PeerError(420, "Bad Extension", (("Unsupported", "path"),))


def _place_of(uri: Uri, key: FlowKey | None, bindings: list[Binding]) -> int:
    """Index of the binding that a contact means: the one of its flow, else the one of that URI; their number: a new one."""
    for at, binding in enumerate(bindings):
        if key is not None or binding.reg_id:
            if key_of(binding) == key:  # both flows
                return at
        elif binding.contact == uri.text or Uri(binding.contact) == uri:
            return at
    return len(bindings)


def _cleared(request: Message, contacts: list[NameAddr], current: list[Binding]) -> list[Binding]:
    """Step 6: ``Contact: *`` removes everything, if it stands alone and expires at once."""
    if len(contacts) > 1:
        raise PeerError(400, "Contact * Not Alone")
    if request.expires != 0:
        raise PeerError(400, "Contact * Without Expires 0")
    for binding in current:
        _check_order(request, binding)
    return []


def _check_order(request: Message, binding: Binding) -> None:
    if binding.call_id == request.call_id and request.cseq <= binding.cseq:
        # no status is named for this; 500 is what section 12.2.2 answers to a CSeq that comes too late
        raise PeerError(500, "CSeq Out Of Order")


def _seconds(text: str | None) -> int:
    """A delta-seconds; section 10.2.1.1: a malformed one counts as an hour."""
    if text is None or not text.isascii() or not text.isdigit():
        return ONE_HOUR_S
    return min(int(text[:12]), LONGEST_S)


def _q(text: str | None) -> float:
    if text is None or not _Q.fullmatch(text):
        raise PeerError(400, "Bad Contact q")
    return float(text)
