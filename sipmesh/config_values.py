"""Types of values in the configuration. A text with a grammar of its own has a check, whose ValueError says what is right."""

import ipaddress
import re
from typing import Annotated, Literal

from msgspec import Meta

from sipcore.transport.siblings import MAX_WORKERS
from sipmesh.addresses import WILDCARDS, numeric_host, split_host_port

DOMAIN = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", re.IGNORECASE)
AOR = re.compile(r"^(?!sips?:)[^@\s:]+@[^@\s:]+$")
PATTERN = re.compile(r"^(?=.)[^*\s]*\*?$")
PREFIX = re.compile(r"^[^\s@<>;:]*$")
TARGET = re.compile(r"^sips?:([^@\s<>;?]+@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(;[^\s<>;?]+)*$")
PORTS = re.compile(r"^(\d{1,5})-(\d{1,5})$")
COUNTRY = re.compile(r"^([1-9][0-9]{0,2})?$")
DIALLED = re.compile(r"^[0-9]{0,8}$")
CALLER_ID = re.compile(r"^\+?[0-9]{1,32}$")
TOKEN = re.compile(r"^[!-~]{16,}$")
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


def check_endpoint(text: str) -> None:
    split_host_port(text)


def check_advertised(text: str) -> None:
    split_host_port(text, numeric=False)


def check_host(text: str) -> None:
    if numeric_host(text) in WILDCARDS:
        raise ValueError(f"{text!r} stands for every address; write one of them")


def check_domain(text: str) -> None:
    if not DOMAIN.match(text):
        raise ValueError(f"{text!r} is no domain name; write one like example.com")


def check_aor(text: str) -> None:
    if not AOR.match(text):
        raise ValueError(f"{text!r} is no AOR; write user@domain, without sip:")


def check_name(text: str) -> None:
    if not NAME.match(text):
        raise ValueError(f"{text!r} is no name; write up to 64 letters, digits, '.', '_' and '-'")


def check_password(text: str) -> None:
    if not text:
        raise ValueError("is empty; write one")


def check_username(text: str) -> None:
    if not text or not text.isprintable():
        raise ValueError(f"{text!r} is no username; write what the digest calls it")


def check_country(text: str) -> None:
    if not COUNTRY.match(text):
        raise ValueError(f"{text!r} is no country code; write its digits, like 44, without + or zeros")


def check_dialled(text: str) -> None:
    if not DIALLED.match(text):
        raise ValueError(f"{text!r} is not dialled before a number; write up to 8 digits")


def check_caller_id(text: str) -> None:
    if not CALLER_ID.match(text):
        raise ValueError(f"{text!r} is no number; write one like +442071838750")


def check_token(text: str) -> None:
    if not TOKEN.match(text):
        raise ValueError("is no token; write 16 or more letters, digits and signs, without blanks")


def check_pattern(text: str) -> None:
    if not PATTERN.match(text):
        raise ValueError(f'{text!r} is no pattern; write a number or AOR, with * only at its end, like "+44*"')


def check_prefix(text: str) -> None:
    if not PREFIX.match(text):
        raise ValueError(f"{text!r} can't stand in front of a number; write digits, or nothing")


def check_target(text: str) -> None:
    if not TARGET.match(text):
        raise ValueError(f"{text!r} is no SIP URI; write one like sip:192.0.2.10:5060 or sip:carrier.example;transport=tcp")


def check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write one like {network_near(text)}") from None


def network_near(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return "192.0.2.0/24 or 2001:db8::/32"


def check_source(text: str) -> None:
    if not text.startswith("trunk:"):
        check_network(text)


def check_destination(text: str) -> None:
    kind, _, name = text.partition(":")
    if kind not in ("trunk", "user") or not name:
        raise ValueError(f"{text!r} is no destination; write trunk:NAME or user:AOR")
    if kind == "user":
        check_aor(name)


def check_ports(text: str) -> None:
    match = PORTS.match(text)
    if not match:
        raise ValueError(f"{text!r} is no port range; write first-last, like 20000-29999")
    first, last = int(match[1]), int(match[2])
    if not 1024 <= first <= last - 3 <= 65535 - 3:
        raise ValueError(f"{text!r} is no usable port range; write at least 4 ports from 1024 to 65535, lower one first")


Endpoint = Annotated[str, Meta(extra={"check": check_endpoint})]
Advertised = Annotated[str, Meta(extra={"check": check_advertised})]
Host = Annotated[str, Meta(extra={"check": check_host})]
DomainName = Annotated[str, Meta(extra={"check": check_domain})]
Aor = Annotated[str, Meta(extra={"check": check_aor})]
Name = Annotated[str, Meta(extra={"check": check_name})]
Password = Annotated[str, Meta(extra={"check": check_password})]
Username = Annotated[str, Meta(extra={"check": check_username})]
Country = Annotated[str, Meta(extra={"check": check_country})]
Dialled = Annotated[str, Meta(extra={"check": check_dialled})]
CallerId = Annotated[str, Meta(extra={"check": check_caller_id})]
Token = Annotated[str, Meta(extra={"check": check_token})]
Pattern = Annotated[str, Meta(extra={"check": check_pattern})]
Prefix = Annotated[str, Meta(extra={"check": check_prefix})]
TargetUri = Annotated[str, Meta(extra={"check": check_target})]
Network = Annotated[str, Meta(extra={"check": check_network})]
Source = Annotated[str, Meta(extra={"check": check_source})]
To = Annotated[str, Meta(extra={"check": check_destination})]
Ports = Annotated[str, Meta(extra={"check": check_ports})]

Srtp = Literal["pass", "off", "optional", "mandatory"]

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Weight = Annotated[int, Meta(ge=0, le=65535)]
Streams = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
RingSeconds = Annotated[float, Meta(gt=180)]
SignalWorkers = Annotated[int, Meta(ge=0, le=MAX_WORKERS)]
