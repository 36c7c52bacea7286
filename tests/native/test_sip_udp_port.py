"""UdpPort, UdpFlow and Batches over loopback: what a wake-up does, and which flow is whose."""

from __future__ import annotations

import gc
import select
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import BATCH, SHARE, Batches, Message, Timers, UdpFlow, UdpPort, call_slot
from sipcore.transaction import refusal_tag
from tests.native.shell import LISTENER, Port, Shell
from tests.native.sip_samples import INVITE, RESPONSE

OURS = RESPONSE.replace(Message(RESPONSE).via.sent_by.encode(), b"127.0.0.1:5060", 1)
KEPT = 65536


def test_a_request_is_answered_in_one_wake_up() -> None:
    with Shell() as shell:
        shell.send(INVITE)
        assert [Message(data).status for data in shell.answers(1)] == [200]
        assert shell.counters == {"INVITE over udp": 1}
        assert (shell.engine.told, shell.engine.in_batch) == ([], False)
        assert shell.engine.timers.now > 0
        assert shell.engine.timers.wall > 1_600_000_000


def test_responses_are_ours_by_the_top_via() -> None:
    with Shell() as shell:
        shell.send(OURS, RESPONSE)
        assert [response.raw for response in shell.layer.responses] == [OURS]
        assert shell.counters == {"sip_responses_total": 1, "sip_dropped_responses_total|reason=sent-by": 1}


def test_what_is_no_message_goes_to_the_odd_cases() -> None:
    with Shell() as shell:
        shell.send(b"", b"\r\n\r\n", b"\0", b"hello", b"\r\n" + INVITE)
        assert [data for data, _ in shell.ingress.refused] == [b"hello"]
        assert shell.counters == {"INVITE over udp": 1}
        assert shell.engine.told == []


def test_an_error_with_one_datagram_is_told_and_the_others_are_served() -> None:
    with Shell() as shell:
        receive = shell.engine.receive
        seen: list[bytes] = []

        def watched(data: bytes, flow: Any) -> None:
            seen.append(data)
            if len(seen) == 1:
                raise RuntimeError("a bug")
            receive(data, flow)

        shell.engine.receive = watched
        shell.send(INVITE, INVITE)
        assert len(shell.answers(1)) == 1
        assert shell.engine.told == ["a datagram"]
        assert [str(error) for error in shell.engine.errors] == ["a bug"]


def test_what_is_no_error_leaves_the_wake_up() -> None:
    with Shell() as shell:

        def interrupted(data: bytes, flow: Any) -> None:
            raise KeyboardInterrupt

        shell.engine.receive = interrupted
        with pytest.raises(KeyboardInterrupt):
            shell.send(INVITE)


def test_a_socket_closed_in_the_midst_of_a_batch_ends_it() -> None:
    with Shell() as shell:
        seen: list[bytes] = []

        def closing(data: bytes, flow: UdpFlow) -> None:
            seen.append(data)
            shell.port.socket.close()
            flow.send(b"late")

        shell.engine.receive = closing
        address = shell.port.socket.address
        for _ in range(3):
            shell.peer.sendto(INVITE, address)
        shell.port.ready()
        shell.port.ready()
        assert seen == [INVITE]
        assert shell.engine.told == ["what was to be sent"]


def test_full_batches_are_told_and_more_of_them_taken() -> None:
    with Shell() as shell:
        for _ in range(BATCH + 5):
            shell.peer.sendto(INVITE, shell.port.socket.address)
        shell.port.ready()
        assert shell.engine.told == ["flooded"]
        assert shell.counters == {"INVITE over udp": BATCH + 5}
        assert len(shell.answers(BATCH + 5)) == BATCH + 5


def test_the_first_answers_to_a_burst_leave_before_its_last_message_is_seen() -> None:
    with Shell() as shell:
        receive = shell.engine.receive
        seen: list[int] = []  # answers that had left

        def watched(data: bytes, flow: Any) -> None:
            while select.select([shell.peer], [], [], 0)[0]:
                shell.answers(1)
                left.append(1)
            seen.append(len(left))
            receive(data, flow)

        left: list[int] = []
        shell.engine.receive = watched
        shell.send(*[INVITE] * (2 * SHARE + 1))
        assert seen == [0] * SHARE + [SHARE] * SHARE + [2 * SHARE]
        assert len(shell.answers(1)) == 1


