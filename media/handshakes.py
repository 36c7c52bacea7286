"""DTLS sessions of lines whose SRTP keys are ours: what the relay hears of them, what they send, and when."""

import logging

from media import shake
from media.clock import Clock
from media.dtls import Association, Failure, hello_random
from media.endpoint import Address
from media.fingerprint import DEFAULT_HASH
from media.identity import Identities
from media.line import Line
from media.shake import Shake
from media.shaken_side import Later, Session
from native import relay

log = logging.getLogger(__name__)

MOST_IN_PROGRESS = 500  # handshakes; a ClientHello over that is left for its repetition
_RETRY_S = 0.1  # until the first flight of ours has left: where the side is may not be known yet
_LOG_INTERVAL_NS = 10_000_000_000
_MOST_AT_ONCE = 256  # datagrams of the inbox, before others have their turn


class Handshakes:
    """``later`` calls a function after some seconds."""

    def __init__(self, relay_: relay.Relay, clock: Clock, counters: dict[str, int], later: Later) -> None:
        self._relay = relay_
        self._clock = clock
        self._counters = counters
        self._later = later
        self._identities = Identities()
        self._sessions: dict[tuple[int, int], Session] = {}  # by stream and side
        self._in_progress = 0
        self._logged_ns = 0

    def announce(self, line: Line, side: int, setup: str, hash_name: str, tls_id: bool) -> str:
        """The lines that tell a side of us."""
        session = self._session(line, side)
        return shake.lines(setup, session.identity.fingerprint(hash_name or DEFAULT_HASH), session.tls_id if tls_id else "")

    def end(self, line: Line, side: int) -> None:
        """The side goes on without DTLS, if it had any."""
        session = self._sessions.get((line.streams[0], side)) if line.streams else None
        if session is None or session.line is not line:
            return
        for datagram in session.established.close() if session.established is not None else ():
            self._relay.send(session.stream, side, session.source, datagram)
        self._forget(session)
        self._relay.set_crypto(session.stream, side, None, None)
        self._relay.set_dtls(session.stream, side, False)

    def agree(self, line: Line, side: int, agreed: Shake) -> None:
        """In effect from now on. What is there goes on while the side is the same (RFC 8842 section 5). The relay knows by now
        where it is."""
        session = self._session(line, side)
        active = shake.is_active(agreed, session.active)
        if session.peer is not None and session.peer.is_same(agreed.peer) and session.active == active:
            return
        if session.peer is not None and agreed.offered:
            session.tls_id = shake.make_tls_id()
        session.peer, session.active = agreed.peer, active
        self._read()  # what came before is no part of it
        if agreed.peer.setup != shake.HELD:
            self._begin(session)

    def is_active(self, line: Line, side: int) -> bool:
        """Whether we are the client there."""
        return bool(self._session(line, side).active)

    def read(self) -> None:
        """What has come; to be called when the relay's inbox is readable."""
        if self._read() >= _MOST_AT_ONCE:
            self._later(0, self.read)

    def look(self) -> None:
        """Forgets lines that are closed; to be called every second or so."""
        self._counters["media_dtls_dropped_total"] = self._relay.inbox_dropped
        for session in [each for each in self._sessions.values() if not each.line.streams]:
            self._forget(session)

    def _session(self, line: Line, side: int) -> Session:
        stream = line.streams[0]
        session = self._sessions.get((stream, side))
        if session is not None and session.line is not line:  # of a line that had the stream before
            self._forget(session)
            session = None
        if session is None:
            identity = self._identities.newest(self._clock.unix_s())
            session = self._sessions[stream, side] = Session(line, side, stream, identity, shake.make_tls_id())
        return session

    def _begin(self, session: Session) -> None:
        self._leave(session)
        session.source = None
        session.association = self._associate(session)
        self._in_progress += session.association.active
        session.unsent = session.association.begin()
        self._send(session)

    def _associate(self, session: Session) -> Association:
        fingerprints = session.peer.fingerprints if session.peer is not None else ()
        return Association(session.identity, bool(session.active), fingerprints, self._clock.monotonic_ns())

    def _read(self) -> int:
        letters = self._relay.inbox()
        for stream, side, source, data in letters:
            session = self._sessions.get((stream, side))
            if session is not None and session.line.streams and session.association is not None:
                self._receive(session, source, data)
        return len(letters)

    def _receive(self, session: Session, source: Address, data: bytes) -> None:
        association = self._for(session, data)
        if association is None:
            return
        was_new = not association.active and not association.hello
        datagrams = association.receive(data)
        session.source = source
        if was_new and association.hello:
            association.began_ns = self._clock.monotonic_ns()
            self._in_progress += 1
        for datagram in datagrams:
            self._relay.send(session.stream, session.side, source, datagram)
        if association is session.association and association is not session.established:
            self._judge(session, association)
        elif association.failure is not None:
            self._closed(session)

    def _for(self, session: Session, data: bytes) -> Association | None:
        """Which association a datagram is for. A ClientHello of another random than those known begins one beside what is
        established, which goes on until that is done (RFC 6347 section 4.2.8); a copy belongs to what it began."""
        known = [each for each in (session.association, session.established) if each is not None]
        random = hello_random(data)
        if not random or session.active:
            return known[0]
        for association in known:
            if association.hello == random:
                return association
        if self._in_progress >= MOST_IN_PROGRESS:
            self._counters["media_dtls_busy_total"] += 1
            return None
        if known[0].hello:
            self._leave(session)
            session.association = self._associate(session)
        return session.association

    def _judge(self, session: Session, association: Association) -> None:
        """Whether the handshake has come to its end."""
        if association.in_progress:
            self._arm(session)
        elif association.keys is not None:
            self._leave(session)
            session.association = session.established = association
            self._relay.set_crypto(session.stream, session.side, *association.keys)
            line, suite = session.line, association.keys[0][0]
            line.suites = (line.suites[0], suite) if session.side else (suite, line.suites[1])
            if session.source is not None:
                self._relay.latch(session.stream, session.side, session.source)
            self._counters["media_dtls_handshakes_total"] += 1
        else:
            self._failed(session, association.failure or Failure.PROTOCOL)

    def _failed(self, session: Session, failure: Failure) -> None:
        """Keys that are there stay. Who waits goes on waiting for a ClientHello."""
        self._leave(session)
        self._count(failure)
        if session.established is not None:
            session.association = session.established
        elif not session.active:
            session.association = self._associate(session)

    def _closed(self, session: Session) -> None:
        """The peer has ended what was established: nothing passes from now on."""
        self._count(Failure.CLOSED)
        self._relay.set_crypto(session.stream, session.side, None, None)
        session.established = None
        if session.association is not None and not session.association.in_progress:
            session.association = None if session.active else self._associate(session)

    def _count(self, failure: Failure) -> None:
        self._counters[f"media_dtls_failed_total|reason={failure.value}"] += 1
        now_ns = self._clock.monotonic_ns()
        if failure is not Failure.CLOSED and now_ns - self._logged_ns >= _LOG_INTERVAL_NS:
            self._logged_ns = now_ns
            log.warning("a DTLS handshake failed: %s (media_dtls_failed_total counts them)", failure.value)

    def _send(self, session: Session) -> None:
        """The first flight, as soon as it is known where to."""
        if not all(self._relay.send(session.stream, session.side, None, each) for each in session.unsent):
            self._arm(session, _RETRY_S)
            return
        session.unsent = []
        self._arm(session)

    def _arm(self, session: Session, wait_s: float | None = None) -> None:
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        if wait_s is None and session.association is not None:
            wait_s = session.association.wait_s()
        if wait_s is not None:
            session.timer = self._later(wait_s, lambda: self._due(session))

    def _due(self, session: Session) -> None:
        session.timer = None
        association = session.association
        if association is None or not session.line.streams or not association.in_progress:
            return
        datagrams = association.time_out(self._clock.monotonic_ns())
        if not association.in_progress:
            self._failed(session, association.failure or Failure.TIMEOUT)
        elif session.unsent:
            self._send(session)
        else:
            for datagram in datagrams:
                self._relay.send(session.stream, session.side, session.source, datagram)
            self._arm(session)

    def _leave(self, session: Session) -> None:
        """The last association is no handshake any more, however it ended."""
        association = session.association
        if association is not None and association is not session.established and (association.active or association.hello):
            self._in_progress -= 1
        session.association = session.established
        session.unsent = []
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None

    def _forget(self, session: Session) -> None:
        self._leave(session)
        del self._sessions[session.stream, session.side]
