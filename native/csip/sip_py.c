/* Strings and errors of the binding. */
#include "sip_py.h"

#include "sip_chars.h"

PyObject *sip_parse_error;
static PyObject *names[SIP_NAME_COUNT];

static const char *const method_texts[] = {"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE",
                                           "INFO", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"};
#define METHODS (sizeof method_texts / sizeof *method_texts)
static PyObject *methods[METHODS];

int sip_py_init(PyObject *module) {
    for (unsigned id = 0; id < SIP_NAME_COUNT; id++)
        if (!(names[id] = PyUnicode_InternFromString(sip_name_text(id).at))) return -1;
    for (size_t i = 0; i < METHODS; i++)
        if (!(methods[i] = PyUnicode_InternFromString(method_texts[i]))) return -1;
    PyObject *defaults = Py_BuildValue("{s:s,s:O,s:i}", "reason", "", "header", Py_None, "status", 400);
    if (!defaults) return -1;
    sip_parse_error = PyErr_NewExceptionWithDoc("native.sip.ParseError", "Bytes that are not what their grammar says.",
                                                PyExc_ValueError, defaults);
    Py_DECREF(defaults);
    return sip_parse_error ? PyModule_AddObjectRef(module, "ParseError", sip_parse_error) : -1;
}

static PyObject *fault_reason(struct sip_fault fault, const char *kind) {
    const char *text = sip_error_text(fault.error);
    const char *name = fault.header == SIP_REQUEST_URI ? "Request-URI" : sip_name_text(fault.header).at;
    if (kind && fault.header == SIP_OTHER) name = kind;
    if (!*name) return PyUnicode_FromString(text);
    if (fault.error == SIP_MISSING || fault.error == SIP_REPEATED) return PyUnicode_FromFormat("%s %s", text, name);
    return PyUnicode_FromFormat("bad %s: %s", name, text);
}

/* Steals `reason`. */
static PyObject *raise_parse_error(int number, PyObject *reason, PyObject *header) {
    PyObject *status = PyLong_FromLong(number);
    PyObject *error = status && reason ? PyObject_CallOneArg(sip_parse_error, reason) : NULL;
    if (error && PyObject_SetAttrString(error, "reason", reason) == 0 && PyObject_SetAttrString(error, "header", header) == 0 &&
        PyObject_SetAttrString(error, "status", status) == 0)
        PyErr_SetObject(sip_parse_error, error);
    Py_XDECREF(error);
    Py_XDECREF(reason);
    Py_XDECREF(status);
    return NULL;
}

PyObject *sip_py_fault(struct sip_fault fault, const char *kind) {
    if (fault.error == SIP_NO_MEMORY) return PyErr_NoMemory();
    bool in_header = fault.header != SIP_OTHER && fault.header != SIP_REQUEST_URI;
    return raise_parse_error(sip_error_status(fault.error), fault_reason(fault, kind), in_header ? names[fault.header] : Py_None);
}

PyObject *sip_py_refuse(const char *reason) { return raise_parse_error(400, PyUnicode_FromString(reason), Py_None); }

static bool is_ascii(struct sip_slice text) {
    uint64_t some = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= text.size; i += sizeof word) {
        memcpy(&word, text.at + i, sizeof word);
        some |= word;
    }
    for (; i < text.size; i++) some |= (uint64_t)(unsigned char)text.at[i];
    return !(some & UINT64_C(0x8080808080808080));
}

/* Nearly all texts of SIP are ASCII, which needs no decoder. */
PyObject *sip_py_str(struct sip_slice text) {
    if (is_ascii(text)) {
        PyObject *str = PyUnicode_New((Py_ssize_t)text.size, 127);
        if (str && text.size) memcpy(PyUnicode_1BYTE_DATA(str), text.at, text.size);
        return str;
    }
    return PyUnicode_DecodeUTF8(text.at, (Py_ssize_t)text.size, "surrogateescape");
}

PyObject *sip_py_written(const struct sip_buffer *buffer) {
    return buffer->failed ? PyErr_NoMemory() : sip_py_str((struct sip_slice){buffer->at, buffer->size});
}

