/* native.relay.DescriptionBase: a body read. */
#include "relay_description.h"

void relay_body_leave(struct relay_body *body)
{
    if (body == NULL || --body->owners > 0)
        return;
    Py_XDECREF(body->text);
    Py_XDECREF(body->kept);
    PyMem_Free(body);
}

/* NULL with an exception set: ValueError (line, what is wrong with it) when it can't be read. */
static struct relay_body *read_body(PyObject *text)
{
    struct relay_span bytes;
    struct relay_body *body = PyMem_Malloc(sizeof *body);
    if (body == NULL)
        return (struct relay_body *)PyErr_NoMemory();
    body->owners = 1;
    body->text = Py_NewRef(text);
    body->kept = PyList_New(0);
    if (body->kept != NULL && relay_span_of(text, body->kept, &bytes)) {
        struct relay_sdp_fault fault = relay_sdp_read(bytes, &body->sdp);
        if (fault.problem == RELAY_SDP_FINE)
            return body;
        relay_sdp_raise_fault(&fault);
    }
    relay_body_leave(body);
    return NULL;
}

static PyObject *make_media(PyTypeObject *type, struct relay_body *body, PyObject *read_connection)
{
    PyObject *media = PyTuple_New((Py_ssize_t)body->sdp.sections - 1);
    for (size_t i = 1; media != NULL && i < body->sdp.sections; i++) {
        PyObject *section = relay_section_make(type, body, &body->sdp.section[i], read_connection);
        if (section == NULL)
            Py_CLEAR(media);
        else
            PyTuple_SET_ITEM(media, (Py_ssize_t)i - 1, section);
    }
    return media;
}

static void empty(DescriptionObject *self)
{
    Py_CLEAR(self->session);
    Py_CLEAR(self->media);
    relay_body_leave(self->body);
    self->body = NULL;
}

static int description_init(DescriptionObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *text, *read_connection;
    PyTypeObject *session, *media;
    if (!PyArg_ParseTuple(args, "UO!O!O", &text, &PyType_Type, &session, &PyType_Type, &media, &read_connection))
        return -1;
    if (kwargs != NULL || self->body != NULL || !PyType_IsSubtype(session, &relay_section_type) || !PyType_IsSubtype(media, &relay_section_type)) {
        PyErr_SetString(PyExc_TypeError, "a description is made once, of a body and classes of sections");
        return -1;
    }
    if ((self->body = read_body(text)) == NULL)
        return -1;
    self->session = (SectionObject *)relay_section_make(session, self->body, &self->body->sdp.section[0], read_connection);
    self->media = self->session == NULL ? NULL : make_media(media, self->body, read_connection);
    if (self->media == NULL)
        empty(self);
    return self->media == NULL ? -1 : 0;
}

bool relay_is_description(PyObject *object)
{
    if (PyObject_TypeCheck(object, &relay_description_type) && ((DescriptionObject *)object)->body != NULL)
        return true;
    PyErr_SetString(PyExc_TypeError, "a description that was read is needed");
    return false;
}

static PyObject *get_body(DescriptionObject *self, void *Py_UNUSED(unused))
{
    return relay_is_description((PyObject *)self) ? Py_NewRef(self->body->text) : NULL;
}

static PyObject *get_session(DescriptionObject *self, void *Py_UNUSED(unused))
{
    return relay_is_description((PyObject *)self) ? Py_NewRef(self->session) : NULL;
}

static PyObject *get_media(DescriptionObject *self, void *Py_UNUSED(unused))
{
    return relay_is_description((PyObject *)self) ? Py_NewRef(self->media) : NULL;
}

static PyObject *get_origin_fields(DescriptionObject *self, void *Py_UNUSED(unused))
{
    if (!relay_is_description((PyObject *)self))
        return NULL;
    const struct relay_sdp *sdp = relay_sdp_of(self);
    return Py_BuildValue("(NNNiN)", relay_text_of(sdp->username), relay_text_of(sdp->session_id), relay_text_of(sdp->version),
                         sdp->family, relay_text_of(sdp->address));
}

static void description_dealloc(DescriptionObject *self)
{
    empty(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyGetSetDef description_fields[] = {
    {"body", (getter)get_body, NULL, "As it was received.", NULL},
    {"session", (getter)get_session, NULL, "The section before the m= lines.", NULL},
    {"media", (getter)get_media, NULL, "Those of the m= lines.", NULL},
    {"origin_fields", (getter)get_origin_fields, NULL, "User name, session id, version, family and address.", NULL},
    {0},
};

PyTypeObject relay_description_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.DescriptionBase",
    .tp_basicsize = sizeof(DescriptionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)description_init,
    .tp_dealloc = (destructor)description_dealloc,
    .tp_getset = description_fields,
};
