"""The four transaction machines as data (RFC 3261 section 17, figures 5 to 8; RFC 6026 figures 5 and 7; RFC 4320).

``TABLE[state][event]`` is (next state, actions); the first state is the one it begins in. An action is the name of a method of
ServerTransaction or ClientTransaction; ``start_x`` starts Timer X, ``settle_x`` makes it the only one. ``native.sip.Machine``
takes the steps; it knows these names of states and events and no others.
No entry: the event is illegal in that state, changes nothing and is counted. No actions: the event is legal and absorbed.
"""

from typing import Final

State = str
Event = str
Rule = tuple[State, tuple[str, ...]]
Table = dict[State, dict[Event, Rule]]

CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
ACCEPTED: Final = "accepted"
TERMINATED: Final = "terminated"

# what a message can be; for a server transaction the responses come from its user, for a client transaction from the network
REQUEST: Final = "request"  # a retransmission
ACK: Final = "ack"
PROVISIONAL: Final = "1xx"
SUCCESS: Final = "2xx"
FAILURE: Final = "300-699"
ONCE: Final = "final, once"  # such as a repetition of the request would get again (RFC 3261 section 8.2.7)
CANCEL: Final = "cancel"  # the user wants its INVITE cancelled
TRANSPORT_ERROR: Final = "transport error"

TIMER_A: Final = "timer A"
TIMER_B: Final = "timer B"
TIMER_D: Final = "timer D"
TIMER_E: Final = "timer E"
TIMER_F: Final = "timer F"
TIMER_G: Final = "timer G"
TIMER_H: Final = "timer H"
TIMER_I: Final = "timer I"
TIMER_J: Final = "timer J"
TIMER_K: Final = "timer K"
TIMER_L: Final = "timer L"
TIMER_M: Final = "timer M"
TIMER_TRYING: Final = "timer 100"  # RFC 3261 section 17.2.1: 200 ms; RFC 4320 section 4.1: when Timer E reaches T2
TIMER_CANCELLED: Final = "timer cancelled"  # RFC 3261 section 9.1: 64*T1 after the CANCEL
TIMER_EXPIRED: Final = "timer expired"  # RFC 4320 section 4.2: too late for any final response

EVENTS: Final = (
    *(REQUEST, ACK, PROVISIONAL, SUCCESS, FAILURE, ONCE, CANCEL, TRANSPORT_ERROR),
    *(TIMER_A, TIMER_B, TIMER_D, TIMER_E, TIMER_F, TIMER_G, TIMER_H, TIMER_I, TIMER_J, TIMER_K, TIMER_L, TIMER_M),
    *(TIMER_TRYING, TIMER_CANCELLED, TIMER_EXPIRED),
)

# A transport error leaves a server transaction where it is (RFC 6026 section 7.1), so it is no event of these two.
INVITE_SERVER: Final[Table] = {
    PROCEEDING: {
        REQUEST: (PROCEEDING, ("resend",)),
        PROVISIONAL: (PROCEEDING, ("send",)),
        SUCCESS: (ACCEPTED, ("pass_on", "settle_l", "release")),
        FAILURE: (COMPLETED, ("stop_timers", "send", "start_g", "start_h", "release")),
        TIMER_TRYING: (PROCEEDING, ("send_trying",)),
    },
    ACCEPTED: {
        REQUEST: (ACCEPTED, ()),
        SUCCESS: (ACCEPTED, ("pass_on",)),
        ACK: (ACCEPTED, ("tell_ack",)),
        TIMER_L: (TERMINATED, ("forget",)),
    },
    COMPLETED: {
        REQUEST: (COMPLETED, ("resend",)),
        ACK: (CONFIRMED, ("settle_i",)),
        TIMER_G: (COMPLETED, ("resend", "restart_g")),
        TIMER_H: (TERMINATED, ("forget",)),
    },
    CONFIRMED: {
        REQUEST: (CONFIRMED, ()),  # one that was overtaken by the ACK
        ACK: (CONFIRMED, ()),
        TIMER_I: (TERMINATED, ("forget",)),
    },
    TERMINATED: {},
}