PyObject *sip_py_str_or_none(struct sip_slice text) { return text.at ? sip_py_str(text) : Py_NewRef(Py_None); }

/* ASCII in one pass; what is not ASCII has no case here. */
static PyObject *mapped(struct sip_slice text, char (*map)(char)) {
    PyObject *str = PyUnicode_New((Py_ssize_t)text.size, 127);
    if (!str) return NULL;
    char *out = (char *)PyUnicode_1BYTE_DATA(str);
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.at[i] >= 0x80) {
            Py_DECREF(str);
            return sip_py_str(text);
        }
        out[i] = map(text.at[i]);
    }
    return str;
}

PyObject *sip_py_lower(struct sip_slice text) { return mapped(text, sip_lower); }
PyObject *sip_py_upper(struct sip_slice text) { return mapped(text, sip_upper); }

PyObject *sip_py_unquoted(struct sip_slice text) {
    if (text.size < 2 || *text.at != '"') return sip_py_str(text);
    char *out = PyMem_Malloc(text.size);
    if (!out) return PyErr_NoMemory();
    PyObject *str = sip_py_str((struct sip_slice){out, sip_unquote(text, out)});
    PyMem_Free(out);
    return str;
}

PyObject *sip_py_name(enum sip_name id) { return Py_NewRef(names[id]); }

PyObject *sip_py_method(struct sip_slice method) {
    for (size_t i = 0; i < METHODS; i++) {
        if (*method_texts[i] != *method.at) continue;
        if (sip_same(method, (struct sip_slice){method_texts[i], strlen(method_texts[i])})) return Py_NewRef(methods[i]);
    }
    return sip_py_str(method);
}

bool sip_py_is_method(PyObject *method, enum sip_method which) { return method == methods[which]; }

int sip_py_view(PyObject *str, struct sip_py_view *view) {
    view->holder = NULL;
    if (!PyUnicode_Check(str)) {
        PyErr_Format(PyExc_TypeError, "str expected, not %.100s", Py_TYPE(str)->tp_name);
        return -1;
    }
    if (PyUnicode_IS_ASCII(str)) {
        view->text = (struct sip_slice){(const char *)PyUnicode_1BYTE_DATA(str), (size_t)PyUnicode_GET_LENGTH(str)};
        return 0;
    }
    view->holder = PyUnicode_AsEncodedString(str, "utf-8", "surrogateescape");
    if (!view->holder) return -1;
    view->text = (struct sip_slice){PyBytes_AS_STRING(view->holder), (size_t)PyBytes_GET_SIZE(view->holder)};
    return 0;
}

static int refuse(const char *what, const char *why, struct sip_py_view *view) {
    PyErr_Format(PyExc_ValueError, "%s %s", what, why);
    Py_CLEAR(view->holder);
    return -1;
}

int sip_py_line_view(PyObject *str, const char *what, struct sip_py_view *view) {
    if (sip_py_view(str, view) < 0) return -1;
    struct sip_slice text = view->text;
    if (memchr(text.at, '\r', text.size) || memchr(text.at, '\n', text.size) || memchr(text.at, 0, text.size))
        return refuse(what, "contains CR, LF or NUL", view);
    return 0;
}

int sip_py_token_view(PyObject *str, const char *what, struct sip_py_view *view) {
    if (sip_py_view(str, view) < 0) return -1;
    return sip_all(view->text, SIP_CHAR_TOKEN) ? 0 : refuse(what, "is not a token", view);
}

static bool known(struct sip_py_word *name) { return name->str || (name->str = PyUnicode_InternFromString(name->text)); }

PyObject *sip_py_text(struct sip_py_word *name) { return known(name) ? name->str : NULL; }

