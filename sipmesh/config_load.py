"""A TOML file → Config. Every mistake is reported at once, each with file, line, key, what is wrong and what would be right."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec

from sipmesh.addresses import reachable_host
from sipmesh.certificates import certificate_errors, certificate_warnings
from sipmesh.config import CdrFiles, Config, Domain, Listen, Media, PolicyFile, Tls
from sipmesh.config_lines import Path, key_lines, line_of
from sipmesh.config_reader import Reader
from sipmesh.config_rules import check_rules

FileTable = TypeVar("FileTable", Listen, Domain, Media, Tls, PolicyFile)


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    key: str  # dotted; elements of arrays count from 1: listen.2.address
    message: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return ": ".join(filter(None, (f"{self.file}:{self.line}", self.key, kind + self.message)))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class ConfigError(Exception):
    """The file can't be used; ``problems`` says why, in the order of the lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config
    warnings: list[Problem]


def load_config(file: FilePath) -> Loaded:
    """ConfigError when ``file`` can't be read or has mistakes."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError([Problem(str(file), 1, "", f"can't be read: {reason}")]) from error
    return parse_config(text, str(file), base=file.resolve().parent)


def parse_config(text: str, file: str = "config", *, base: FilePath = FilePath()) -> Loaded:
    """``base``: the folder that relative paths start from. ConfigError on mistakes, those in certificate files included."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([not_toml(file, str(error), text)]) from error
    reader = Reader()
    config = reader.config(raw)
    errors = reader.errors + check_rules(config)
    if not errors:
        config = with_defaults(config, base)
        errors = list(certificate_errors(config))
    lines = key_lines(text)

    def located(found: list[tuple[Path, str]], warning: bool) -> list[Problem]:
        problems = [Problem(file, line_of(lines, path), dotted(path), message, warning) for path, message in found]
        return sorted(problems, key=lambda problem: problem.line)

    if errors:
        raise ConfigError(located(errors, False))
    return Loaded(config, located([*reader.warnings, *certificate_warnings(config)], True))


def with_defaults(config: Config, base: FilePath) -> Config:
    """Fills in what takes its default from elsewhere: data folder, CDR file, media address; paths become absolute."""
    data = config.node.data or f"var/{config.node.name}"
    media_host = config.media.address or reachable_host(config.listen[0].host)
    return msgspec.structs.replace(
        config,
        node=msgspec.structs.replace(config.node, data=str(base / data)),
        policy=rooted(config.policy, base, "file") if config.policy else None,
        cdr=with_file(config.cdr, base / data) if config.cdr else None,
        media=rooted(msgspec.structs.replace(config.media, address=media_host), base / data, "recording_dir"),
        listen=tuple(rooted(each, base, "certificate", "key", "client_ca") for each in config.listen),
        domain=tuple(rooted(each, base, "certificate", "key") for each in config.domain),
        tls=rooted(config.tls, base, "ca"),
    )


def with_file(cdr: CdrFiles, data: FilePath) -> CdrFiles:
    name = cdr.file or ("cdr.csv" if cdr.format == "csv" else "cdr.jsonl")
    return msgspec.structs.replace(cdr, file=str(data / name))


def rooted(table: FileTable, base: FilePath, *keys: str) -> FileTable:
    """The file names of these keys, where there are any, from ``base`` on."""
    return msgspec.structs.replace(table, **{key: str(base / name) for key in keys if (name := getattr(table, key))})


def not_toml(file: str, error: str, text: str) -> Problem:
    """tomllib ends its message with the place: ``(at line 3, column 5)`` or ``(at end of document)``."""
    message, _, place = error.rstrip(")").rpartition(" (at ")
    numbers = [int(word.strip(",")) for word in place.split() if word.strip(",").isdigit()]
    return Problem(file, numbers[0] if numbers else max(1, text.count("\n")), "", f"is not TOML: {message or error}")


def dotted(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
