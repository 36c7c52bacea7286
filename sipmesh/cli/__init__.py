"""The command line, ``sipmesh``. Each command prints for people, and JSON with ``--json``; mistakes end it with status 2."""

from sipmesh.cli.commands import main

__all__ = ["main"]
