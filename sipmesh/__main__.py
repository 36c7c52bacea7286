"""``python -m sipmesh`` is the command line."""

from sipmesh.cli import main

main()
