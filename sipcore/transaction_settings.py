"""Timer values and limits of the transaction layer."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TransactionSettings:
    """RFC 3261 table 4, RFC 6026 section 8.11, RFC 4320 section 4.1. Lengths in seconds."""

    t1_s: float = 0.5  # round-trip estimate
    t2_s: float = 4.0  # longest interval between retransmissions of non-INVITE requests and INVITE responses
    t4_s: float = 5.0  # longest time a message stays in the network
    timer_d_s: float = 32.0  # wait for retransmitted 300-699; at least 32 s whatever our T1 (section 17.1.1.2)
    trying_s: float = 0.2  # the user's time to answer an INVITE before the layer sends 100
    immediate_trying: bool = True  # send that 100 as soon as the user returns without an answer: a proxy always waits
    max_datagram_bytes: int = 1300  # longer requests go over a stream (section 18.1.1); 0: never
    max_server_transactions: int = 500_000  # above it new requests get 503 without a transaction
    retry_after_s: int = 5  # at most, in that 503
    timeout_s: float = field(init=False)  # 64*T1: Timers B, F, H, J, L, M
    non_invite_trying_s: float = field(init=False)  # how long Timer E takes to reach T2

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeout_s", 64 * self.t1_s)
        elapsed, interval = 0.0, self.t1_s
        while interval < self.t2_s:
            elapsed, interval = elapsed + interval, interval * 2
        object.__setattr__(self, "non_invite_trying_s", elapsed)
