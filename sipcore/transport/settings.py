"""Limits and times of the transports."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Seconds, bytes and counts; 0 turns a per-source limit off."""

    connect_s: float = 5.0  # a TCP connection must be open by then
    size_connect_s: float = 2.0  # the same, when only the size of a request made us try TCP
    size_retry_s: float = 600.0  # after that failed, long requests to that address go by UDP for so long
    handshake_s: float = 10.0  # TLS must be agreed on by then
    idle_s: float = 3700.0  # no byte either way: closed (longer than a usual registration of 3600 s)
    first_message_s: float = 30.0  # no complete message since it was accepted: closed
    partial_s: float = 10.0  # a message that began must be complete by then
    max_connections: int = 20_000  # per listener, both directions, TLS handshakes included
    max_connections_per_source: int = 1000
    max_handshakes_per_source: int = 250  # of TLS, begun by others and not ended
    exempt: tuple[IPv4Network | IPv6Network, ...] = ()  # sources without limits per source
    max_connecting: int = 1000  # connections being opened, per listener
    max_unsent_bytes: int = 1_048_576  # per connection, connecting or not reading: closed above it
    stop_s: float = 1.0  # how long closing connections may take to send what is left
    backlog: int = 1024
    socket_buffer_bytes: int = 4_194_304  # asked for in both directions of a UDP socket; the kernel may grant less
    shed_load: bool = True  # new requests wait, and get 503, when more comes in than can be handled
    turn_s: float = 0.025  # timers fire at most so often
    tick_late_s: float = 0.025  # so late we wake up for a timer: what comes by then has it fire too
    tick_max_s: float = 0.25  # a timer that is started outside of a batch may be so late
    stall_s: float = 0.25  # a timer that is later shows that the process stood still, and what comes in is looked at first
    catch_up_s: float = 0.1  # for so long; what siblings and the media daemon have for us comes by then too
    unreachable_s: float = 0.05  # addresses that don't take datagrams are told of together

    def is_exempt(self, host: str) -> bool:
        """Whether ``host``, numeric, is free of limits per source."""
        address = ip_address(host)
        return any(address in network for network in self.exempt)
