/* native.sip.Cookie. */
#include "sip_cookie.h"
#include "sip_py.h"
#include "structmember.h"

enum { CALL_KEY, CALLER_HASH, CALLER_FLOW, CALLEE_FLOW, FIELDS };

/* Steals what is in `fields` and `text`, in any case. */
static PyObject *cookie_of(PyObject *fields[FIELDS], PyObject *text) {
    CookieObject *self = text ? PyObject_New(CookieObject, &sip_cookie_type) : NULL;
    if (!self) {
        for (int i = 0; i < FIELDS; i++) Py_XDECREF(fields[i]);
        Py_XDECREF(text);
        return NULL;
    }
    self->call_key = fields[CALL_KEY];
    self->caller_hash = fields[CALLER_HASH];
    self->caller_flow = fields[CALLER_FLOW];
    self->callee_flow = fields[CALLEE_FLOW];
    self->text = text;
    return (PyObject *)self;
}

static void cookie_dealloc(CookieObject *self) {
    Py_XDECREF(self->call_key);
    Py_XDECREF(self->caller_hash);
    Py_XDECREF(self->caller_flow);
    Py_XDECREF(self->callee_flow);
    Py_XDECREF(self->text);
    PyObject_Free(self);
}

/* --- whose tag it is --- */

struct tag_hash {
    char digits[SIP_DIGITS_MAX];
    struct sip_slice text;
};

/* As native.sip.tag_hash. -1 with ParseError. */
static int hash_tag(const MessageObject *request, enum sip_name from_or_to, struct tag_hash *hash, bool *there) {
    struct sip_scratch scratch;
    struct sip_slice tag;
    if (sip_message_read_tag(request, from_or_to, &scratch, &tag) < 0) return -1;
    *there = tag.at;
    hash->text = (struct sip_slice){hash->digits, sip_digits(sip_crc32(tag.at ? tag : SIP_TEXT("")), hash->digits)};
    return 0;
}

int sip_cookie_goes_to_callee(CookieObject *self, const MessageObject *request) {
    struct sip_py_view view;
    struct tag_hash hash;
    bool there;
    if (hash_tag(request, SIP_FROM, &hash, &there) < 0 || sip_py_view(self->caller_hash, &view) < 0) return -1;
    bool same = sip_same(hash.text, view.text);
    Py_XDECREF(view.holder);
    return same;
}

PyObject *sip_cookie_flow_token(CookieObject *self, MessageObject *request) {
    if (!PyUnicode_GET_LENGTH(self->callee_flow) && !PyUnicode_GET_LENGTH(self->caller_flow)) return Py_NewRef(self->callee_flow);
    int forth = sip_cookie_goes_to_callee(self, request);
    return forth < 0 ? NULL : Py_NewRef(forth ? self->callee_flow : self->caller_flow);
}

/* --- reading and issuing --- */

static PyObject *split(struct sip_slice rest, PyObject *text) {
    PyObject *fields[FIELDS] = {NULL};
    for (int i = 0; i < FIELDS; i++) {
        const char *end = i < FIELDS - 1 ? memchr(rest.at, '~', rest.size) : rest.at + rest.size;
        fields[i] = end ? sip_py_str(sip_slice_of(rest.at, end)) : NULL;
        if (!end) PyErr_SetString(PyExc_ValueError, "a cookie has four fields");
        if (!fields[i]) {
            while (i--) Py_DECREF(fields[i]);
            return NULL;
        }
        if (i < FIELDS - 1) rest = sip_slice_of(end + 1, rest.at + rest.size);
    }
    return cookie_of(fields, Py_NewRef(text));
}

/* Whether one side of the dialog of `request` is the caller whose hash is the second of the fields; -1 with an exception. */
static int is_of_dialog(struct sip_slice fields, const MessageObject *request) {
    struct tag_hash from, to;
    bool from_there, to_there;
    if (hash_tag(request, SIP_FROM, &from, &from_there) < 0 || hash_tag(request, SIP_TO, &to, &to_there) < 0) return -1;
    const char *at = memchr(fields.at, '~', fields.size), *end = fields.at + fields.size;
    const char *stop = at ? memchr(at + 1, '~', (size_t)(end - at - 1)) : NULL;
    struct sip_slice caller = stop ? sip_slice_of(at + 1, stop) : (struct sip_slice){"", 0};
    return to_there && (sip_same(caller, from.text) || sip_same(caller, to.text));
}