int sip_py_do(PyObject *object, struct sip_py_word *name, PyObject *first, PyObject *second) {
    PyObject *result = sip_py_call(object, name, first, second);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int sip_py_is(PyObject *object, struct sip_py_word *name) {
    PyObject *value = sip_py_get(object, name);
    int result = value ? PyObject_IsTrue(value) : -1;
    Py_XDECREF(value);
    return result;
}

PyObject *sip_py_fetched(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

PyObject *sip_py_caught(PyObject *object, struct sip_py_word *name, PyObject *first) {
    PyObject *error = sip_py_fetched(), *before = PyErr_GetHandledException();
    PyErr_SetHandledException(error);
    PyObject *result = sip_py_call(object, name, first, NULL);
    PyErr_SetHandledException(before);
    Py_XDECREF(before);
    Py_XDECREF(error);
    return result;
}

/* One more in the object itself, which nobody but the dict holds: to make another costs three times as much. */
static bool count_in_place(PyObject *number) {
#if PY_VERSION_HEX < 0x030C0000 /* later ones keep it otherwise */
    if (!number || !PyLong_CheckExact(number) || Py_REFCNT(number) != 1 || Py_SIZE(number) != 1) return false;
    digit *low = ((PyLongObject *)number)->ob_digit;
    if (*low == PyLong_MASK) return false;
    ++*low;
    return true;
#else
    (void)number;
    return false;
#endif
}

int sip_py_count(PyObject *counters, PyObject *name) {
    PyObject *before = PyDict_GetItemWithError(counters, name);
    if (count_in_place(before)) return 0;
    if (!before && PyErr_Occurred()) return -1;
    long number = before ? PyLong_AsLong(before) : 0;
    if (number == -1 && PyErr_Occurred()) return -1;
    PyObject *after = PyLong_FromLong(number + 1);
    int result = after ? PyDict_SetItem(counters, name, after) : -1;
    Py_XDECREF(after);
    return result;
}

int sip_py_count_word(PyObject *counters, struct sip_py_word *name) {
    return known(name) ? sip_py_count(counters, name->str) : -1;
}

PyObject *sip_py_host(struct sip_slice host) {
    if (host.size < 3 || !memchr(host.at, ':', host.size)) return sip_py_lower(host);
    char out[64];
    return host.size > sizeof out ? sip_py_lower(host) : sip_py_str((struct sip_slice){out, sip_host_text(host, out)});
}

/* The first of several parameters of one name counts. Steals the value. */
static int add_param(PyObject *dict, struct sip_slice name, PyObject *value) {
    PyObject *key = value ? sip_py_lower(name) : NULL;
    int result = key && PyDict_SetDefault(dict, key, value) ? 0 : -1;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

PyObject *sip_py_header_params(struct sip_slice params) {
    PyObject *dict = PyDict_New();
    struct sip_param param;
    bool found;
    while (dict && sip_param_next(&params, &param, &found) == SIP_OK && found)
        if (add_param(dict, param.name, param.value.at ? sip_py_unquoted(param.value) : Py_NewRef(Py_None)) < 0) Py_CLEAR(dict);
    return dict;
}

PyObject *sip_py_uri_params(struct sip_slice params) {
    PyObject *dict = PyDict_New();
    struct sip_param param;
    while (dict && sip_uri_param_next(&params, &param))
        if (add_param(dict, param.name, sip_py_str_or_none(param.value)) < 0) Py_CLEAR(dict);
    return dict;
}

int sip_py_set_attribute(PyObject *self, PyObject *name, PyObject *value) {
    if (value) return PyObject_GenericSetAttr(self, name, value);
    PyErr_Format(PyExc_AttributeError, "%U can't be deleted", name);
    return -1;
}

/* Before there are instances, this is a matter of three slots; msgspec's structs without garbage collection do the same. */
PyObject *sip_py_init_unwalked(PyObject *cls, PyObject *unused) {
    PyTypeObject *type = (PyTypeObject *)cls;
    (void)unused;
    if (type->tp_basicsize != type->tp_base->tp_basicsize || type->tp_dictoffset || type->tp_weaklistoffset)
        return PyErr_Format(PyExc_TypeError, "%s: __slots__ = () expected", type->tp_name);
    type->tp_flags &= ~Py_TPFLAGS_HAVE_GC;
    type->tp_traverse = NULL;
    type->tp_clear = NULL;
    type->tp_free = PyObject_Free;
    Py_RETURN_NONE;
}
