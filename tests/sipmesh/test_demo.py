"""The demo node's file and what it tells people to type."""

from pathlib import Path

import pytest

from sipmesh.config_load import load_config
from sipmesh.demo import DemoError, demo_banner, prepare_demo


def test_the_first_run_makes_a_good_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = prepare_demo(tmp_path / "var" / "demo")
    loaded = load_config(file)
    assert loaded.warnings == []
    assert file.stat().st_mode & 0o777 == 0o600
    assert [user.aor for user in loaded.config.user] == ["alice@127.0.0.1", "bob@127.0.0.1"]
    assert [(each.transport, each.address) for each in loaded.config.listen] == [
        ("udp", "127.0.0.1:5060"),
        ("tcp", "127.0.0.1:5060"),
    ]
    assert loaded.config.console is not None
    assert loaded.config.console.address == "127.0.0.1:8080"


def test_later_runs_keep_the_file_and_each_node_has_its_own_passwords(tmp_path: Path) -> None:
    first = prepare_demo(tmp_path / "a").read_text()
    assert prepare_demo(tmp_path / "a").read_text() == first
    assert prepare_demo(tmp_path / "b").read_text() != first


def test_the_banner_has_all_that_a_phone_wants(tmp_path: Path) -> None:
    config = load_config(prepare_demo(tmp_path)).config
    banner = demo_banner(config)
    for user in config.user:
        assert f"user {user.aor.partition('@')[0]}" in banner
        assert f"password {user.password}" in banner
    assert "127.0.0.1:5060   (UDP or TCP)" in banner
    assert "sip:bob@127.0.0.1" in banner
    assert "http://127.0.0.1:8080/" in banner


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DemoError, match=r"file/demo/sipmesh\.toml can't be made: Not a directory"):
        prepare_demo(tmp_path / "file" / "demo")
