/* native.relay.SectionBase: a section of a body, whose fields are made when they are asked for. */
#include "relay_description.h"

#include <stddef.h>

/* The connection a line names, None for none; NULL with an exception set: ValueError (line, what is wrong with it). */
static PyObject *read_connection_of(struct relay_span span, size_t line, PyObject *read_connection)
{
    if (span.size == 0)
        Py_RETURN_NONE;
    PyObject *text = relay_text_of(span);
    PyObject *read = text == NULL ? NULL : PyObject_CallOneArg(read_connection, text);
    Py_XDECREF(text);
    if (read == NULL || PyObject_TypeCheck(read, &relay_connection_type))
        return read;
    if (PyUnicode_Check(read))
        return relay_sdp_raise(line, read);
    Py_DECREF(read);
    return PyErr_Format(PyExc_TypeError, "a connection, or what is wrong with it, is to be read");
}

PyObject *relay_section_make(PyTypeObject *type, struct relay_body *body, const struct relay_sdp_section *section, PyObject *read_connection)
{
    SectionObject *self = (SectionObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    body->owners++;
    self->body = body;
    self->section = section;
    self->connection = section->connection.at == NULL
                           ? Py_NewRef(Py_None)
                           : read_connection_of(section->connection, section->connection_line, read_connection);
    if (self->connection != NULL)
        self->rtcp_connection = read_connection_of(section->rtcp, section->rtcp_line, read_connection);
    if (self->rtcp_connection == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void section_dealloc(SectionObject *self)
{
    relay_body_leave(self->body);
    Py_XDECREF(self->connection);
    Py_XDECREF(self->rtcp_connection);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* One field of a section, by where it lies there. */

static PyObject *get_span(SectionObject *self, void *offset)
{
    return relay_text_of(*(const struct relay_span *)((const char *)self->section + (size_t)offset));
}

static PyObject *get_size(SectionObject *self, void *offset)
{
    return PyLong_FromSize_t(*(const size_t *)((const char *)self->section + (size_t)offset));
}

static PyObject *get_short(SectionObject *self, void *offset)
{
    return PyLong_FromLong(*(const uint16_t *)((const char *)self->section + (size_t)offset));
}

static PyObject *get_flag(SectionObject *self, void *offset)
{
    return PyBool_FromLong(*(const bool *)((const char *)self->section + (size_t)offset));
}

static PyObject *get_held(SectionObject *self, void *Py_UNUSED(unused))
{
    return PyBool_FromLong(relay_sdp_is_held(&self->body->sdp.section[0], self->section));
}

static PyObject *get_connection(SectionObject *self, void *Py_UNUSED(unused)) { return Py_NewRef(self->connection); }

static PyObject *get_rtcp_connection(SectionObject *self, void *Py_UNUSED(unused)) { return Py_NewRef(self->rtcp_connection); }

/* Its lines, each taken apart. */
static PyObject *get_fields(SectionObject *self, void *Py_UNUSED(unused))
{
    PyObject *lines = PyList_New(0);
    struct relay_span rest = self->section->text, bare;
    struct relay_sdp_line line;
    while (lines != NULL && relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        PyObject *parts = Py_BuildValue("(NNN)", relay_text_of(line.text), relay_text_of(line.name), relay_text_of(line.value));
        if (parts == NULL || PyList_Append(lines, parts) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(parts);
    }
    return lines;
}

#define FIELD(name, get, what) {#name, (getter)get, NULL, what, (void *)offsetof(struct relay_sdp_section, name)}

static PyGetSetDef section_fields[] = {
    FIELD(number, get_size, "Of the first line."),
    FIELD(end, get_size, "Of the line after the last."),
    FIELD(direction, get_span, "As it is said here."),
    FIELD(fingerprint, get_flag, "There is an a=fingerprint."),
    FIELD(crypto, get_flag, "There is an a=crypto."),
    FIELD(kind, get_span, "audio, video, image ..."),
    FIELD(port, get_short, "0: none."),
    FIELD(count, get_short, "Of consecutive ports."),
    FIELD(protocol, get_span, "The profile."),
    FIELD(formats, get_span, "As they stand in the m= line."),
    FIELD(mux, get_flag, "There is an a=rtcp-mux."),
    FIELD(mid, get_span, "Of a=mid."),
    FIELD(rtcp_port, get_short, "Of a=rtcp; 0: none."),
    {"rtcp_connection", (getter)get_rtcp_connection, NULL, "Of a=rtcp.", NULL},
    {"connection", (getter)get_connection, NULL, "Of its own c= line.", NULL},
    {"held", (getter)get_held, NULL, "By a zero address.", NULL},
    {"fields", (getter)get_fields, NULL, "Its lines.", NULL},
    {0},
};

PyTypeObject relay_section_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.SectionBase",
    .tp_basicsize = sizeof(SectionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)section_dealloc,
    .tp_getset = section_fields,
};
