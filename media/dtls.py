"""A DTLS association for the keys of SRTP (RFC 5763, RFC 5764), without its socket: datagrams in, datagrams out.

OpenSSL does the handshake. Its retransmissions go by its own clock, so ``wait_s`` says how long from now; the limit of the
whole handshake goes by the caller's. Cookies (RFC 6347 section 4.2.1) are not asked for: who may speak to us was judged
before, by its address, and nobody else gets an answer.
"""

from dataclasses import dataclass, field
from enum import Enum

from OpenSSL import SSL

from media.fingerprint import Fingerprint
from media.identity import PROFILES, Identity
from media.sdes import KeyPair

MTU = 1200  # bytes of a datagram: what passes everywhere
HANDSHAKE_S = 60  # an answer may take that long to reach who has to begin
_NS = 1_000_000_000
_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
_RECORD = 13  # bytes of a record's header (RFC 6347 section 4.1)
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_OFFSET = slice(19, 22)  # of a fragment in its message
_RANDOM = slice(27, 59)  # of a ClientHello, behind the headers of record and message, and its version


class Failure(Enum):
    """Why there are no keys, or why there will be none any more; the values are those of metrics."""

    FINGERPRINT = "fingerprint"  # the peer's certificate is not the one it told of
    PROFILE = "profile"  # no SRTP protection profile in common
    TIMEOUT = "timeout"
    ALERT = "alert"  # the peer's
    PROTOCOL = "protocol"  # no version or cipher in common, or what isn't DTLS
    CLOSED = "closed"  # by the peer, when it was done


@dataclass(slots=True)
class _Peer:
    """What OpenSSL's callback is to know of the other side."""

    fingerprints: tuple[Fingerprint, ...]
    verified: bool = False
    refused: bool = False


@dataclass(slots=True)
class Association:
    """``active``: we are the client (RFC 5763 section 5). One of ``keys`` and ``failure`` is there once it is over with the
    handshake."""

    identity: Identity
    active: bool
    fingerprints: tuple[Fingerprint, ...]
    began_ns: int
    keys: KeyPair | None = field(default=None, init=False, repr=False)
    failure: Failure | None = field(default=None, init=False)
    hello: bytes = field(default=b"", init=False, repr=False)  # the random of the ClientHello that it began with
    _peer: _Peer = field(init=False, repr=False)
    _tls: SSL.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._peer = _Peer(self.fingerprints)
        self._tls = SSL.Connection(self.identity.context, None)
        self._tls.set_app_data(self._peer)
        self._tls.set_ciphertext_mtu(MTU)
        (self._tls.set_connect_state if self.active else self._tls.set_accept_state)()

    @property
    def in_progress(self) -> bool:
        return self.keys is None and self.failure is None

    def begin(self) -> list[bytes]:
        """What the client sends first; nothing of the server."""
        return self._step() if self.active else []

    def receive(self, datagram: bytes) -> list[bytes]:
        """Takes what the peer sent, and answers it: also when the keys are there, for it may have missed our last flight."""
        if self.failure is not None or not datagram:
            return []
        if not self.hello and not self.active:
            self.hello = hello_random(datagram)
            if not self.hello:
                return []  # nothing begins by that
        self._tls.bio_write(datagram)
        return self._step()

    def wait_s(self) -> float | None:
        """Until ``time_out`` should be called. None: it waits for the peer alone."""
        return self._tls.DTLSv1_get_timeout() if self.in_progress else None

    def time_out(self, now_ns: int) -> list[bytes]:
        """Sends the last flight again when that is due."""
        if not self.in_progress:
            return []
        if now_ns - self.began_ns >= HANDSHAKE_S * _NS:
            self.failure = Failure.TIMEOUT
            return []
        try:
            self._tls.DTLSv1_handle_timeout()
        except SSL.Error:  # it was sent often enough
            self.failure = Failure.TIMEOUT
        return self._leaving()

    def close(self) -> list[bytes]:
        """The alert that ends it, if it ever began."""
        if self.keys is None or self.failure is not None:
            return []
        self.failure = Failure.CLOSED
        try:
            self._tls.shutdown()
        except SSL.Error:
            return []
        return self._leaving()

    def _step(self) -> list[bytes]:
        try:
            if self.keys is None:
                self._tls.do_handshake()
                self._take_keys()
            while self.failure is None:
                self._tls.recv(MTU)  # data of an application has no place here
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.failure = Failure.CLOSED
        except SSL.Error as error:
            self.failure = self._reason(error)
        return self._leaving()

    def _take_keys(self) -> None:
        """RFC 5764 section 4.2. Keys without a certificate that was checked would be anybody's."""
        profile = PROFILES.get(self._tls.get_selected_srtp_profile())
        if not self._peer.verified:
            self.failure = Failure.FINGERPRINT
        elif profile is None:
            self.failure = Failure.PROFILE
        else:
            suite, key, salt = profile
            material = self._tls.export_keying_material(_LABEL, 2 * (key + salt))
            client = material[:key] + material[2 * key :][:salt]
            server = material[key : 2 * key] + material[2 * key + salt :]
            ours, theirs = (client, server) if self.active else (server, client)
            self.keys = (suite, theirs, 0), (suite, ours, 0)

    def _reason(self, error: SSL.Error) -> Failure:
        if self._peer.refused:
            return Failure.FINGERPRINT
        reasons = " ".join(str(part[-1]) for part in error.args[0]) if error.args and isinstance(error.args[0], list) else ""
        return Failure.ALERT if "alert" in reasons else Failure.PROTOCOL

    def _leaving(self) -> list[bytes]:
        """OpenSSL writes a stream of records: they leave in datagrams as large as may be."""
        written = bytearray()
        while True:
            try:
                written += self._tls.bio_read(65536)
            except SSL.WantReadError:
                return packed(bytes(written))


def packed(records: bytes) -> list[bytes]:
    """Whole records in datagrams of MTU bytes at most."""
    datagrams: list[bytes] = []
    begin = at = 0
    while at < len(records):
        size = _RECORD + int.from_bytes(records[at + 11 : at + 13], "big")
        if at > begin and at + size - begin > MTU:
            datagrams.append(records[begin:at])
            begin = at
        at += size
    return [*datagrams, records[begin:]] if records else []


def is_dtls(datagram: bytes) -> bool:
    """RFC 7983 section 7."""
    return bool(datagram) and 20 <= datagram[0] <= 63


def hello_random(datagram: bytes) -> bytes:
    """Of the ClientHello of a new association (epoch 0, RFC 6347 section 4.2.8), or its first fragment; empty: it is none."""
    if len(datagram) < _RANDOM.stop or datagram[0] != _HANDSHAKE or datagram[_RECORD] != _CLIENT_HELLO:
        return b""
    return datagram[_RANDOM] if not any(datagram[3:5]) and not any(datagram[_OFFSET]) else b""
