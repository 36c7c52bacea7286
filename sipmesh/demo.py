"""The node of ``sipmesh run --demo``: one domain on 127.0.0.1 with two accounts, made at the first run and kept."""

import os
import secrets
from pathlib import Path

from sipmesh.config import Config

NAMES = ("alice", "bob")
HOST = "127.0.0.1"

TEMPLATE = """\
# The demo node. Made by "sipmesh run --demo", which keeps it: change what you like, or delete it to have a new one made.
[node]
name = "demo"
data = "data"

[[listen]]
transport = "udp"
address = "{host}:5060"

[[listen]]
transport = "tcp"
address = "{host}:5060"

# Phones use the server's address as their domain, so an account is alice@{host}.
[[domain]]
name = "{host}"
{users}
[media]
address = "{host}"
ports = "20000-29999"

[cdr]
format = "json"

[limits]
exempt = ["127.0.0.0/8"]

[console]
address = "{host}:8080"
"""

USER = """
[[user]]
aor = "{name}@{host}"
password = "{password}"
"""


class DemoError(Exception):
    """The demo's folder can't be used; the text says why."""


def prepare_demo(folder: Path) -> Path:
    """The demo's configuration file; made when there is none, readable by its owner only. DemoError."""
    file = folder / "sipmesh.toml"
    if file.exists():
        return file
    users = "".join(USER.format(name=name, host=HOST, password=secrets.token_hex(6)) for name in NAMES)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
            opened.write(TEMPLATE.format(host=HOST, users=users))
    except OSError as error:
        raise DemoError(f"{file} can't be made: {error.strerror}") from error
    return file


def demo_banner(config: Config) -> str:
    """What to type into two phones."""
    listeners: dict[str, list[str]] = {}
    for listen in config.listen:
        listeners.setdefault(listen.address, []).append(listen.transport.upper())
    lines = ["", "The demo node runs. Put one account into each of two phones:", ""]
    lines += [f"  server    {address}   ({' or '.join(transports)})" for address, transports in listeners.items()]
    for user in config.user:
        name, _, domain = user.aor.rpartition("@")
        lines.append(f"  account   user {name}   password {user.password}   domain {domain}")
    if len(config.user) > 1:
        first, second = config.user[0].aor, config.user[1].aor
        lines.append(f"  call      from {first.partition('@')[0]}, dial {second.partition('@')[0]} or sip:{second}")
    if config.console:
        lines.append(f"  console   http://{config.console.address}/")
    return "\n".join([*lines, "", "Ctrl-C ends it.", ""])
