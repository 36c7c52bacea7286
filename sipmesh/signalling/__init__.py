"""The signal worker."""

from sipmesh.signalling.worker import main

__all__ = ["main"]
