/* What opens, places and closes lines on a relay (media.streams.Lines). */
#ifndef RELAY_LINES_H
#define RELAY_LINES_H

#include "relay_line.h"

typedef struct {
    PyObject_HEAD
    PyObject *relay;  /* a Relay, or whatever has its methods */
    PyObject *pools;  /* dict: PortPools by host */
    PyObject *chains; /* a ChainsObject */
    PyObject *line_type;
    PyObject *places, *muted; /* of a new line */
    PyObject *encodings;      /* dict: by stream a dict by payload type */
    PyObject *leaving;        /* list: lines that are closed but still have their ports */
    Py_ssize_t streams;       /* that the relay has of ours */
} LinesObject;

#define RELAY_LINES_OBJECTS 8 /* from relay on */

/* These return false with an exception set. */
bool relay_lines_remove(LinesObject *self, LineObject *line);
bool relay_lines_give_back(LinesObject *self, LineObject *line);
bool relay_lines_reap(LinesObject *self);

/* Methods. */
PyObject *relay_lines_open(LinesObject *self, PyObject *args);
PyObject *relay_lines_close(LinesObject *self, PyObject *line);
PyObject *relay_lines_place(LinesObject *self, PyObject *args);
PyObject *relay_lines_learn(LinesObject *self, PyObject *args);
PyObject *relay_lines_release(LinesObject *self, PyObject *line);
PyObject *relay_lines_totals(LinesObject *self, PyObject *line);
PyObject *relay_lines_counts(LinesObject *self, PyObject *line);

#endif
