/* native.sip.RecentTexts */
#include "sip_texts.h"

#define ROWS 16384 /* a power of two */
#define WAYS 2     /* texts of a row, the latest first */
#define MAX_BYTES 63

struct text {
    uint8_t size; /* 0: none */
    char at[MAX_BYTES];
};

struct TextsObject {
    PyObject_HEAD
    struct text (*rows)[WAYS]; /* NULL while there is none */
};

/* False for a text that is not kept. */
static bool read_text(PyObject *object, struct sip_slice *text) {
    if (!PyUnicode_Check(object) || !PyUnicode_IS_COMPACT_ASCII(object)) return false;
    *text = (struct sip_slice){(const char *)PyUnicode_1BYTE_DATA(object), (size_t)PyUnicode_GET_LENGTH(object)};
    return text->size && text->size <= MAX_BYTES;
}

static struct text *row_of(const TextsObject *self, struct sip_slice text) { return self->rows[sip_spread(text) % ROWS]; }

static bool is_in(const struct text *row, struct sip_slice text) {
    for (int i = 0; i < WAYS; i++)
        if (row[i].size == text.size && !memcmp(row[i].at, text.at, text.size)) return true;
    return false;
}

bool sip_texts_has(const TextsObject *self, PyObject *object) {
    struct sip_slice text;
    return self->rows && read_text(object, &text) && is_in(row_of(self, text), text);
}

/* Without memory nothing is kept. */
static PyObject *texts_add(TextsObject *self, PyObject *object) {
    struct sip_slice text;
    if (!self->rows) self->rows = PyMem_RawCalloc(ROWS, sizeof *self->rows);
    if (!self->rows || !read_text(object, &text) || is_in(row_of(self, text), text)) Py_RETURN_NONE;
    struct text *row = row_of(self, text);
    memmove(row + 1, row, (WAYS - 1) * sizeof *row);
    row->size = (uint8_t)text.size;
    memcpy(row->at, text.at, text.size);
    Py_RETURN_NONE;
}

static PyObject *texts_clear(TextsObject *self, PyObject *unused) {
    (void)unused;
    PyMem_RawFree(self->rows);
    self->rows = NULL;
    Py_RETURN_NONE;
}

static int texts_contains(TextsObject *self, PyObject *text) { return sip_texts_has(self, text); }

static void texts_dealloc(TextsObject *self) {
    PyMem_RawFree(self->rows);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)texts_add, METH_O, NULL},
    {"clear", (PyCFunction)texts_clear, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods sequence = {.sq_contains = (objobjproc)texts_contains};

PyTypeObject sip_texts_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.RecentTexts",
    .tp_basicsize = sizeof(TextsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = (destructor)texts_dealloc,
    .tp_methods = methods,
    .tp_as_sequence = &sequence,
};
