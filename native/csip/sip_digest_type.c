/* native.sip.DigestBase: challenges of one realm, and the fields that the check needs (sip_digest_check.c). */
#include "sip_digest_type.h"

#include "sip_mac.h"
#include "structmember.h"

/* --- challenges --- */

/* A new nonce: the second, a serial and the process's name, sealed for this realm. */
static int add_nonce(DigestObject *self, struct sip_buffer *out, double now) {
    SIP_STACK_BUFFER(fields);
    struct sip_py_view key_id, instance, realm;
    const uint8_t *key = sip_mac_key(self->mac);
    if (!key || sip_py_view(self->key_id, &key_id) < 0) return -1;
    instance.holder = realm.holder = NULL;
    int result = sip_py_view(self->instance, &instance);
    if (result == 0) result = sip_py_view(self->realm, &realm);
    if (result == 0) {
        sip_add_hex(&fields, (uint32_t)(long long)now, 8);
        sip_add_hex(&fields, self->serial++, 1);
        sip_add(&fields, SIP_TEXT("."));
        sip_add(&fields, instance.text);
        sip_add(out, key_id.text);
        sip_add_sealed(out, key, (struct sip_slice){fields.at, fields.size}, realm.text);
        out->failed |= fields.failed;
        sip_buffer_free(&fields);
    }
    Py_XDECREF(realm.holder);
    Py_XDECREF(instance.holder);
    Py_XDECREF(key_id.holder);
    return result;
}

static int add_value(struct sip_buffer *out, struct sip_slice begin, PyObject *algorithm, bool stale) {
    struct sip_py_view name;
    if (sip_py_view(algorithm, &name) < 0) return -1;
    sip_add(out, begin);
    sip_add(out, SIP_TEXT("\", algorithm="));
    sip_add(out, name.text);
    sip_add(out, SIP_TEXT(", qop=\"auth\""));
    if (stale) sip_add(out, SIP_TEXT(", stale=true"));
    Py_XDECREF(name.holder);
    return 0;
}

/* What all challenges of one response begin with. */
static int begin_challenges(DigestObject *self, struct sip_buffer *begin, double now) {
    struct sip_py_view head;
    if (sip_py_view(self->head, &head) < 0) return -1;
    sip_add(begin, head.text);
    Py_XDECREF(head.holder);
    return add_nonce(self, begin, now);
}

int sip_digest_add_challenges(DigestObject *self, struct sip_buffer *out, struct sip_slice name, PyObject *algorithms, double now) {
    SIP_STACK_BUFFER(begin);
    int result = begin_challenges(self, &begin, now);
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(algorithms); i++) {
        sip_add(out, name);
        sip_add(out, SIP_TEXT(": "));
        result = add_value(out, (struct sip_slice){begin.at, begin.size}, PyTuple_GET_ITEM(algorithms, i), false);
        sip_add(out, SIP_TEXT("\r\n"));
    }
    out->failed |= begin.failed;
    sip_buffer_free(&begin);
    return result;
}

static PyObject *challenge(struct sip_slice begin, PyObject *algorithm, bool stale) {
    SIP_STACK_BUFFER(out);
    int added = add_value(&out, begin, algorithm, stale);
    PyObject *value = added < 0 ? NULL : sip_py_written(&out);
    sip_buffer_free(&out);
    return value;
}

static PyObject *digest_challenges(DigestObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"now", "algorithms", "stale", NULL};
    SIP_STACK_BUFFER(begin);
    PyObject *algorithms = self->algorithms, *values = NULL;
    double now;
    int stale = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "d|O!$p:challenges", keywords, &now, &PyTuple_Type, &algorithms, &stale)) return NULL;
    if (begin_challenges(self, &begin, now) == 0)
        values = begin.failed ? PyErr_NoMemory() : PyTuple_New(PyTuple_GET_SIZE(algorithms));
    for (Py_ssize_t i = 0; values && i < PyTuple_GET_SIZE(algorithms); i++) {
        PyObject *value = challenge((struct sip_slice){begin.at, begin.size}, PyTuple_GET_ITEM(algorithms, i), stale);
        if (value)
            PyTuple_SET_ITEM(values, i, value);
        else
            Py_CLEAR(values);
    }
    sip_buffer_free(&begin);
    return values;
}

/* --- checks --- */

static PyObject *digest_weigh(DigestObject *self, PyObject *const *args, Py_ssize_t count) {
    enum { VALUE, METHOD, BODY, NOW, ARGUMENTS };
    struct sip_py_view value, method;
    PyObject *username;
    if (count != ARGUMENTS || !PyBytes_Check(args[BODY])) return PyErr_Format(PyExc_TypeError, "value, method, body and time expected");
    double now = PyFloat_AsDouble(args[NOW]);
    if (PyErr_Occurred() || sip_py_view(args[VALUE], &value) < 0) return NULL;
    int worth = sip_py_view(args[METHOD], &method);
    if (worth == 0) {
        struct sip_slice body = {PyBytes_AS_STRING(args[BODY]), (size_t)PyBytes_GET_SIZE(args[BODY])};
        worth = sip_digest_weigh(self, value.text, &(struct sip_proof){method.text, body, now}, &username);
        Py_XDECREF(method.holder);
    }
    Py_XDECREF(value.holder);
    if (worth < 0) return NULL;
    return worth == SIP_WORTH_NONE ? Py_NewRef(Py_None) : Py_BuildValue("iN", worth, username);
}

