import errno

import pytest

from media.errors import OUT_OF_PORTS, OutOfPortsError
from tests.media.world import World


def test_pairs_are_even_and_odd_and_within_the_range() -> None:
    world = World(first_port=30001, last_port=30008)
    pool = world.pool("192.0.2.10")
    assert pool.free == 3
    assert sorted(pool.take().port for _ in range(3)) == [30002, 30004, 30006]
    assert len(world.open_sockets) == 6


def test_nothing_left_has_the_exact_words() -> None:
    pool = World(first_port=30000, last_port=30003).pool("192.0.2.10")
    pool.take()
    pool.take()
    with pytest.raises(OutOfPortsError) as caught:
        pool.take()
    assert caught.value.reason == OUT_OF_PORTS == "Ran out of ports"


def test_a_port_given_back_comes_last() -> None:
    pool = World(first_port=30000, last_port=30019).pool("192.0.2.10")
    first = pool.take()
    pool.give_back(first)
    order = [pool.take().port for _ in range(10)]
    assert order[-1] == first.port
    assert len(set(order)) == 10


def test_the_start_differs() -> None:
    starts = {World(first_port=30000, last_port=30999).pool("192.0.2.10").take().port for _ in range(20)}
    assert len(starts) > 5


@pytest.mark.parametrize("taken", [30000, 30001])
def test_ports_of_others_are_passed_over_and_closed_again(taken: int) -> None:
    world = World(first_port=30000, last_port=30003)
    world.taken = {taken}
    pool = world.pool("192.0.2.10")
    assert pool.take().port == 30002
    assert len(world.open_sockets) == 2
    assert pool.free == 1
    with pytest.raises(OutOfPortsError):
        pool.take()
    world.taken = set()
    assert pool.take().port == 30000


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
def test_no_descriptors_count_as_no_ports(number: int) -> None:
    world = World()
    world.bind_error = number
    with pytest.raises(OutOfPortsError):
        world.pool("192.0.2.10").take()


def test_an_address_that_is_gone_is_named_and_has_no_ports(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.bind_error = errno.EADDRNOTAVAIL
    with pytest.raises(OutOfPortsError):
        world.pool("192.0.2.10").take()
    assert "can't bind 192.0.2.10: as the test wants it" in caplog.text


def test_several_pairs_are_consecutive() -> None:
    world = World(first_port=30000, last_port=30009)
    pool = world.pool("192.0.2.10")
    block = pool.take(3)
    assert (len(block.sockets), len(world.open_sockets), pool.free) == (3, 6, 2)
    with pytest.raises(OutOfPortsError):
        pool.take(3)
    pool.give_back(block)
    assert len(pool.take(3).sockets) == 3


def test_a_run_is_not_taken_over_a_port_of_others() -> None:
    world = World(first_port=30000, last_port=30007)
    world.taken = {30002}
    pool = world.pool("192.0.2.10")
    assert pool.take(2).port == 30004
    assert len(world.open_sockets) == 4
