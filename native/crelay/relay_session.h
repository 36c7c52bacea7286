/* Who is in a call (media.session). Nothing in here leads back to a dialogue or a side, so the garbage collector need not know of them. */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "relay_counters.h"

typedef struct {
    PyObject_HEAD
    PyObject *tag; /* str */
    PyObject *interface, *announced, *label, *muted, *described;
    double created_at;
} SideObject;

typedef struct {
    PyObject_HEAD
    PyObject *sides;         /* tuple of two SideObjects */
    PyObject *via_branch;    /* str */
    PyObject *lines, *offers; /* lists */
    PyObject *past;          /* Totals */
    double created_at;
    int last_offerer;
    char answered, reports;
} DialogueObject;

extern PyTypeObject relay_side_type, relay_dialogue_type;

#endif
