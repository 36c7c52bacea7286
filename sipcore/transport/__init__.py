"""Sockets, clock and randomness: the I/O shell of the SIP core."""