PyObject *sip_cookie_read(PyObject *ring, PyObject *text, MessageObject *request) {
    struct sip_py_view context = {{NULL, 0}, NULL};
    struct sip_slice fields;
    SIP_STACK_BUFFER(own);
    PyObject *call_id = sip_message_call_id(request, NULL), *result = NULL;
    if (call_id && sip_py_view(call_id, &context) == 0 && sip_cookie_unseal(ring, text, context.text, &own, &fields) == 0) {
        int ours = fields.at ? is_of_dialog(fields, request) : 0;
        if (ours >= 0) result = ours ? split(fields, text) : Py_NewRef(Py_None);
    }
    sip_buffer_free(&own);
    Py_XDECREF(context.holder);
    Py_XDECREF(call_id);
    return result;
}

/* With those fields. */
static PyObject *issue(PyObject *ring, struct sip_slice fields, PyObject *call_id) {
    PyObject *text = sip_cookie_seal(ring, fields, call_id), *cookie = text ? split(fields, text) : NULL;
    Py_XDECREF(text);
    return cookie;
}

PyObject *sip_cookie_issue(PyObject *ring, MessageObject *request, PyObject *call_key, enum sip_name from_or_to,
    const struct sip_cookie_flows *flows) {
    SIP_STACK_BUFFER(fields);
    struct sip_py_view key;
    struct tag_hash caller;
    bool there;
    if (hash_tag(request, from_or_to, &caller, &there) < 0 || sip_py_view(call_key, &key) < 0) return NULL;
    sip_add(&fields, key.text);
    sip_add(&fields, SIP_TEXT("~"));
    sip_add(&fields, caller.text);
    sip_add(&fields, SIP_TEXT("~"));
    sip_add(&fields, flows->caller);
    sip_add(&fields, SIP_TEXT("~"));
    sip_add(&fields, flows->callee);
    PyObject *call_id = fields.failed ? PyErr_NoMemory() : sip_message_call_id(request, NULL);
    PyObject *cookie = call_id ? issue(ring, (struct sip_slice){fields.at, fields.size}, call_id) : NULL;
    Py_XDECREF(call_id);
    Py_XDECREF(key.holder);
    sip_buffer_free(&fields);
    return cookie;
}

static bool is_message(PyObject *object) {
    if (Py_IS_TYPE(object, &sip_message_type)) return true;
    PyErr_Format(PyExc_TypeError, "Message expected, not %.100s", Py_TYPE(object)->tp_name);
    return false;
}

static PyObject *cookie_read(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    (void)unused;
    if (count != 3 || !PyUnicode_Check(args[1])) return PyErr_Format(PyExc_TypeError, "keys, a text and a Message expected");
    return is_message(args[2]) ? sip_cookie_read(args[0], args[1], (MessageObject *)args[2]) : NULL;
}

/* Of a ring, the fields as one text, and a Call-ID. */
static PyObject *cookie_issue(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view fields;
    (void)unused;
    if (count != 3) return PyErr_Format(PyExc_TypeError, "keys, fields and Call-ID expected");
    if (sip_py_view(args[1], &fields) < 0) return NULL;
    PyObject *cookie = issue(args[0], fields.text, args[2]);
    Py_XDECREF(fields.holder);
    return cookie;
}

static PyObject *cookie_caller_to_callee(CookieObject *self, PyObject *request) {
    int forth = is_message(request) ? sip_cookie_goes_to_callee(self, (MessageObject *)request) : -1;
    return forth < 0 ? NULL : PyBool_FromLong(forth);
}

static PyObject *cookie_flow_token(CookieObject *self, PyObject *request) {
    return is_message(request) ? sip_cookie_flow_token(self, (MessageObject *)request) : NULL;
}

/* The text has all the fields, and the MAC over them. */
static PyObject *cookie_compare(PyObject *a, PyObject *b, int how) {
    if (!Py_IS_TYPE(b, &sip_cookie_type) || (how != Py_EQ && how != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    return PyObject_RichCompare(((CookieObject *)a)->text, ((CookieObject *)b)->text, how);
}

static Py_hash_t cookie_hash(CookieObject *self) { return PyObject_Hash(self->text); }

static PyMethodDef methods[] = {
    {"read", FUNCTION(cookie_read), METH_FASTCALL | METH_STATIC, NULL},
    {"issue", FUNCTION(cookie_issue), METH_FASTCALL | METH_STATIC, NULL},
    {"caller_to_callee", FUNCTION(cookie_caller_to_callee), METH_O, NULL},
    {"flow_token", FUNCTION(cookie_flow_token), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#define FIELD(name) {#name, T_OBJECT_EX, offsetof(CookieObject, name), READONLY, NULL}
static PyMemberDef members[] = {
    FIELD(call_key), FIELD(caller_flow), FIELD(callee_flow), FIELD(text), {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_cookie_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Cookie",
    .tp_basicsize = sizeof(CookieObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)cookie_dealloc,
    .tp_richcompare = cookie_compare,
    .tp_hash = (hashfunc)cookie_hash,
    .tp_methods = methods,
    .tp_members = members,
};
