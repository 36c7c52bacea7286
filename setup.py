"""Builds the two C extensions; everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

from setuptools import Extension, setup

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror=implicit-function-declaration", "-fno-strict-aliasing"]
# each extension is one program: only its init function is seen from outside, and calls between its files are inlined
OPTIMISE = ["-O2", "-g", "-fvisibility=hidden", "-fno-plt", "-flto=auto"]


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


setup(
    ext_modules=[
        extension("native.sip", "csip", ["crypto"]),
        extension("native.relay", "crelay", ["pthread", "crypto"]),
    ]
)
