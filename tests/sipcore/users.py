"""Users of the transaction layer that write down what they are told."""

from __future__ import annotations

from collections.abc import Callable

from native.sip import Message
from sipcore.flow import Flow
from sipcore.transaction import ClientTransaction, ServerTransaction


class RecordingUser:
    """TransactionUser; ``answer`` may respond at once."""

    def __init__(self, answer: Callable[[ServerTransaction], None] = lambda transaction: None) -> None:
        self.answer = answer
        self.transactions: list[ServerTransaction] = []
        self.requests: list[Message] = []  # theirs
        self.cancels: list[tuple[ServerTransaction, ServerTransaction | None]] = []
        self.acks: list[Message] = []
        self.strays: list[Message] = []

    def on_request(self, transaction: ServerTransaction) -> None:
        self.transactions.append(transaction)
        self.requests.append(transaction.request)
        self.answer(transaction)

    def on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None:
        self.cancels.append((cancel, invite))
        cancel.respond(cancel.request.reply(481 if invite is None else 200))

    def on_ack(self, request: Message, flow: Flow) -> None:
        self.acks.append(request)

    def on_stray_response(self, response: Message, flow: Flow) -> None:
        self.strays.append(response)


class RecordingClient:
    """ClientUser; ``told`` has statuses, "timeout" and "transport error" in order."""

    def __init__(self, react: Callable[[ClientTransaction, Message], None] = lambda transaction, response: None) -> None:
        self.react = react
        self.told: list[int | str] = []

    def on_response(self, transaction: ClientTransaction, response: Message) -> None:
        self.told.append(response.status)
        self.react(transaction, response)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self.told.append("timeout")

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        self.told.append("transport error")
