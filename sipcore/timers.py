"""The core's only clock and its timers (native/sip.pyi).

In C because each transaction starts several, and cancels most of them.
"""

from native.sip import Timer, Timers

__all__ = ["Timer", "Timers"]
