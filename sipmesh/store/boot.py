"""``live`` is not synced, so a crash of the operating system may leave a damaged one: it is then started anew."""

import os
import shutil
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SYNCED = "synced"


def discard_if_damaged(data: Path, boot_id: str | None = None) -> bool:
    """To be called before the first ``Store.open`` of a run. True when bindings and calls were thrown away."""
    boot_id = boot_id or BOOT_ID.read_text().strip()
    marker, live = data / "boot", data / "live"
    written = marker.read_text().strip() if marker.exists() else ""
    damaged = live.exists() and written not in (boot_id, SYNCED)
    if damaged:
        shutil.rmtree(live)
    marker.write_text(boot_id)
    return damaged


def mark_synced(data: Path) -> None:
    """To be called when every process of the node has ended: ``live`` then survives the end of the operating system too."""
    descriptor = os.open(data / "live" / "data.mdb", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    (data / "boot").write_text(SYNCED)
