"""Root is left once the sockets are bound; of its capabilities only CAP_SYS_NICE is kept, for the relay threads' SCHED_FIFO."""

import ctypes
import os
import pwd
import resource
from pathlib import Path

PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_SYS_NICE = 23
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
    keep_only(CAP_SYS_NICE)


def keep_only(capability: int) -> bool:
    """Gives up every capability but one, which children then get too. False when even that one is not ours to keep."""
    header = CapHeader(CAPABILITY_VERSION_3, 0)
    held = (CapData * 2)()
    libc.capget(ctypes.byref(header), held)
    kept = held[0].permitted & (1 << capability)
    wanted = (CapData * 2)(CapData(kept, kept, kept), CapData(0, 0, 0))
    if libc.capset(ctypes.byref(header), wanted) != 0 or not kept:
        return False
    return bool(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)
