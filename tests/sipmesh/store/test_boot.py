"""When bindings and calls outlive the node, and when they can't be trusted."""

from pathlib import Path

from sipmesh.store import Store
from sipmesh.store.boot import discard_if_damaged, mark_synced
from tests.sipmesh.store.helpers import binding


def start(data: Path, boot_id: str) -> int:
    """AORs found by a node that starts under ``boot_id``."""
    data.mkdir(exist_ok=True)
    discard_if_damaged(data, boot_id)
    store = Store.open(data)
    found = store.locations.count()
    store.locations.put("alice@example.com", [binding()])
    store.commit()
    store.close()
    return found


def test_bindings_outlive_the_node(tmp_path: Path) -> None:
    assert start(tmp_path / "data", "boot 1") == 0
    assert start(tmp_path / "data", "boot 1") == 1


def test_bindings_outlive_a_reboot_after_a_clean_stop(tmp_path: Path) -> None:
    start(tmp_path / "data", "boot 1")
    mark_synced(tmp_path / "data")
    assert start(tmp_path / "data", "boot 2") == 1


def test_bindings_do_not_outlive_a_crash_of_the_operating_system(tmp_path: Path) -> None:
    start(tmp_path / "data", "boot 1")
    assert start(tmp_path / "data", "boot 2") == 0


def test_the_running_kernel_has_a_boot_id(tmp_path: Path) -> None:
    assert not discard_if_damaged(tmp_path)
    assert len((tmp_path / "boot").read_text()) == 36
