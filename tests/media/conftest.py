"""Hypothesis judges what comes out here, not how long it takes: the machine may be busy."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
