"""Builds the two C extensions; everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

from setuptools import Extension, setup

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror=implicit-function-declaration", "-fno-strict-aliasing"]
OPTIMISE = ["-O2", "-g"]


def extension(module: str, folder: str, libraries: list[str]) -> Extension:
    """The module built from every C file of its folder; SIPMESH_SANITIZE=address,undefined builds it instrumented."""
    sanitize = os.environ.get("SIPMESH_SANITIZE")
    flags = [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"] if sanitize else []
    root = Path("native") / folder
    return Extension(
        module,
        sources=sorted(str(path) for path in root.glob("*.c")),
        depends=sorted(str(path) for path in root.glob("*.h")),
        include_dirs=[str(root)],
        extra_compile_args=[*WARNINGS, *OPTIMISE, *flags],
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
