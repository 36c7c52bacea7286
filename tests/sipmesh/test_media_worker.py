import msgspec
import pytest

from media.daemon import MediaDaemon
from media.settings import Interface, RecordingSettings
from native.relay import Relay
from sipmesh.config import Config, Limits, Listen, Media, Node
from sipmesh.console.metrics import HELP
from sipmesh.media_worker import gauges_of, settings_of


def configured(**media: object) -> Config:
    return Config(
        node=Node(name="a"),
        listen=(Listen(transport="udp", address="127.0.0.2:5060"),),
        media=Media(**media),  # type: ignore[arg-type]
        limits=Limits(media_timeout_s=20.0, media_hold_timeout_s=200.0),
    )


@pytest.mark.parametrize(
    ("media", "interface"),
    [
        ({}, Interface("127.0.0.2", "127.0.0.2")),
        ({"address": "127.0.0.3"}, Interface("127.0.0.3", "127.0.0.3")),
        ({"address": "127.0.0.3", "advertise": "203.0.113.5"}, Interface("127.0.0.3", "203.0.113.5")),
        ({"address": "0.0.0.0", "advertise": "203.0.113.5"}, Interface("0.0.0.0", "203.0.113.5")),
    ],
)
def test_the_address_is_that_of_media_or_the_first_listener(media: dict[str, object], interface: Interface) -> None:
    assert settings_of(configured(**media)).interfaces == (interface,)


def test_a_wildcard_is_announced_as_an_address_others_can_reach() -> None:
    (interface,) = settings_of(configured(address="0.0.0.0")).interfaces
    assert interface.announced != "0.0.0.0"


def test_ports_networks_and_times_are_those_of_the_file() -> None:
    settings = settings_of(configured(ports="31000-31999", ng_allow=("10.0.0.0/8",)))
    assert (settings.first_port, settings.last_port, settings.ng_allow) == (31000, 31999, ("10.0.0.0/8",))
    assert (settings.timeout_s, settings.held_timeout_s, settings.unanswered_timeout_s) == (20.0, 200.0, 200.0)
    assert (settings.ng, settings.unix_path) == (None, "")


def test_media_goes_to_no_server_of_the_node() -> None:
    listeners = (
        Listen(transport="udp", address="127.0.0.2:5060"),
        Listen(transport="tcp", address="127.0.0.2:5062"),
        Listen(transport="udp", address="[::]:5064"),
    )
    config = msgspec.structs.replace(configured(ng="127.0.0.1:2223"), listen=listeners)
    assert settings_of(config).servers == (("127.0.0.2", 5060), ("::", 5064), ("127.0.0.1", 2223))


def test_limits_and_recordings_are_those_of_the_file() -> None:
    config = configured(recording_dir="/srv/records", recording_mb=5, recording_free_mb=7, recording_calls=3)
    limits = Limits(media_calls=100, media_cpu_percent=80, media_load_average=4, media_mbit_per_s=8)
    settings = settings_of(msgspec.structs.replace(config, limits=limits))
    assert settings.recording == RecordingSettings("/srv/records", 5_000_000, 7_000_000, 3)
    assert (settings.max_calls, settings.max_cpu_percent, settings.max_load_average) == (100, 80, 4)
    assert settings.max_bytes_per_s == 1_000_000


def test_each_gauge_can_be_read_and_is_explained() -> None:
    relay = Relay(threads=1, capacity=8, fifo=False)
    gauges = gauges_of(MediaDaemon(settings_of(configured()), relay), relay)
    values = {name.partition("|")[0].removesuffix("_total"): float(read()) for name, read in gauges.items()}
    assert values.keys() <= HELP.keys()
    assert values.pop("media_free_port_pairs") > 0
    assert set(values.values()) == {0.0}