# RFC 4320 section 4.1 leaves no provisional response for the user to send: the only legal one, 100, is the machine's own.
_FINAL_OF_NON_INVITE: Final[Rule] = (COMPLETED, ("send", "settle_j", "release"))
_ONLY_ANSWER: Final[Rule] = (TERMINATED, ("pass_on", "forget", "release"))
NON_INVITE_SERVER: Final[Table] = {
    TRYING: {
        REQUEST: (TRYING, ()),
        SUCCESS: _FINAL_OF_NON_INVITE,
        FAILURE: _FINAL_OF_NON_INVITE,
        ONCE: _ONLY_ANSWER,
        TIMER_TRYING: (PROCEEDING, ("send_trying", "start_expiry")),
    },
    PROCEEDING: {
        REQUEST: (PROCEEDING, ("resend",)),
        SUCCESS: _FINAL_OF_NON_INVITE,
        FAILURE: _FINAL_OF_NON_INVITE,
        ONCE: _ONLY_ANSWER,
        TIMER_EXPIRED: (TERMINATED, ("forget", "release")),
    },
    COMPLETED: {
        REQUEST: (COMPLETED, ("resend",)),
        TIMER_J: (TERMINATED, ("forget",)),
    },
    TERMINATED: {},
}

_ACCEPT: Final[Rule] = (ACCEPTED, ("settle_m", "tell", "release"))
_REJECT: Final[Rule] = (COMPLETED, ("send_ack", "settle_d", "tell", "release"))
INVITE_CLIENT: Final[Table] = {
    CALLING: {
        PROVISIONAL: (PROCEEDING, ("stop_timers", "tell", "send_remembered_cancel")),
        SUCCESS: _ACCEPT,
        FAILURE: _REJECT,
        CANCEL: (CALLING, ("remember_cancel",)),  # RFC 3261 section 9.1: no CANCEL before a provisional response
        TIMER_A: (CALLING, ("resend", "restart_a")),
        TIMER_B: (TERMINATED, ("forget", "tell_timeout", "release")),
        TRANSPORT_ERROR: (TERMINATED, ("forget", "tell_transport_error", "release")),
    },
    PROCEEDING: {
        PROVISIONAL: (PROCEEDING, ("tell",)),
        SUCCESS: _ACCEPT,
        FAILURE: _REJECT,
        CANCEL: (PROCEEDING, ("send_cancel",)),
        TIMER_CANCELLED: (TERMINATED, ("forget", "tell_timeout", "release")),
        TRANSPORT_ERROR: (PROCEEDING, ()),  # the final response may come over another connection (section 18.2.2)
    },
    ACCEPTED: {
        PROVISIONAL: (ACCEPTED, ()),
        SUCCESS: (ACCEPTED, ("tell",)),
        CANCEL: (ACCEPTED, ()),
        TIMER_M: (TERMINATED, ("forget", "drop_owner")),
        TRANSPORT_ERROR: (ACCEPTED, ()),
    },
    COMPLETED: {
        PROVISIONAL: (COMPLETED, ()),
        FAILURE: (COMPLETED, ("resend_ack",)),
        CANCEL: (COMPLETED, ()),
        TIMER_D: (TERMINATED, ("forget",)),
        TRANSPORT_ERROR: (TERMINATED, ("forget",)),  # figure 5 tells the user; ours has its final response already
    },
    TERMINATED: {},
}

_FINAL_TO_CLIENT: Final[Rule] = (COMPLETED, ("settle_k", "tell", "release"))
_TIMEOUT: Final[Rule] = (TERMINATED, ("forget", "tell_timeout", "release"))
_LOST: Final[Rule] = (TERMINATED, ("forget", "tell_transport_error", "release"))
NON_INVITE_CLIENT: Final[Table] = {
    TRYING: {
        PROVISIONAL: (PROCEEDING, ("tell",)),
        SUCCESS: _FINAL_TO_CLIENT,
        FAILURE: _FINAL_TO_CLIENT,
        TIMER_E: (TRYING, ("resend", "restart_e")),
        TIMER_F: _TIMEOUT,
        TRANSPORT_ERROR: _LOST,
    },
    PROCEEDING: {
        PROVISIONAL: (PROCEEDING, ("tell",)),
        SUCCESS: _FINAL_TO_CLIENT,
        FAILURE: _FINAL_TO_CLIENT,
        TIMER_E: (PROCEEDING, ("resend", "restart_e_slowly")),
        TIMER_F: _TIMEOUT,
        TRANSPORT_ERROR: _LOST,
    },
    COMPLETED: {
        PROVISIONAL: (COMPLETED, ()),
        SUCCESS: (COMPLETED, ()),
        FAILURE: (COMPLETED, ()),
        TIMER_K: (TERMINATED, ("forget",)),
        TRANSPORT_ERROR: (COMPLETED, ()),
    },
    TERMINATED: {},
}
