"""The command line in a process of its own, forked where its modules are loaded already: they take longer than a command."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

from sipmesh.cli import main

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__, "typer._adapters"])  # typer loads pydantic at its first option
LONGEST_S = 60.0


def run(arguments: tuple[str, ...], folder: Path, typed: str) -> CompletedProcess[str]:
    """``sipmesh ARGUMENTS`` in ``folder``, ``typed`` being its standard input."""
    files = [folder / f".{name}" for name in ("in", "out", "err")]
    files[0].write_text(typed)
    child = SERVER.Process(target=_become, args=(arguments, folder, files))
    child.start()
    child.join(LONGEST_S)
    if child.is_alive():
        child.kill()
        raise TimeoutError(f"sipmesh {' '.join(arguments)}: not within {LONGEST_S:g} s")
    return CompletedProcess(arguments, child.exitcode or 0, *(path.read_text() for path in files[1:]))


def _become(arguments: tuple[str, ...], folder: Path, files: list[Path]) -> None:
    for number, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0)), number)
    sys.stdin = os.fdopen(0)
    os.chdir(folder)
    os.environ["NO_COLOR"] = "1"
    sys.argv = ["sipmesh", *arguments]
    main()
