/* A machine: the rules of one kind of transaction. The tables are Python's (sipcore/transaction_table.py); here their names are
 * numbers, and their actions functions. */
#ifndef SIP_MACHINE_H
#define SIP_MACHINE_H

#include "sip_py.h"

enum sip_state {
    SIP_CALLING,
    SIP_TRYING,
    SIP_PROCEEDING,
    SIP_COMPLETED,
    SIP_CONFIRMED,
    SIP_ACCEPTED,
    SIP_TERMINATED,
    SIP_STATE_COUNT
};

enum sip_event {
    SIP_ON_REQUEST,
    SIP_ON_ACK,
    SIP_ON_PROVISIONAL,
    SIP_ON_SUCCESS,
    SIP_ON_FAILURE,
    SIP_ON_ONCE,
    SIP_ON_CANCEL,
    SIP_ON_TRANSPORT_ERROR,
    SIP_ON_TIMER_A,
    SIP_ON_TIMER_B,
    SIP_ON_TIMER_D,
    SIP_ON_TIMER_E,
    SIP_ON_TIMER_F,
    SIP_ON_TIMER_G,
    SIP_ON_TIMER_H,
    SIP_ON_TIMER_I,
    SIP_ON_TIMER_J,
    SIP_ON_TIMER_K,
    SIP_ON_TIMER_L,
    SIP_ON_TIMER_M,
    SIP_ON_TIMER_TRYING,
    SIP_ON_TIMER_CANCELLED,
    SIP_ON_TIMER_EXPIRED,
    SIP_EVENT_COUNT
};

/* An action in C is a METH_O method: it is called as such from Python, and by its function from a machine. */
typedef PyObject *(*sip_action)(PyObject *transaction, PyObject *message);

struct sip_step {
    sip_action native; /* NULL: `method` is called */
    PyObject *method;
};

struct sip_rule {
    bool legal;
    uint8_t after; /* the next state */
    uint8_t count;
    struct sip_step *steps;
};

typedef struct {
    PyObject_HEAD
    PyTypeObject *cls; /* of its transactions; the steps are its methods */
    uint8_t first;     /* the state they begin in */
    struct sip_rule rules[SIP_STATE_COUNT][SIP_EVENT_COUNT];
} MachineObject;

extern PyTypeObject sip_machine_type;

int sip_machine_init(void);

/* Borrowed strings. */
PyObject *sip_state_name(unsigned state);
PyObject *sip_event_name(unsigned event);
/* The number of an event; -1 for none, without an exception. */
int sip_event_of(PyObject *name);

#endif
