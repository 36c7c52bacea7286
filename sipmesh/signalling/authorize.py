"""Who sends a request: one of our users, a trunk, or nobody we know (design: callers we don't know are refused)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import msgspec

from native.sip import AuthorizerBase, DigestClaim, Message, ParseError
from sipcore.digest import Algorithm, Digest, DigestConfig, Outcome, Verdict
from sipcore.errors import PeerError
from sipcore.keys import KeyRing
from sipcore.ports import Counters
from sipcore.quiet_log import QuietLog
from sipmesh.config_values import Srtp
from sipmesh.signalling.challenges import Challenges
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.rates import Backoff
from sipmesh.signalling.remembered import remember
from sipmesh.signalling.trunks import Trunks, TrunkState

if TYPE_CHECKING:
    from sipmesh.store.directory import Directory

log = logging.getLogger(__name__)

Place = tuple[int, str, str]
"""Status and headers of a challenge and its answer."""

ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323 section 4.1.1.3
UNAUTHORIZED: Place = (401, "WWW-Authenticate", "Authorization")  # RFC 3261 section 22.2: we are the registrar
OUTCOME_NAMES = {outcome: f"sip_authorizations_total|outcome={outcome}" for outcome in Outcome}
PROXY_AUTHENTICATION: Place = (407, "Proxy-Authenticate", "Proxy-Authorization")  # section 22.3


class Caller(msgspec.Struct, frozen=True):
    """``aor`` of the user, or the ``trunk``; exactly one is set."""

    aor: str = ""
    trunk: TrunkState | None = None


class Claim(NamedTuple):
    """What a URI in From says: that one of our users calls, who has to prove it."""

    caller: Caller
    aor: str
    user: str  # of the AOR, by which digest may know him, too
    digest: Digest


class Accounts:
    """The directory as ``sipcore.digest.Credentials``, then the trunks; the realm is the domain."""

    __slots__ = ("_directory", "_trunks", "has", "known")

    def __init__(self, directory: Directory, trunks: Trunks) -> None:
        self._directory = directory
        self.has = directory.has_user
        self.known = directory.known  # of those there are: what was asked for
        self._trunks = trunks

    def caller_ids(self, aor: str) -> tuple[str, ...]:
        """Numbers of a user, the first of which is shown by default."""
        user = self._directory.user(aor)
        return () if user is None else user.caller_ids

    def srtp(self, aor: str) -> Srtp | None:
        """None: as its domain has it."""
        user = self._directory.user(aor)
        return None if user is None else user.srtp

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        """``username`` is the user part, or the whole AOR."""
        whole = "@" in username
        user = self._directory.user(aor_of(username, realm) if whole else f"{username}@{realm}")
        if user is None:
            return self._trunks.ha1(username, realm, algorithm)
        return (user.ha1_long if whole else user.ha1).get(algorithm)


class Authorizer(AuthorizerBase):
    """Answers by returning the caller, or by raising PeerError with the refusal or the challenge.

    What most requests need is done in the base (native/csip/sip_authorizer.c), by whom was found before: ``callers`` without
    digest, and ``claims`` of those with it, by the URI in From as it was written; trunks as callers by their ``sources``, where
    From names one of the ``strangers``, hosts and URIs that are nobody's of ours. ``realms``, by our domains: what proof they
    want of who registers.
    """

    callers: dict[str, Caller]
    claims: dict[str, Claim]
    sources: dict[str, Caller]
    strangers: dict[str, bool]
    realms: dict[str, Digest | None]

    def __init__(
        self,
        domains: Domains,
        trunks: Trunks,
        accounts: Accounts,
        nonce_keys: KeyRing,
        instance: str,
        digest_config: DigestConfig,
        counters: Counters,
        backoff: Backoff[tuple[str, str]] | None = None,
        is_exempt: Callable[[str], bool] = frozenset[str]().__contains__,
    ) -> None:
        """``backoff``: of (source host, AOR); none for hosts that are exempt."""
        self._challenges = Challenges()
        super().__init__(counters, self._challenges, self._challenges.challenged, backoff, is_exempt)
        self._backoff = backoff
        self._is_exempt = is_exempt
        self._domains = domains
        self._trunks = trunks
        self._accounts = accounts
        self._counters = counters
        self._new_digest = partial(Digest, credentials=accounts, keys=nonce_keys, instance=instance, config=digest_config)
        self._quiet = QuietLog(log)
        self.serve(domains)

    def serve(self, domains: Domains) -> None:
        """Takes over changed domains; accounts may have changed, too. Use counts start anew: a client is told once more that
        its nonce is stale, at worst."""
        self._domains = domains
        self._digests = {name: self._new_digest(name, algorithms=domains.algorithms(name)) for name in domains.by_name}
        self.realms.clear()
        self.realms.update((name, None if name in domains.without_digest else each) for name, each in self._digests.items())
        self.callers.clear()
        self.claims.clear()
        self.sources.clear()
        self.strangers.clear()

    def forget_idle(self) -> None:
        """To be called now and then: what users need to prove who they are is read again when they come again."""
        for digest in self._digests.values():
            digest.forget_secrets()

    def registering(self, request: Message, aor: str, domain: str, source_host: str, now: float) -> str:
        """AOR of the user who sends a REGISTER for ``aor`` in ``domain`` (RFC 3261 section 10.3 step 3). Without digest whoever
        asks is believed."""
        known = self._domains.by_name.get(domain)
        if known is None:
            raise PeerError(404, "Not Found")
        if known.auth:
            found = self._authenticated(request, domain, UNAUTHORIZED, (source_host, aor), now)
            self.check_account(found)
            return found
        if not self._accounts.has(aor):
            raise PeerError(404, "Not Found")
        return aor

    def check_account(self, aor: str) -> None:
        """PeerError for who has proven to be one of the trunks."""
        if self._trunks.usernames and not self._accounts.has(aor):
            raise PeerError(403, "Trunks Don't Register Here")

    def calling(self, request: Message, source_host: str, now: float) -> Caller:
        """Who sends a request outside any dialog. Credentials that were meant for us are taken out of it."""
        return self.callers.get(request.from_uri_text) or self._identified(request, source_host, now)

    def _identified(self, request: Message, source_host: str, now: float) -> Caller:
        from_uri = request.from_.uri
        host = from_uri.host
        domain = host if host in self._domains.by_name else self._domains.canonical(host)
        aor = "" if domain is None else f"{from_uri.user_unescaped or ''}@{domain}"  # the host may be an alias
        known = domain is not None and self._accounts.has(aor)
        trunk = self._trunks.of_request(source_host, request)
        if trunk is not None and not known and trunk.config.incoming is None:
            caller = Caller(trunk=trunk)
            if trunk is self._trunks.by_source(source_host):
                remember(self.sources, source_host, caller)
                remember(self.strangers, from_uri.host if domain is None else from_uri.text, meaning=True)
            return caller
        usernames = self._trunks.usernames
        anonymous = from_uri.host == ANONYMOUS_HOST
        if domain is None and (anonymous or usernames):
            domain = self._domains.first
        if not domain or not self._domains.first:
            self._count("stranger")
            raise PeerError(403, "Unknown Caller")
        if not anonymous and domain in self._domains.without_digest:
            if known:
                return remember(self.callers, from_uri.text, Caller(aor=aor))
            if not usernames:
                self._count("stranger")
                raise PeerError(403, "Unknown Caller")
        who = (source_host, aor or from_uri.host)
        found = self._authenticated(request, domain, PROXY_AUTHENTICATION, who, now)
        _consume(request, PROXY_AUTHENTICATION[2], domain)
        if usernames and not known and (trunk := self._trunks.by_username(found, source_host)) is not None:
            return Caller(trunk=trunk)
        caller = Caller(aor=found)
        if anonymous:
            return caller
        if found != aor:
            self.forbid()
        if known:
            user = found.removesuffix(f"@{domain}")
            remember(self.claims, from_uri.text, Claim(caller, found, user, self._digests[domain]))
        return caller

    def _authenticated(self, request: Message, domain: str, place: Place, who: tuple[str, str], now: float) -> str:
        """AOR of the user whose credentials the request carries. ``who``: source host and the AOR it claims."""
        header = place[2]
        if not request.has(header):
            raise self._challenge(request, domain, place, now)
        backoff = None if self._is_exempt(who[0]) else self._backoff
        pause_s = 0.0 if backoff is None else backoff.pause_left_s(who, now)
        if pause_s:
            self._count("paused")
            raise PeerError(403, "Too Many Failed Attempts", (("Retry-After", str(ceil(pause_s))),))
        digest = self._digests[domain]
        username = digest.accepted(request, header, now)
        if username is None:
            verdict = digest.check(request.get_all(header), request.method, request.body, now)
            if verdict.outcome is not Outcome.ACCEPTED:
                raise self._refusal(request, domain, place, who, now, verdict)
            username = verdict.username
        self.note(request, digest, None if backoff is None else who)
        return aor_of(username, domain)

    # for the base

    def forbid(self) -> NoReturn:
        """They are somebody else's."""
        self._count("forbidden")
        raise PeerError(403, "From Is Not Your Address-Of-Record")

    # everything else

    def _challenge(
        self, request: Message, domain: str, place: Place, now: float, outcome: Outcome = Outcome.MISSING
    ) -> PeerError:
        """What a request without credentials for us, or with useless ones, is answered."""
        self._counters[OUTCOME_NAMES[outcome]] += 1
        answered = outcome is not Outcome.MISSING
        offered = self._challenges.algorithms(request, self._domains.algorithms(domain), answered)
        values = self._digests[domain].challenges(now, offered, stale=outcome is Outcome.STALE)
        return PeerError(place[0], "", tuple([(place[1], value) for value in values]))

    def _refusal(
        self, request: Message, domain: str, place: Place, who: tuple[str, str], now: float, verdict: Verdict
    ) -> PeerError:
        """Likewise, and the next one when this was a failure too many."""
        outcome = verdict.outcome
        if outcome is Outcome.REFUSED and self._has_failed_too_often(who, now):
            self._quiet.warning("wrong passwords, no more of them for a while", now, f"{who[0]} for {who[1]}")
        if outcome is Outcome.MALFORMED:
            self._counters[OUTCOME_NAMES[outcome]] += 1
            return PeerError(400, verdict.reason)
        return self._challenge(request, domain, place, now, outcome)

    def _has_failed_too_often(self, who: tuple[str, str], now: float) -> bool:
        return self._backoff is not None and not self._is_exempt(who[0]) and self._backoff.failed(who, now)

    def _count(self, outcome: str) -> None:
        self._counters[f"sip_authorizations_total|outcome={outcome}"] += 1


def aor_of(username: str, realm: str) -> str:
    """The AOR a digest username stands for."""
    return username if username.endswith(f"@{realm}") else f"{username}@{realm}"


def _consume(request: Message, header: str, realm: str) -> None:
    """Takes those for ``realm`` out of the credentials; those for others travel on (RFC 3261 section 22.3)."""
    values = request.get_all(header)
    request.remove(header)
    if len(values) > 1:
        for value in values:
            if not _is_for(value, realm):
                request.append(header, value)


def _is_for(value: str, realm: str) -> bool:
    try:
        claim = DigestClaim.read(value)
    except ParseError:
        return False
    return claim is not None and claim.realm == realm
