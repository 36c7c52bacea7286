"""The signal worker: SIP policy, calls, trunks and the media glue around the core."""
