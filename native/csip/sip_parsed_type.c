#include "sip_parsed_type.h"

void *sip_parsed_from(PyTypeObject *type, PyObject *text, struct sip_slice *view) {
    struct sip_py_view bytes = {.holder = NULL};
    ParsedObject *self = NULL;
    if (text && sip_py_view(text, &bytes) == 0) self = PyObject_New(ParsedObject, type);
    if (!self) {
        Py_XDECREF(bytes.holder);
        Py_XDECREF(text);
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, (size_t)type->tp_basicsize - sizeof(PyObject));
    self->text = text;
    self->holder = bytes.holder;
    *view = bytes.text;
    return self;
}

PyObject *sip_parsed_or_fault(void *self, enum sip_error error, enum sip_name header, const char *kind) {
    if (error == SIP_OK) return self;
    Py_DECREF((PyObject *)self);
    return sip_py_fault((struct sip_fault){error, header}, kind);
}

PyObject *sip_parsed_argument(PyObject *args, PyObject *kwargs, const char *format) {
    static char *keywords[] = {"text", NULL};
    PyObject *text;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, &text)) return NULL;
    return Py_NewRef(text);
}

void sip_parsed_free(void *object, size_t made) {
    ParsedObject *self = object;
    Py_XDECREF(self->text);
    Py_XDECREF(self->holder);
    for (size_t i = 0; i < made; i++) Py_XDECREF(self->made[i]);
    PyObject_Free(self);
}

PyMemberDef sip_parsed_members[] = {
    {"text", T_OBJECT_EX, offsetof(ParsedObject, text), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyObject *sip_parsed_str(PyObject *self) { return Py_NewRef(((ParsedObject *)self)->text); }

PyObject *sip_parsed_repr(PyObject *self) {
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.') + 1;
    return PyUnicode_FromFormat("%s(%R)", name, ((ParsedObject *)self)->text);
}

PyObject *sip_parsed_number(int32_t number) {
    if (number < 0) Py_RETURN_NONE;
    return PyLong_FromLong(number);
}
