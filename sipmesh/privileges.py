"""Root is left once the sockets are bound. Of its capabilities CAP_SYS_NICE is kept, for the relay threads' SCHED_FIFO, and
CAP_NET_RAW until the relay's raw sockets are open, which then are the account's and not root's in the eyes of firewalls."""

import ctypes
import os
import pwd
import resource
from pathlib import Path

PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_NET_RAW, CAP_SYS_NICE = 13, 23
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


class PrivilegeError(Exception):
    """The account can't be taken on; the text says why."""


class CapHeader(ctypes.Structure):
    """capget(2), struct __user_cap_header_struct."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapData(ctypes.Structure):
    """capget(2), struct __user_cap_data_struct; two of them, low and high 32 bits."""

    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def allow_many_files() -> None:
    """Lifts the soft limit of open descriptors to the hard one: each call takes four sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def become(account: str, data: Path) -> None:
    """Makes ``data`` and all in it the account's and takes its identity on; nothing when we are not root. PrivilegeError."""
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        raise PrivilegeError(f"there is no account {account!r}; change user in [node]") from None
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (data, *data.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    kept = capabilities()[0].permitted & (1 << CAP_SYS_NICE | 1 << CAP_NET_RAW)
    set_capabilities((CapData * 2)(CapData(kept, kept, kept), CapData(0, 0, 0)))
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_NICE, 0, 0)  # children get it too; fails where it was not ours


def give_up(capability: int) -> None:
    """For this process and its children. Root keeps it: it could have it back at any time."""
    if os.geteuid() == 0:
        return
    held = capabilities()
    word = held[capability // 32]
    for kind in ("effective", "permitted", "inheritable"):
        setattr(word, kind, getattr(word, kind) & ~(1 << capability % 32))
    set_capabilities(held)


def capabilities() -> "ctypes.Array[CapData]":
    held = (CapData * 2)()
    libc.capget(ctypes.byref(CapHeader(CAPABILITY_VERSION_3, 0)), held)
    return held


def set_capabilities(wanted: "ctypes.Array[CapData]") -> None:
    libc.capset(ctypes.byref(CapHeader(CAPABILITY_VERSION_3, 0)), wanted)
