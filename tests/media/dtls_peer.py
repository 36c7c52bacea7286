"""A DTLS-SRTP peer that shares nothing with media.dtls but OpenSSL, and a wire between two who speak DTLS."""

import copy
import datetime
import random
import time
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from media.dtls import Association, packed
from media.fingerprint import Fingerprint
from media.identity import Identity

UNIX_S = time.time()  # certificates are judged by OpenSSL's clock, if at all
US, THEM = Identity(UNIX_S), Identity(UNIX_S)


class RawPeer:
    """``keys``: (profile, client's key and salt, server's), once it is done."""

    def __init__(
        self, active: bool, *, profiles: bytes = b"SRTP_AES128_CM_SHA1_80", rsa_bits: int = 0, newest: int = 0
    ) -> None:
        key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        self.certificate = builder.sign(key, hashes.SHA256())
        self.context = context = SSL.Context(SSL.DTLS_METHOD)
        self.active = active
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_cipher_list(b"ALL@SECLEVEL=0")
        context.use_certificate(self.certificate)
        context.use_privatekey(key)
        if newest:
            context.set_max_proto_version(newest)
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        self._reset()

    def _reset(self) -> None:
        self.tls = SSL.Connection(self.context, None)
        self.tls.set_ciphertext_mtu(1200)
        (self.tls.set_connect_state if self.active else self.tls.set_accept_state)()
        self.keys: tuple[bytes, bytes, bytes] | None = None
        self.error = ""

    def again(self) -> "RawPeer":
        """The same, that knows nothing of what was."""
        other = copy.copy(self)
        other._reset()
        return other

    def close(self) -> list[bytes]:
        self.tls.shutdown()
        return self._written()

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint("sha-256", self.certificate.fingerprint(hashes.SHA256()))

    def begin(self) -> list[bytes]:
        return self._step()

    def receive(self, datagram: bytes) -> list[bytes]:
        self.tls.bio_write(datagram)
        return self._step()

    def _step(self) -> list[bytes]:
        try:
            self.tls.do_handshake()
            profile = self.tls.get_selected_srtp_profile()
            key, salt = {b"SRTP_AEAD_AES_256_GCM": (32, 12), b"SRTP_AEAD_AES_128_GCM": (16, 12)}.get(profile, (16, 14))
            data = self.tls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
            keys, salts = (data[:key], data[key : 2 * key]), (data[2 * key : 2 * key + salt], data[2 * key + salt :])
            self.keys = profile, keys[0] + salts[0], keys[1] + salts[1]
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self.error = str(error)
        return self._written()

    def _written(self) -> list[bytes]:
        written = bytearray()
        while True:
            try:
                written += self.tls.bio_read(65536)
            except SSL.WantReadError:
                return packed(bytes(written))


def pair(*, client: Identity = THEM, server: Identity = US, now_ns: int = 0) -> tuple[Association, Association]:
    """Of us both, each knowing the other."""
    return (
        Association(client, True, (server.fingerprint(),), now_ns),
        Association(server, False, (client.fingerprint(),), now_ns),
    )


def exchange(client: Association | RawPeer, server: Association | RawPeer) -> list[bytes]:
    """Until both are silent. All that was sent."""
    ahead = [(server, datagram) for datagram in client.begin()]
    sent: list[bytes] = []
    while ahead:
        receiver, datagram = ahead.pop(0)
        sent.append(datagram)
        other = client if receiver is server else server
        ahead += [(other, each) for each in receiver.receive(datagram)]
        assert len(sent) < 100
    return sent


def exchange_badly(pairs: Sequence[tuple[Association, Association]], loss: float, copies: float, seed: int) -> None:
    """All pairs at once over wires that lose, repeat and reorder, until each is done or has given up. OpenSSL's clock can't be
    turned, so that its timers are waited for, for all pairs together."""
    chance = random.Random(seed)
    ahead: list[tuple[Association, Association, bytes]] = []

    def send(sender: Association, receiver: Association, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            times = 0 if chance.random() < loss else 2 if chance.random() < copies else 1
            ahead.extend([(receiver, sender, datagram)] * times)

    for client, server in pairs:
        send(client, server, client.begin())
    while ahead or any(each.in_progress for both in pairs for each in both):
        while ahead:
            receiver, sender, datagram = ahead.pop(chance.randrange(len(ahead)))
            send(receiver, sender, receiver.receive(datagram))
        waits = [wait for both in pairs for each in both if (wait := each.wait_s()) is not None]
        if not waits:
            return
        time.sleep(min(waits))
        for client, server in pairs:
            send(client, server, client.time_out(0))
            send(server, client, server.time_out(0))
