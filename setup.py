"""Builds the two C extensions and the program of the relay's fast path; all else about the package is in pyproject.toml."""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror=implicit-function-declaration", "-fno-strict-aliasing"]
# each extension is one program: only its init function is seen from outside, and calls between its files are inlined
OPTIMISE = ["-O2", "-g", "-fvisibility=hidden", "-fno-plt", "-flto=auto"]

BPF = ["-std=c11", "-O2", "-g", "-mcpu=v3", "-Wall", "-Wextra", "-ffreestanding"]  # -g: libbpf reads the maps from it


def extension(module: str, folder: str, libraries: list[str]) -> Extension:
    """The module built from every C file of its folder; SIPMESH_SANITIZE=address,undefined builds it instrumented."""
    sanitize = os.environ.get("SIPMESH_SANITIZE")
    flags = [f"-fsanitize={sanitize}", "-O2", "-g", "-fno-omit-frame-pointer"] if sanitize else OPTIMISE
    root = Path("native") / folder
    return Extension(
        module,
        sources=sorted(str(path) for path in root.glob("*.c")),
        depends=sorted(str(path) for path in root.glob("*.h")),
        include_dirs=[str(root)],
        extra_compile_args=[*WARNINGS, *flags],
        extra_link_args=flags,
        libraries=libraries,
        define_macros=[("_GNU_SOURCE", "1")],
    )


class Build(build_ext):
    """Also makes the fast path's program where there is clang; without it the relay works without that path."""

    def run(self) -> None:
        super().run()
        program = Path("native") / "relay_fast.bpf.o"
        if shutil.which("clang") is None or shutil.which("cc") is None:
            return
        machine = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
        headers = [f"-I/usr/include/{machine}"] if machine else []
        made = (Path() if self.inplace else Path(self.build_lib)) / program
        source = str(Path("native") / "bpf" / "relay_fast.c")
        command = ["clang", "-target", "bpf", *BPF, *headers, "-c", source, "-o", str(made)]
        if subprocess.run(command, check=False).returncode != 0:
            made.unlink(missing_ok=True)
            print("the fast path's program can't be made: the relay works without it")


setup(
    cmdclass={"build_ext": Build},
    ext_modules=[
        extension("native.sip", "csip", ["crypto"]),
        extension("native.relay", "crelay", ["pthread", "crypto"]),
    ],
)
