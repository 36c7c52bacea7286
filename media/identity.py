"""Who we are in DTLS: a certificate of our own that nobody signed, since the session description tells which one it is
(RFC 5763 section 5)."""

import datetime
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from media.fingerprint import DEFAULT_HASH, Fingerprint, matches

# AEAD (RFC 7714 section 14.2) first, as rtpengine has them: by OpenSSL's names, with ours of the suite and the bytes of key
# and salt
PROFILES = {
    b"SRTP_AEAD_AES_256_GCM": ("AEAD_AES_256_GCM", 32, 12),
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
    b"SRTP_AES128_CM_SHA1_32": ("AES_CM_128_HMAC_SHA1_32", 16, 14),
}
LIFETIME_S = 30 * 86400
_RENEWED_S = 7 * 86400  # so that the clients' clocks don't matter, and no call outlives its certificate
_DTLS_1_2 = 0xFEFD
# Forward secrecy and AEAD, or SHA-1's HMAC for phones that have nothing else. Level 1: their RSA keys may have 1024 bits, for
# the fingerprint says whose key it is
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AESGCM:!aNULL:!DSS@SECLEVEL=1"


class Identity:
    """A key and its certificate, in memory only, and OpenSSL's context with both."""

    def __init__(self, unix_s: float, profiles: bytes = b":".join(PROFILES)) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.made_s = unix_s
        self._certificate = _certificate(key, unix_s)
        self.context = _context(self._certificate, key, profiles)

    def is_fresh(self, unix_s: float) -> bool:
        """Whether new calls may begin with it."""
        return 0 <= unix_s - self.made_s < _RENEWED_S

    def fingerprint(self, hash_name: str = DEFAULT_HASH) -> Fingerprint:
        return Fingerprint(hash_name, _digest(crypto.X509.from_cryptography(self._certificate), hash_name))


class Identities:
    """The one that new calls get. Calls that are there go on with theirs."""

    def __init__(self) -> None:
        self._newest: Identity | None = None

    def newest(self, unix_s: float) -> Identity:
        if self._newest is None or not self._newest.is_fresh(unix_s):
            self._newest = Identity(unix_s)
        return self._newest


def _certificate(key: ec.EllipticCurvePrivateKey, unix_s: float) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])  # tells nothing of us
    now = datetime.datetime.fromtimestamp(unix_s, datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    return builder.not_valid_after(now + datetime.timedelta(seconds=LIFETIME_S)).sign(key, hashes.SHA256())


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, profiles: bytes) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)  # RFC 8827 section 6.5
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(profiles)
    return context


def _verify(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """Only the peer's own certificate counts, and of it only the fingerprint (RFC 5763 section 5)."""
    peer = connection.get_app_data()
    if depth == 0 and not peer.verified:
        peer.verified = matches(peer.fingerprints, lambda hash_name: _digest(certificate, hash_name))
        peer.refused = not peer.verified
    return depth != 0 or bool(peer.verified)


def _digest(certificate: crypto.X509, hash_name: str) -> bytes:
    return bytes.fromhex(certificate.digest(hash_name.replace("-", "")).decode().replace(":", " "))