static PyObject *digest_accepted(DigestObject *self, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view name;
    if (count != 3 || !Py_IS_TYPE(args[0], &sip_message_type)) return PyErr_Format(PyExc_TypeError, "request, header and time expected");
    double now = PyFloat_AsDouble(args[2]);
    if (PyErr_Occurred() || sip_py_view(args[1], &name) < 0) return NULL;
    PyObject *username = sip_digest_accepted(self, (MessageObject *)args[0], sip_want(name.text).id, now);
    Py_XDECREF(name.holder);
    return username || PyErr_Occurred() ? username : Py_NewRef(Py_None);
}

/* --- the type --- */

/* Each has its place among the secrets. */
static bool are_known(PyObject *algorithms) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(algorithms); i++) {
        PyObject *name = PyTuple_GET_ITEM(algorithms, i);
        bool known = false;
        for (int hash = 0; PyUnicode_Check(name) && hash < SIP_CLAIM_HASHES; hash++)
            known |= PyUnicode_CompareWithASCIIString(name, sip_claim_hash_name(hash)) == 0;
        if (!known) {
            PyErr_Format(PyExc_ValueError, "%R is no algorithm of digest", name);
            return false;
        }
    }
    return true;
}

static PyObject *digest_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"realm", "head", "credentials", "keys", "instance", "algorithms", "lifetime_s", "max_tracked", NULL};
    static struct sip_py_word current = {"current", NULL}, id = {"id", NULL}, macs = {"macs", NULL};
    PyObject *realm, *head, *credentials, *keys, *instance, *algorithms;
    struct sip_py_view line;
    int lifetime_s, max_tracked;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUOOUO!ii:DigestBase", keywords, &realm, &head, &credentials, &keys, &instance,
            &PyTuple_Type, &algorithms, &lifetime_s, &max_tracked) ||
        !are_known(algorithms) || sip_py_line_view(head, "realm", &line) < 0)
        return NULL;
    Py_XDECREF(line.holder);
    DigestObject *self = (DigestObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->realm = Py_NewRef(realm);
    self->head = Py_NewRef(head);
    self->credentials = Py_NewRef(credentials);
    self->instance = Py_NewRef(instance);
    self->algorithms = Py_NewRef(algorithms);
    self->nonces.lifetime_s = lifetime_s;
    self->nonces.max = max_tracked;
    for (int i = 0; i < SIP_CLAIM_HASHES; i++)
        if (!(self->secrets[i] = PyDict_New())) goto failed;
    if ((self->mac = sip_py_get(keys, &current)) && (self->key_id = sip_py_get(keys, &id)) && (self->macs = sip_py_get(keys, &macs)) &&
        PyDict_Check(self->macs))
        return (PyObject *)self;
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "keys are a KeyRing");
failed:
    Py_DECREF(self);
    return NULL;
}

/* What it refers to knows nothing of it: no cycle goes through it. */
static void digest_dealloc(DigestObject *self) {
    PyObject *fields[] = {self->credentials, self->realm, self->instance, self->head, self->mac, self->key_id, self->macs,
                          self->algorithms};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) Py_XDECREF(fields[i]);
    for (int i = 0; i < SIP_CLAIM_HASHES; i++) Py_XDECREF(self->secrets[i]);
    sip_nonces_clear(&self->nonces);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* Those who ask again are looked up again. */
static PyObject *digest_forget_secrets(DigestObject *self, PyObject *unused) {
    (void)unused;
    for (int i = 0; i < SIP_CLAIM_HASHES; i++) PyDict_Clear(self->secrets[i]);
    Py_RETURN_NONE;
}

static PyObject *get_tracked_nonces(DigestObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(self->nonces.newer.count + self->nonces.older.count);
}

static PyMethodDef methods[] = {
    {"challenges", FUNCTION(digest_challenges), METH_VARARGS | METH_KEYWORDS, NULL},
    {"weigh", FUNCTION(digest_weigh), METH_FASTCALL, NULL},
    {"accepted", FUNCTION(digest_accepted), METH_FASTCALL, NULL},
    {"forget_secrets", (PyCFunction)digest_forget_secrets, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"realm", T_OBJECT_EX, offsetof(DigestObject, realm), READONLY, NULL},
    {"algorithms", T_OBJECT_EX, offsetof(DigestObject, algorithms), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"tracked_nonces", (getter)get_tracked_nonces, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_digest_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.DigestBase",
    .tp_basicsize = sizeof(DigestObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = digest_new,
    .tp_dealloc = (destructor)digest_dealloc,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
