/* Objects that are their fields as MessagePack: an array, which ends with the last field that isn't as at first. */
#include "sip_fields.h"
#include "sip_pack.h"

#define MAX_DEPTH 8

static int pack(struct sip_buffer *out, PyObject *value, int depth);

/* Up to `end`. */
static int written(struct sip_buffer *out, const char *end) {
    out->size = (size_t)(end - out->at);
    return 0;
}

static int put_text(struct sip_buffer *out, struct sip_slice text, bool is_utf8) {
    char *at = sip_reserve(out, SIP_PACK_HEAD + text.size);
    if (!at) return 0; /* told at the end */
    at = is_utf8 ? sip_pack_text(at, text.size) : sip_pack_bin(at, text.size);
    memcpy(at, text.at, text.size);
    return written(out, at + text.size);
}

static int pack_text(struct sip_buffer *out, PyObject *text) {
    struct sip_py_view view;
    bool is_utf8 = PyUnicode_IS_COMPACT_ASCII(text) || PyUnicode_AsUTF8(text);
    if (!is_utf8) PyErr_Clear(); /* it has surrogates: bytes of another character set */
    if (sip_py_view(text, &view) < 0) return -1;
    put_text(out, view.text, is_utf8);
    Py_XDECREF(view.holder);
    return 0;
}

static int pack_number(struct sip_buffer *out, char *at, PyObject *number) {
    long long value = PyLong_AsLongLong(number);
    return value == -1 && PyErr_Occurred() ? -1 : written(out, sip_pack_signed(at, value));
}

static int pack_sequence(struct sip_buffer *out, char *at, PyObject *sequence, int depth) {
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    written(out, sip_pack_array(at, (size_t)count));
    for (Py_ssize_t i = 0; i < count; i++)
        if (pack(out, PySequence_Fast_GET_ITEM(sequence, i), depth + 1) < 0) return -1;
    return 0;
}

static int pack_field(struct sip_buffer *out, const struct sip_field *field, const char *self, int depth) {
    const char *from = self + field->offset;
    if (field->kind == T_OBJECT_EX) return pack(out, *(PyObject *const *)from, depth + 1);
    char *at = sip_reserve(out, SIP_PACK_HEAD);
    if (!at) return 0;
    switch (field->kind) {
    case T_INT: return written(out, sip_pack_signed(at, *(const int *)from));
    case T_LONGLONG: return written(out, sip_pack_signed(at, *(const long long *)from));
    case T_DOUBLE: return written(out, sip_pack_double(at, *(const double *)from));
    default: return written(out, sip_pack_bytes(at, *from ? SIP_PACK_TRUE : SIP_PACK_FALSE, 1));
    }
}

static int pack_fields(struct sip_buffer *out, char *at, const struct sip_fields *fields, PyObject *self, int depth) {
    size_t count = fields->count;
    while (count && sip_field_is_first(fields, self, count - 1)) count--;
    written(out, sip_pack_array(at, count));
    for (size_t i = 0; i < count; i++)
        if (pack_field(out, &fields->all[i], (const char *)self, depth) < 0) return -1;
    return 0;
}

static int pack(struct sip_buffer *out, PyObject *value, int depth) {
    const struct sip_fields *fields;
    if (PyUnicode_Check(value)) return pack_text(out, value);
    char *at = sip_reserve(out, SIP_PACK_HEAD);
    if (!at) return 0;
    if (value == Py_None) return written(out, sip_pack_bytes(at, SIP_PACK_NIL, 1));
    if (PyFloat_Check(value)) return written(out, sip_pack_double(at, PyFloat_AS_DOUBLE(value)));
    if (PyLong_Check(value)) return pack_number(out, at, value);
    if (depth < MAX_DEPTH) {
        if (PyTuple_Check(value) || PyList_Check(value)) return pack_sequence(out, at, value, depth);
        if ((fields = sip_fields_of(value))) return pack_fields(out, at, fields, value, depth);
    }
    PyErr_SetString(PyExc_TypeError, "a field that can't be stored");
    return -1;
}

int sip_fields_pack(struct sip_buffer *out, PyObject *self) {
    if (pack(out, self, 0) < 0) return -1;
    if (out->failed) PyErr_NoMemory();
    return out->failed ? -1 : 0;
}

PyObject *sip_fields_packed(PyObject *self, PyObject *unused) {
    SIP_STACK_BUFFER(out);
    (void)unused;
    PyObject *bytes = sip_fields_pack(&out, self) < 0 ? NULL : PyBytes_FromStringAndSize(out.at, (Py_ssize_t)out.size);
    sip_buffer_free(&out);
    return bytes;
}
