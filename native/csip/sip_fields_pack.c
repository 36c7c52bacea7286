/* Objects that are their fields as MessagePack: an array, which ends with the last field that isn't as at first. */
#include "sip_fields.h"
#include "sip_pack.h"

#define MAX_DEPTH 8

static int pack(struct sip_buffer *out, PyObject *value, int depth);

static int added(struct sip_buffer *out, const char *head, const char *end) {
    sip_add(out, sip_slice_of(head, end));
    return 0;
}

static int pack_text(struct sip_buffer *out, PyObject *text) {
    char head[SIP_PACK_HEAD];
    struct sip_py_view view;
    bool is_utf8 = PyUnicode_IS_COMPACT_ASCII(text) || PyUnicode_AsUTF8(text);
    if (!is_utf8) PyErr_Clear(); /* it has surrogates: bytes of another character set */
    if (sip_py_view(text, &view) < 0) return -1;
    added(out, head, is_utf8 ? sip_pack_text(head, view.text.size) : sip_pack_bin(head, view.text.size));
    sip_add(out, view.text);
    Py_XDECREF(view.holder);
    return 0;
}

static int pack_number(struct sip_buffer *out, PyObject *number) {
    char head[SIP_PACK_HEAD];
    long long value = PyLong_AsLongLong(number);
    return value == -1 && PyErr_Occurred() ? -1 : added(out, head, sip_pack_signed(head, value));
}

static int pack_sequence(struct sip_buffer *out, PyObject *sequence, int depth) {
    char head[SIP_PACK_HEAD];
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    added(out, head, sip_pack_array(head, (size_t)count));
    for (Py_ssize_t i = 0; i < count; i++)
        if (pack(out, PySequence_Fast_GET_ITEM(sequence, i), depth + 1) < 0) return -1;
    return 0;
}

static int pack_field(struct sip_buffer *out, const struct sip_field *field, PyObject *self, int depth) {
    const char *at = (const char *)self + field->offset;
    char head[SIP_PACK_HEAD];
    switch (field->kind) {
    case T_INT: return added(out, head, sip_pack_signed(head, *(const int *)at));
    case T_LONGLONG: return added(out, head, sip_pack_signed(head, *(const long long *)at));
    case T_DOUBLE: return added(out, head, sip_pack_double(head, *(const double *)at));
    case T_BOOL: return added(out, head, sip_pack_bytes(head, *at ? SIP_PACK_TRUE : SIP_PACK_FALSE, 1));
    default: return pack(out, *(PyObject *const *)at, depth + 1);
    }
}

static int pack_fields(struct sip_buffer *out, const struct sip_fields *fields, PyObject *self, int depth) {
    char head[SIP_PACK_HEAD];
    size_t count = fields->count;
    while (count && sip_field_is_first(fields, self, count - 1)) count--;
    added(out, head, sip_pack_array(head, count));
    for (size_t i = 0; i < count; i++)
        if (pack_field(out, &fields->all[i], self, depth) < 0) return -1;
    return 0;
}

static int pack(struct sip_buffer *out, PyObject *value, int depth) {
    const struct sip_fields *fields;
    char head[SIP_PACK_HEAD];
    if (value && PyUnicode_Check(value)) return pack_text(out, value);
    if (value == Py_None) return added(out, head, sip_pack_bytes(head, SIP_PACK_NIL, 1));
    if (value && PyFloat_Check(value)) return added(out, head, sip_pack_double(head, PyFloat_AS_DOUBLE(value)));
    if (value && PyLong_Check(value)) return pack_number(out, value);
    if (value && depth < MAX_DEPTH) {
        if (PyTuple_Check(value) || PyList_Check(value)) return pack_sequence(out, value, depth);
        if ((fields = sip_fields_of(value))) return pack_fields(out, fields, value, depth);
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
    struct sip_buffer out = {NULL, 0, 0, false};
    (void)unused;
    PyObject *bytes = sip_fields_pack(&out, self) < 0 ? NULL : PyBytes_FromStringAndSize(out.at, (Py_ssize_t)out.size);
    sip_buffer_free(&out);
    return bytes;
}
