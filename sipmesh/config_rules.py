"""What the tables of a configuration owe each other: names that must exist, names that may exist once only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sipmesh.addresses import is_loopback, split_host_port
from sipmesh.config import Config, Console, Domain, Limits, Listen, Media, Numbers, Route, Trunk, User
from sipmesh.config_lines import Path

Found = Iterator[tuple[Path, str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Defined:
    """What other tables may name; None when some of those tables are broken, so that nobody knows."""

    domains: frozenset[str] | None
    trunks: dict[str, Trunk] | None


def check_rules(config: Config) -> list[tuple[Path, str]]:
    """(path, message) of each broken rule. Tables that could not be read are None and passed over."""
    whole_domains, whole_trunks = None not in config.domain, None not in config.trunk
    defined = Defined(
        frozenset(each.name.lower() for each in config.domain) if whole_domains else None,
        {each.name: each for each in config.trunk} if whole_trunks else None,
    )
    return [
        *each_rules("listen", config.listen, listen_rules),
        *each_rules("domain", config.domain, domain_rules),
        *each_rules("user", config.user, lambda user, path: user_rules(user, defined, path)),
        *each_rules("trunk", config.trunk, trunk_rules),
        *each_rules("route", config.route, lambda route, path: route_rules(route, defined, path)),
        *(srtp_rules(config) if config.media and not config.media.anchor else ()),
        *duplicates("listen", "address", config.listen, lambda each: (each.transport, each.address)),
        *duplicates("domain", "name", config.domain, lambda each: each.name.lower()),
        *duplicates("user", "aor", config.user, lambda each: each.aor.lower()),
        *duplicates("trunk", "name", config.trunk, lambda each: each.name),
        *duplicates(
            "trunk", "incoming", config.trunk, lambda each: each.incoming.username if each.incoming else each.name + "\0"
        ),
        *incoming_names(config),
        *(media_rules(config.media) if config.media else ()),
        *(limits_rules(config.limits) if config.limits else ()),
        *(console_rules(config.console) if config.console else ()),
    ]


def each_rules(table: str, entries: Sequence[T | None], rules: Callable[[T, Path], Found]) -> Found:
    for index, entry in enumerate(entries):
        if entry is not None:
            yield from rules(entry, (table, index))


def duplicates(table: str, key: str, entries: Sequence[T | None], identity: Callable[[T], object]) -> Found:
    first: dict[object, int] = {}
    for index, entry in enumerate(entries):
        if entry is None:
            continue
        before = first.setdefault(identity(entry), index)
        if before != index:
            yield (table, index, key), f"is the same as that of [[{table}]] {before + 1}; each must be there once"


def listen_rules(listen: Listen, path: Path) -> Found:
    for key in ("certificate", "key", "client_ca"):
        if listen.transport != "tls" and getattr(listen, key):
            yield (*path, key), f'is for transport = "tls", not for {listen.transport}'
        elif listen.transport == "tls" and key != "client_ca" and not getattr(listen, key):
            yield path, f'{key} is missing; transport = "tls" needs the PEM files certificate and key'


def domain_rules(domain: Domain, path: Path) -> Found:
    if not domain.digest:
        yield (*path, "digest"), 'is empty; write ["SHA-256", "MD5"], or auth = false for none'
    if len(set(domain.digest)) < len(domain.digest):
        yield (*path, "digest"), "names an algorithm twice"
    if bool(domain.certificate) != bool(domain.key):
        given, lacking = ("certificate", "key") if domain.certificate else ("key", "certificate")
        yield (*path, given), f"needs {lacking} beside it"


def user_rules(user: User, defined: Defined, path: Path) -> Found:
    yield from domain_served(user.aor, defined, (*path, "aor"))


def numbers_rules(numbers: Numbers, path: Path) -> Found:
    for key in ("sent", "received"):
        if getattr(numbers, key) == "national" and not numbers.country:
            yield (*path, key), "is national; give country too, like 44"
    if not numbers.international_prefix:
        yield (*path, "international_prefix"), "is empty; write what is dialled before a country code, like 00"
    if numbers.uri == "tel" and numbers.sent == "plain":
        yield (*path, "uri"), 'is tel, whose numbers have a plus; write sent = "e164"'


def incoming_names(config: Config) -> Found:
    """A username that is a user's too would be taken for him."""
    users = {each.aor.partition("@")[0] for each in config.user if each is not None}
    for index, trunk in enumerate(config.trunk):
        if trunk is not None and trunk.incoming is not None and trunk.incoming.username in users:
            yield ("trunk", index, "incoming", "username"), "is that of a [[user]] too; give the trunk another"


def trunk_rules(trunk: Trunk, path: Path) -> Found:
    if not trunk.targets and not trunk.sources and trunk.incoming is None:
        yield path, "has neither targets nor sources; give one of them"
    for key in ("register", "credentials"):
        if getattr(trunk, key) is not None and not trunk.targets:
            yield (*path, key), "needs targets beside it: where we send our requests"
    if trunk.from_ == "account" and trunk.register is None:
        yield (*path, "from"), "is account, and there is none; add register"
    yield from numbers_rules(trunk.numbers, (*path, "numbers"))
    if trunk.register is not None and trunk.credentials is not None:
        yield (*path, "credentials"), "is there beside register, whose account is the one that answers challenges; remove it"


def route_rules(route: Route, defined: Defined, path: Path) -> Found:
    kind, _, name = route.to.partition(":")
    if kind == "user":
        yield from domain_served(name, defined, (*path, "to"))
    else:
        yield from trunk_defined(name, defined, (*path, "to"), called=True)
    if route.source is not None and route.source.startswith("trunk:"):
        yield from trunk_defined(route.source.removeprefix("trunk:"), defined, (*path, "source"))


def domain_served(aor: str, defined: Defined, path: Path) -> Found:
    domain = aor.rpartition("@")[2].lower()
    if defined.domains is not None and domain not in defined.domains:
        yield path, f'its domain {domain} is not served here; add [[domain]] name = "{domain}"'


def trunk_defined(name: str, defined: Defined, path: Path, *, called: bool = False) -> Found:
    if defined.trunks is None:
        return
    if name not in defined.trunks:
        yield path, f"names the trunk {name!r}, which is not defined; known: {', '.join(defined.trunks) or 'none'}"
    elif called and not defined.trunks[name].targets:
        yield path, f"names the trunk {name!r}, which has no targets to send calls to"


def media_rules(media: Media) -> Found:
    if media.advertise and media.address and (":" in media.advertise) != (":" in media.address):
        yield ("media", "advertise"), f"{media.advertise} is of another family than address {media.address}"


def srtp_rules(config: Config) -> Found:
    """Of a node that relays no media."""
    for table in ("domain", "user", "trunk"):
        for index, entry in enumerate(getattr(config, table)):
            if entry is not None and entry.srtp not in ("pass", None):
                yield (
                    (table, index, "srtp"),
                    f'is "{entry.srtp}", but media that is not relayed passes as it is; set anchor of [media]',
                )


def limits_rules(limits: Limits) -> Found:
    if not limits.min_expires_s <= limits.default_expires_s <= limits.max_expires_s:
        yield (
            ("limits", "default_expires_s"),
            f"is {limits.default_expires_s}; must lie between min_expires_s and max_expires_s",
        )


def console_rules(console: Console) -> Found:
    if not console.token and not is_loopback(split_host_port(console.address)[0]):
        yield ("console", "address"), f"{console.address} is not loopback; without console.token only loopback is served"
