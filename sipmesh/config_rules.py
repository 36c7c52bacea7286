"""What a well-typed configuration must also hold: addresses, ranges, names that other tables mention."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator

from sipmesh.addresses import WILDCARDS, is_loopback, numeric_host, split_host_port
from sipmesh.config import Config, Console, Listen, Media, Route, Trunk, User
from sipmesh.config_lines import Path

Found = Iterator[tuple[Path, str]]

DOMAIN = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
TARGET = re.compile(r"^sip:([^@\s<>;?]+@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(;[^\s<>;?]+)*$")
PATTERN = re.compile(r"^[^*\s]*\*?$")


def check_rules(config: Config) -> list[tuple[Path, str]]:
    """(path, message) of each broken rule."""
    found: list[tuple[Path, str]] = []
    if not config.listen:
        found.append(((), "there is no [[listen]]; add one with transport and address"))
    for index, listen in enumerate(config.listen):
        found += listen_rules(listen, ("listen", index))
    for index, user in enumerate(config.user):
        found += user_rules(user, {each.name.lower() for each in config.domain}, ("user", index))
    for index, trunk in enumerate(config.trunk):
        found += trunk_rules(trunk, ("trunk", index))
    for index, route in enumerate(config.route):
        found += route_rules(route, config, ("route", index))
    for index, domain in enumerate(config.domain):
        if not DOMAIN.match(domain.name.lower()) and not is_numeric(domain.name):
            found.append((("domain", index, "name"), f"{domain.name!r} is no domain name; write one like example.com"))
    found += duplicates(("listen",), "address", [(each.transport, each.address) for each in config.listen])
    found += duplicates(("domain",), "name", [each.name.lower() for each in config.domain])
    found += duplicates(("user",), "aor", [each.aor.lower() for each in config.user])
    found += duplicates(("trunk",), "name", [each.name for each in config.trunk])
    found += media_rules(config.media)
    found += networks(config.limits.exempt, ("limits", "exempt"))
    limits = config.limits
    if not limits.min_expires_s <= limits.default_expires_s <= limits.max_expires_s:
        found.append((("limits", "default_expires_s"), "must lie between min_expires_s and max_expires_s"))
    if config.console:
        found += console_rules(config.console)
    return found


def listen_rules(listen: Listen, path: Path) -> Found:
    yield from broken(split_host_port, listen.address, (*path, "address"))
    if listen.advertise is not None:
        yield from broken(advertised, listen.advertise, (*path, "advertise"))


def user_rules(user: User, domains: set[str], path: Path) -> Found:
    yield from aor_rules(user.aor, domains, (*path, "aor"))
    if not user.password:
        yield (*path, "password"), "is empty; write one"


def aor_rules(aor: str, domains: set[str], path: Path) -> Found:
    name, at, domain = aor.rpartition("@")
    if not at or not name or aor.startswith(("sip:", "sips:")):
        yield path, f"is {aor!r}; write user@domain, without sip:"
    elif domain.lower() not in domains:
        yield path, f'its domain {domain} is not served here; add [[domain]] name = "{domain}"'


def trunk_rules(trunk: Trunk, path: Path) -> Found:
    if not trunk.targets and not trunk.sources:
        yield path, "has neither targets nor sources; give one of them"
    for index, target in enumerate(trunk.targets):
        yield from broken(sip_uri, target.uri, (*path, "targets", index))
    yield from networks(trunk.sources, (*path, "sources"))


def route_rules(route: Route, config: Config, path: Path) -> Found:
    kind, _, name = route.to.partition(":")
    if kind == "user":
        yield from aor_rules(name, {each.name.lower() for each in config.domain}, (*path, "to"))
    elif kind != "trunk":
        yield (*path, "to"), f"is {route.to!r}; write trunk:NAME or user:AOR"
    elif not any(each.name == name for each in config.trunk):
        yield (*path, "to"), f"names the trunk {name!r}, which is not defined; known: {names(config)}"
    elif not next(each for each in config.trunk if each.name == name).targets:
        yield (*path, "to"), f"trunk {name!r} has no targets to send calls to"
    for key, pattern in (("match", route.match), ("from", route.from_)):
        if pattern is not None and (not pattern or not PATTERN.match(pattern)):
            yield (*path, key), f'is {pattern!r}; write a number or AOR, with * only at its end, like "+44*"'
    yield from source_rules(route, config, (*path, "source"))


def source_rules(route: Route, config: Config, path: Path) -> Found:
    if route.source is None:
        return
    kind, _, name = route.source.partition(":")
    if kind != "trunk":
        yield from broken(network, route.source, path)
    elif not any(each.name == name for each in config.trunk):
        yield path, f"names the trunk {name!r}, which is not defined; known: {names(config)}"


def media_rules(media: Media) -> Found:
    for key, host in (("address", media.address or None), ("advertise", media.advertise)):
        if host is not None:
            yield from broken(numeric_host, host, ("media", key))
    if media.address in WILDCARDS:
        yield ("media", "address"), "must be one address; put the public one in advertise"
    yield from broken(port_range, media.ports, ("media", "ports"))
    if media.ng is not None:
        yield from broken(split_host_port, media.ng, ("media", "ng"))
    yield from networks(media.ng_allow, ("media", "ng_allow"))


def console_rules(console: Console) -> Found:
    path: Path = ("console", "address")
    problems = list(broken(split_host_port, console.address, path))
    yield from problems
    if not problems and not console.token and not is_loopback(split_host_port(console.address)[0]):
        yield path, f"{console.address} is not loopback; without console.token only loopback is served"


def networks(texts: Iterable[str], path: Path) -> Found:
    for index, text in enumerate(texts):
        yield from broken(network, text, (*path, index))


def duplicates(path: Path, key: str, values: list[object]) -> Found:
    for index, value in enumerate(values):
        first = values.index(value)
        if first < index:
            yield (*path, index, key), f"is the same as that of {path[0]} {first + 1}; each must be there once"


def broken(parse: Callable[[str], object], text: str, path: Path) -> Found:
    try:
        parse(text)
    except ValueError as error:
        yield path, f"{text!r} {error}" if text and text not in str(error) else str(error)


def network(text: str) -> object:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        fixed = wider(text)
        hint = f"write {fixed}" if fixed else "write one like 192.0.2.0/24 or 2001:db8::/32"
        raise ValueError(f"is no network; {hint}") from None


def wider(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def sip_uri(text: str) -> object:
    if not TARGET.match(text):
        raise ValueError("is no SIP URI; write one like sip:192.0.2.10:5060 or sip:carrier.example;transport=tcp")
    return text


def advertised(text: str) -> object:
    return split_host_port(text, numeric=False)


def port_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not match:
        raise ValueError("is no port range; write first-last, like 20000-29999")
    first, last = int(match[1]), int(match[2])
    if not 1024 <= first < last <= 65535 or last - first < 3:
        raise ValueError("is no usable port range; 1024 or more, 65535 or less, at least 4 ports")
    return first, last


def is_numeric(text: str) -> bool:
    try:
        numeric_host(text)
    except ValueError:
        return False
    return True


def names(config: Config) -> str:
    return ", ".join(each.name for each in config.trunk) or "none"