def test_the_gate_and_admission_are_asked() -> None:
    asked: list[str] = []

    class Admission:
        sorting = True

        def takes(self, request: Message, flow: UdpFlow) -> bool:
            asked.append(f"takes {flow.remote[0]}")
            return True

        def cancel(self, request: Message) -> None:
            asked.append("cancel")

    def gate(request: Message, flow: UdpFlow) -> bool:
        asked.append(f"gate {request.method}")
        return request.method != "BYE"

    with Shell() as shell:
        ingress = type(shell.ingress)(shell.layer, shell.counters, gate, Admission())
        shell.engine.receive = ingress.receive
        tag = refusal_tag(Message(INVITE).server_key).encode()
        others = [INVITE.replace(b"INVITE", method) for method in (b"BYE", b"ACK", b"CANCEL")]
        shell.send(INVITE, *others, others[1].replace(b"Bob <sip:bob@biloxi.example.com>", b"<sip:bob@x>;tag=" + tag))
        assert asked == ["gate INVITE", "takes 127.0.0.1", "gate BYE", "gate ACK", "gate CANCEL", "cancel", "gate ACK"]
        assert [Message(data).cseq_method for data in shell.answers(2)] == ["ACK", "CANCEL"]


def test_what_is_another_worker_s_is_passed_on() -> None:
    passed: list[tuple[bytes, int]] = []
    with Shell() as shell:
        shell.ingress.share(0, 2, lambda data, flow, owner: passed.append((data, owner)))
        shell.engine.receive = shell.ingress.receive_shared
        calls = [INVITE.replace(b"3848276298220188511", b"%d" % n) for n in range(8)]
        owners = [call_slot(data) % 2 for data in calls]
        shell.send(*calls, b"hello")
        assert passed == [(data, 1) for data, owner in zip(calls, owners, strict=True) if owner]
        assert shell.counters == {"INVITE over udp": owners.count(0)}
        assert [data for data, _ in shell.ingress.refused] == [b"hello"]
        assert 0 < owners.count(0) < 8
        for wrong in ((2, 2, None), (-1, 2, None), (0, 0, None)):
            with pytest.raises(ValueError, match="one of workers"):
                shell.ingress.share(*wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            shell.ingress.receive_shared("x", None)  # type: ignore[arg-type]


# flows


def test_a_flow_is_the_same_for_datagrams_and_by_its_address() -> None:
    with Shell() as shell:
        flows: list[UdpFlow] = []
        shell.engine.receive = lambda data, flow: flows.append(flow)
        shell.send(INVITE, INVITE)
        flow = shell.port.flow(shell.peer.getsockname())
        assert flows == [flow, flow]
        assert (flow.remote, flow.local_host, flow.listener) == (shell.peer.getsockname(), "127.0.0.1", LISTENER)
        assert (flow.reliable, flow.closed, flow.connection_id, flow.name) == (False, False, 0, "")
        assert shell.port.flow_count == 1


def test_a_wildcard_listener_answers_from_where_it_was_asked() -> None:
    listener = SimpleNamespace(transport="udp", host="0.0.0.0", index=0)
    with Shell("0.0.0.0", listener=listener) as shell:
        port = shell.port.socket.address[1]
        hosts: list[str] = []
        receive = shell.engine.receive

        def noting(data: bytes, flow: UdpFlow) -> None:
            hosts.append(flow.local_host)
            receive(data, flow)

        shell.engine.receive = noting
        for host in ("127.0.0.1", "127.0.0.9", "127.0.0.1"):
            shell.peer.sendto(INVITE, (host, port))
            shell.port.ready()
            assert shell.peer.recvfrom(65536)[1] == (host, port)
        assert hosts == ["127.0.0.1", "127.0.0.9", "127.0.0.1"]
        assert shell.port.flow(("127.0.0.1", 9)).local_host == "0.0.0.0"
        assert shell.port.flow_count == 2


def test_ipv6() -> None:
    with Shell("::1", listener=SimpleNamespace(transport="udp", host="::1", index=0)) as shell:
        shell.send(INVITE)
        assert len(shell.answers(1)) == 1
        known = shell.port.flow(("::1", shell.peer.getsockname()[1]))
        assert known.local_host == "::1"
        other = shell.port.flow(("0:0::1", shell.peer.getsockname()[1]))
        assert other.remote[0] == "0:0::1"
        assert shell.port.flow(known.remote) is known


def test_the_local_host_last_used_is_remembered_by_address() -> None:
    with Shell() as shell:
        first = shell.port.flow(("192.0.2.1", 5060))
        second = shell.port.flow(("192.0.2.1", 5060), "127.0.0.2")
        assert (first.local_host, second.local_host) == ("127.0.0.1", "127.0.0.2")
        assert shell.port.flow(("192.0.2.1", 5060)) is second
        assert shell.port.flow(("192.0.2.1", 5060), "127.0.0.2") is second
        assert shell.port.flow_count == 1


def test_flows_are_not_kept_without_end() -> None:
    with Shell() as shell:
        first = shell.port.flow(("10.0.0.0", 1))
        for n in range(1, KEPT + 10):
            shell.port.flow((f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1))
        assert 0 < shell.port.flow_count < KEPT
        assert shell.port.flow(("10.0.0.0", 1)) is not first


@pytest.mark.parametrize("wrong", [("nowhere", 5060), ("::1", 5060), ("127.0.0.1", 70000)])
def test_an_address_nothing_can_be_sent_to_fails_when_it_is_used(wrong: Any) -> None:
    with Shell() as shell:
        shell.engine.begin()
        shell.port.flow(wrong).send(b"x")
        shell.engine.end()
        assert shell.port.failures == [wrong]
        assert shell.port.flow_count == 0


def test_what_is_no_address_or_no_bytes_is_refused() -> None:
    with Shell() as shell:
        for call in (
            lambda: shell.port.flow("127.0.0.1"),  # type: ignore[arg-type]
            lambda: shell.port.flow(("127.0.0.1", "x")),  # type: ignore[arg-type]
            lambda: shell.port.flow(("127.0.0.1", 1), 5),  # type: ignore[arg-type]
            lambda: shell.port.flow(("127.0.0.1", 1)).send("x"),  # type: ignore[arg-type]
            lambda: shell.ingress.receive("x", None),  # type: ignore[arg-type]
            lambda: UdpPort(None, LISTENER, shell.engine),  # type: ignore[arg-type]
            lambda: UdpPort(shell.port.socket, LISTENER, None),  # type: ignore[arg-type]
            lambda: UdpPort(shell.port.socket, SimpleNamespace(host=5), shell.engine),
            lambda: UdpPort(shell.port.socket, LISTENER, shell.engine, int),  # type: ignore[arg-type]
            lambda: shell.port.__init__(shell.port.socket, LISTENER, shell.engine),  # type: ignore[misc]
            lambda: Batches(None),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError):
                call()
        for call in (lambda: UdpPort.__new__(UdpPort).ready(), lambda: UdpPort.__new__(UdpPort).flush()):
            with pytest.raises(ValueError, match="without a socket"):
                call()


# what is sent


def test_nothing_leaves_before_the_end_and_what_is_discarded_never() -> None:
    with Shell() as shell:
        flow = shell.port.flow(shell.peer.getsockname())
        shell.peer.setblocking(False)
        shell.engine.begin()
        for n in range(3 * BATCH):
            flow.send(b"%d" % n)
        with pytest.raises(BlockingIOError):
            shell.peer.recv(10)
        assert shell.engine.to_flush == [shell.port]
        shell.port.discard()
        shell.engine.end()
        with pytest.raises(BlockingIOError):
            shell.peer.recv(10)
        shell.engine.begin()
        for n in range(3 * BATCH):
            flow.send(b"%d" % n)
        shell.engine.end()
        assert shell.answers(3 * BATCH) == [b"%d" % n for n in range(3 * BATCH)]


def test_a_flow_of_another_kind_is_asked_to_send() -> None:
    sent: list[bytes] = []

    class Watched(UdpFlow):
        __slots__ = ()

        def send(self, data: bytes, /) -> None:
            sent.append(data)
            super().send(data)

    with Shell(flow_type=Watched) as shell:
        shell.send(INVITE)
        assert shell.answers(1) == sent
        assert isinstance(shell.port.flow(("127.0.0.1", 9)), Watched)


def test_what_icmp_brings_back_is_told() -> None:
    with Shell() as shell:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            dead = gone.getsockname()
        shell.engine.begin()
        shell.port.flow(dead).send(b"lost")
        shell.engine.end()
        shell.port.ready()
        assert shell.port.unreachable == [(dead, b"lost")]
        assert shell.port.failures == []


def test_a_lost_batch_is_told_with_its_error() -> None:
    class Losing(Batches):
        def lose_batch(self) -> None:
            lost.append(self.in_batch)

        def arm_tick(self, deadline: float) -> None: ...

    def commit() -> None:
        raise OSError("no space")

    lost: list[bool] = []
    batches = Losing(Timers(0.0, 0.0), commit)
    batches.begin()
    batches.end()
    assert (lost, batches.in_batch) == ([True], False)


def test_a_port_that_was_closed_leaves_nothing_behind() -> None:
    gc.collect()
    before = len([each for each in gc.get_objects() if isinstance(each, UdpPort)])
    for _ in range(10):
        with Shell() as shell:
            shell.send(INVITE)
            port: Port = shell.port
        del shell, port
    gc.collect()
    assert len([each for each in gc.get_objects() if isinstance(each, UdpPort)]) == before
