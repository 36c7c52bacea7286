/* native.relay.DescribedBase: what a party last said of one line. */
#include "relay_description.h"

#include <structmember.h>

#define OBJECTS 7 /* from kind on */

static PyObject *described_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "protocol", "direction", "mux", "endpoint", "rtp_map", "mid", "stream_kind", NULL};
    PyObject *given[OBJECTS];
    int mux;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUUpOOUO", names, &given[0], &given[1], &given[2], &mux, &given[3], &given[4], &given[5],
                                     &given[6]))
        return NULL;
    DescribedObject *self = (DescribedObject *)type->tp_alloc(type, 0);
    for (int i = 0; self != NULL && i < OBJECTS; i++)
        (&self->kind)[i] = Py_NewRef(given[i]);
    if (self != NULL) {
        self->ice = Py_NewRef(Py_None);
        self->mux = (char)mux;
    }
    return (PyObject *)self;
}

static void described_dealloc(DescribedObject *self)
{
    for (int i = 0; i < OBJECTS; i++)
        Py_XDECREF((&self->kind)[i]);
    Py_XDECREF(self->ice);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef described_fields[] = {
    {"kind", T_OBJECT_EX, offsetof(DescribedObject, kind), READONLY, "audio, image ..."},
    {"protocol", T_OBJECT_EX, offsetof(DescribedObject, protocol), READONLY, "The profile."},
    {"direction", T_OBJECT_EX, offsetof(DescribedObject, direction), READONLY, "sendrecv ..., as it says it."},
    {"mux", T_BOOL, offsetof(DescribedObject, mux), READONLY, "It multiplexes RTCP."},
    {"endpoint", T_OBJECT_EX, offsetof(DescribedObject, endpoint), READONLY, "Where it is."},
    {"rtp_map", T_OBJECT_EX, offsetof(DescribedObject, rtp_map), READONLY, "What its formats mean."},
    {"mid", T_OBJECT_EX, offsetof(DescribedObject, mid), READONLY, "RFC 5888."},
    {"stream_kind", T_OBJECT_EX, offsetof(DescribedObject, stream_kind), READONLY, "What the relay makes of it; None: nothing."},
    {"ice", T_OBJECT_EX, offsetof(DescribedObject, ice), 0, "What it says of ICE; None: nothing that counts."},
    {0},
};

PyTypeObject relay_described_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.DescribedBase",
    .tp_basicsize = sizeof(DescribedObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = described_new,
    .tp_dealloc = (destructor)described_dealloc,
    .tp_members = described_fields,
};
