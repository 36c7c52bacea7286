"""Runs a node: configuration, sockets, fast path, account, raw sockets, store, supervisor, in this order."""

import fcntl
import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sipmesh.certificates import load_certificates
from sipmesh.config import Config
from sipmesh.privileges import CAP_NET_RAW, allow_many_files, become, give_up
from sipmesh.signalling.shared_recent import forget_all
from sipmesh.sockets import NodeSockets, open_fast, open_raw_sockets, open_sockets
from sipmesh.spec import Role, Spec
from sipmesh.store import Store
from sipmesh.store.boot import discard_if_damaged, mark_synced
from sipmesh.store.secrets import load_secrets
from sipmesh.supervisor import Supervisor

log = logging.getLogger(__name__)

ROLES: tuple[tuple[Role, int], ...] = (("agent", 0), ("media", 0))  # then the signal workers; stopped in the opposite order


class NodeRunsError(Exception):
    """Another node works in the data folder."""


def run_node(config: Config, config_file: Path, *, log_format: str = "text", on_ready: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT. NodeRunsError, SocketError, PrivilegeError, CertificateError or StoreError when it
    can't start."""
    data = Path(config.node.data)
    allow_many_files()
    lock = lock_data(data)
    sockets = open_sockets(config)
    try:
        sockets.fast = open_fast(config)
        if config.node.user:
            become(config.node.user, data)
            load_certificates(config)  # the account must be able to read them
        sockets.raw = open_raw_sockets(config)
        give_up(CAP_NET_RAW)
        prepare_store(config, data)
        specs = spec_maker(sockets, data, config_file, log_format)
        signal_workers: list[tuple[Role, int]] = [("signal", index) for index in range(len(sockets.sip))]
        ended = partial(worker_ended, sockets)
        Supervisor(data, [*ROLES, *signal_workers], specs, on_ready=on_ready, on_end=ended).run()
        mark_synced(data)
    finally:
        sockets.close()
        os.close(lock)


def worker_ended(sockets: NodeSockets, role: Role) -> None:
    """Its calls' media ends with it: nobody is there who would hear of their ends."""
    if role == "media" and sockets.fast is not None:
        try:
            sockets.fast.empty()
        except OSError as error:  # the next worker empties them too
            log.error("streams of the media worker that ended are relayed on", extra={"reason": str(error)})


def lock_data(data: Path) -> int:
    """The descriptor that keeps other nodes out of the folder for as long as it is open."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise NodeRunsError(f"a node already runs with the data folder {data}; stop it, or change data in [node]") from None
    return lock


def node_runs(config: Config) -> bool:
    """Whether some process runs a node in the configured data folder."""
    try:
        os.close(lock_data(Path(config.node.data)))
    except NodeRunsError:
        return True
    return False


def prepare_store(config: Config, data: Path) -> None:
    """What the workers must find. The store is closed again: the supervisor must never wait for its locks."""
    discard_if_damaged(data)
    forget_all(data)
    store = Store.open(data)
    try:
        store.directory.apply(config)
        load_secrets(data / "keys.json")
    finally:
        store.close()


def spec_maker(sockets: NodeSockets, data: Path, config_file: Path, log_format: str) -> Callable[[Role, int, int], Spec]:
    """Describes each worker with the sockets its role works on."""

    def spec_of(role: Role, index: int, report_fd: int) -> Spec:
        return Spec(
            role=role,
            index=index,
            data=str(data),
            config_file=str(config_file.resolve()),
            supervisor_pid=os.getpid(),
            report_fd=report_fd,
            sip=descriptors(sockets.sip[index]) if role == "signal" else {},
            siblings=descriptors(sockets.siblings[index]) if role == "signal" else {},
            ng_fd=sockets.ng.fileno() if sockets.ng and role == "media" else -1,
            ng_udp_fd=sockets.ng_udp.fileno() if sockets.ng_udp and role == "media" else -1,
            raw_fds=[opened.fileno() for opened in sockets.raw] if role == "media" else [],
            fast_fds=[sockets.fast.pairs, sockets.fast.legs] if sockets.fast and role == "media" else [],
            fast_interfaces=sockets.fast.interfaces if sockets.fast and role == "media" else [],
            console_fd=sockets.console.fileno() if sockets.console and role == "agent" else -1,
            log_format="json" if log_format == "json" else "text",
        )

    return spec_of


def descriptors(sockets: dict[int, socket.socket]) -> dict[int, int]:
    return {number: opened.fileno() for number, opened in sockets.items()}
