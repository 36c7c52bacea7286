"""The node's sockets: opened all or none, with a word to the operator for each way to fail."""

import socket
from pathlib import Path

import msgspec
import pytest

from interop.ports import free_port
from sipmesh.config import Config
from sipmesh.config_load import parse_config
from sipmesh.sockets import SocketError, open_sockets


def config(folder: Path, address: str, more: str = "") -> Config:
    text = f'[node]\nname = "a"\ndata = "d"\n[[listen]]\ntransport = "udp"\naddress = "{address}"\n'
    text += f'[[listen]]\ntransport = "tcp"\naddress = "{address}"\n'
    return parse_config(text + more, base=folder).config


def test_every_socket_is_bound_and_takes_traffic(tmp_path: Path) -> None:
    port, ng_port, console_port = free_port(), free_port(), free_port()
    more = f'[media]\nng = "127.0.0.1:{ng_port}"\n[console]\naddress = "127.0.0.1:{console_port}"\n'
    sockets = open_sockets(config(tmp_path, f"127.0.0.1:{port}", more))
    (sip,) = sockets.sip
    udp, tcp = sip[0], sip[1]
    assert sockets.siblings == [{}]
    assert (udp.type, tcp.type) == (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    assert udp.getsockname() == tcp.getsockname() == ("127.0.0.1", port)
    assert not udp.getblocking()
    assert udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 200_000
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", console_port)):
        pass
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(tmp_path / "d" / "ng.sock"))
    assert (tmp_path / "d" / "ng.sock").stat().st_mode & 0o777 == 0o600
    assert sockets.ng_udp is not None
    assert sockets.ng_udp.getsockname() == ("127.0.0.1", ng_port)
    sockets.close()


def test_workers_share_each_address_and_have_a_way_to_each_other(tmp_path: Path) -> None:
    port = free_port()
    settings = config(tmp_path, f"127.0.0.1:{port}")
    settings = msgspec.structs.replace(settings, node=msgspec.structs.replace(settings.node, signal_workers=3))
    sockets = open_sockets(settings)
    names = {opened.getsockname() for each in sockets.sip for opened in each.values()}
    assert (len(sockets.sip), names) == (3, {("127.0.0.1", port)})
    assert [sorted(links) for links in sockets.siblings] == [[1, 2], [0, 2], [0, 1]]
    sockets.siblings[0][2].send(b"x" * 100_000)
    assert len(sockets.siblings[2][0].recv(200_000)) == 100_000
    with pytest.raises(SocketError, match="taken by another program"):
        open_sockets(settings)  # SO_REUSEPORT must not let two nodes share a port
    sockets.close()
    open_sockets(settings).close()


def test_a_second_start_reuses_the_path_and_the_ports(tmp_path: Path) -> None:
    settings = config(tmp_path, f"127.0.0.1:{free_port()}")
    first = open_sockets(settings)
    names = [opened.getsockname() for each in first.sip for opened in each.values()]
    first.close()
    again = open_sockets(settings)
    assert [opened.getsockname() for each in again.sip for opened in each.values()] == names
    again.close()


def test_ipv6_leaves_the_port_of_ipv4_free(tmp_path: Path) -> None:
    port = free_port()
    sockets = open_sockets(config(tmp_path, f"[::]:{port}"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        assert other.getsockname() == ("127.0.0.1", port)
    sockets.close()


def test_a_taken_port_is_named_and_nothing_stays_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SocketError) as caught:
            open_sockets(config(tmp_path, f"127.0.0.1:{port}"))
    expected = f"127.0.0.1:{port} (tcp) is taken by another program; stop that one, or change address of [[listen]] 2"
    assert str(caught.value) == expected
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))


def test_an_address_of_another_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(SocketError, match=r"192\.0\.2\.77:5060 \(udp\) is no address of this machine"):
        open_sockets(config(tmp_path, "192.0.2.77:5060"))


def test_a_data_folder_too_deep_for_a_socket_is_named(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    with pytest.raises(SocketError, match=r"too long a path for a socket; change data in \[node\]"):
        open_sockets(config(deep, f"127.0.0.1:{free_port()}"))
