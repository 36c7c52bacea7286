"""The core's only clock and its timers.

One deque per timer length: timers of equal length expire in the order they were started, so starting, cancelling and
expiring are O(1), and a retransmission costs no heap operation.
"""
