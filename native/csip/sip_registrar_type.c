/* native.sip.RegistrarBase: the plain refresh (sip_refresh.h), from the store and back to it. */
#include "sip_registrar_type.h"

#include "sip_proxy.h"
#include "sip_source.h"
#include "sip_store.h"
#include "structmember.h"

/* --- what is left and answered --- */

static void add_instance(struct sip_buffer *lines, const struct sip_binding *binding) {
    if (!binding->instance.size) return;
    sip_add(lines, SIP_TEXT(";+sip.instance=\""));
    sip_add(lines, binding->instance);
    sip_add(lines, SIP_TEXT("\""));
    if (!binding->reg_id) return;
    sip_add(lines, SIP_TEXT(";reg-id="));
    sip_add_number(lines, binding->reg_id);
}

/* Contacts of the answer (RFC 3261 section 10.3 step 8). */
static void add_contacts(struct sip_buffer *lines, const struct sip_record *record, double now) {
    for (size_t i = 0; i < record->count; i++) {
        double left_s = record->bindings[i].expires_at - now + 0.5;
        sip_add(lines, SIP_TEXT("Contact: <"));
        sip_add(lines, record->bindings[i].contact);
        sip_add(lines, SIP_TEXT(">;expires="));
        sip_add_number(lines, left_s < 1 ? 1 : left_s < UINT32_MAX ? (uint32_t)left_s : UINT32_MAX);
        add_instance(lines, &record->bindings[i]);
        sip_add(lines, SIP_TEXT("\r\n"));
    }
}

/* RFC 5626 section 6. */
static void add_outbound(RegistrarObject *self, struct sip_buffer *lines) {
    sip_add(lines, SIP_TEXT("Require: outbound\r\nFlow-Timer: "));
    sip_add_number(lines, self->flow_timer_s);
    sip_add(lines, SIP_TEXT("\r\n"));
}

/* The Date header's value, made once a second; borrowed. */
static PyObject *date_at(RegistrarObject *self, double now) {
    static struct sip_py_word date_of = {"date_of", NULL};
    if (self->date && self->date_s == (long long)now) return self->date;
    PyObject *second = PyLong_FromLongLong((long long)now), *date = second ? sip_py_call((PyObject *)self, &date_of, second, NULL) : NULL;
    Py_XDECREF(second);
    if (!date) return NULL;
    Py_XSETREF(self->date, date);
    self->date_s = (long long)now;
    return date;
}

static int add_date(RegistrarObject *self, struct sip_buffer *lines, double now) {
    struct sip_py_view date;
    PyObject *text = date_at(self, now);
    if (!text || sip_py_view(text, &date) < 0) return -1;
    sip_add_header(lines, SIP_TEXT("Date"), date.text);
    Py_XDECREF(date.holder);
    return 0;
}

static PyObject *written_record(const struct sip_record *record, size_t changed) {
    SIP_STACK_BUFFER(out);
    char *at = sip_reserve(&out, sip_record_room(record, changed));
    PyObject *written = at ? PyBytes_FromStringAndSize(at, (Py_ssize_t)sip_record_write(record, changed, at)) : PyErr_NoMemory();
    sip_buffer_free(&out);
    return written;
}

static int put_record(RegistrarObject *self, PyObject *aor, const struct sip_record *record, size_t changed) {
    static struct sip_py_word word_put = {"put_record", NULL};
    PyObject *written = written_record(record, changed);
    bool stored = sip_py_is_a(self->locations, &sip_table_type);
    int result = !written ? -1
        : stored          ? sip_table_put((TableObject *)self->locations, aor, written)
                          : sip_py_do(self->locations, &word_put, aor, written);
    Py_XDECREF(written);
    return result;
}

static int refresh(RegistrarObject *self, MessageObject *request, PyObject *aor, PyObject *stored, const struct sip_source *source,
    double now, struct sip_buffer *lines) {
    struct sip_slice text = {PyBytes_AS_STRING(stored), (size_t)PyBytes_GET_SIZE(stored)};
    struct sip_record record;
    struct sip_refreshed refreshed;
    if (!sip_refresh(&request->core, text, source, &self->limits, self->gruus, now, &record, &refreshed)) return 0;
    if (put_record(self, aor, &record, refreshed.changed) < 0) return -1;
    add_contacts(lines, &record, now);
    if (refreshed.outbound) add_outbound(self, lines);
    return add_date(self, lines, now) < 0 ? -1 : 1;
}

/* The record, which is going to be changed; a new reference to it or None. */
static PyObject *find_record(RegistrarObject *self, PyObject *aor) {
    static struct sip_py_word word_record = {"record", NULL};
    if (!sip_py_is_a(self->locations, &sip_table_type)) return sip_py_call(self->locations, &word_record, aor, NULL);
    TableObject *table = (TableObject *)self->locations;
    return sip_environment_intend(table->environment) < 0 ? NULL : sip_table_record(table, aor);
}

int sip_registrar_refresh(
    RegistrarObject *self, MessageObject *request, PyObject *aor, PyObject *flow, double now, struct sip_buffer *lines) {
    struct sip_flow_source source;
    PyObject *stored = find_record(self, aor);
    int result = stored ? 0 : -1;
    if (stored && PyBytes_Check(stored) && (result = sip_source_read(flow, &source)) == 0) {
        result = refresh(self, request, aor, stored, &source.read, now, lines);
        sip_source_release(&source);
    }
    Py_XDECREF(stored);
    return result;
}

/* --- the type --- */

static PyObject *pair_of(struct sip_slice line) {
    const char *colon = memchr(line.at, ':', line.size);
    PyObject *name = sip_py_str(sip_slice_of(line.at, colon));
    PyObject *value = name ? sip_py_str(sip_slice_of(colon + 2, line.at + line.size)) : NULL;
    PyObject *pair = value ? PyTuple_Pack(2, name, value) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(value);
    return pair;
}

/* Header lines as (name, value). */
static PyObject *pairs_of(const struct sip_buffer *lines) {
    PyObject *list = PyList_New(0);
    for (const char *at = lines->at, *end = at + lines->size, *next; list && at < end; at = next + 2) {
        next = memmem(at, (size_t)(end - at), "\r\n", 2);
        PyObject *pair = pair_of(sip_slice_of(at, next));
        if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    PyObject *pairs = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return pairs;
}

static PyObject *registrar_refresh(RegistrarObject *self, PyObject *const *args, Py_ssize_t count) {
    enum { REQUEST, AOR, FLOW, NOW, ARGUMENTS };
    SIP_STACK_BUFFER(lines);
    if (count != ARGUMENTS || !Py_IS_TYPE(args[REQUEST], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "request, AOR, flow and time expected");
    double now = PyFloat_AsDouble(args[NOW]);
    if (PyErr_Occurred()) return NULL;
    int done = sip_registrar_refresh(self, (MessageObject *)args[REQUEST], args[AOR], args[FLOW], now, &lines);
    PyObject *result = done < 0 ? NULL : !done ? Py_NewRef(Py_None) : lines.failed ? PyErr_NoMemory() : pairs_of(&lines);
    sip_buffer_free(&lines);
    return result;
}

static PyObject *registrar_date(RegistrarObject *self, PyObject *now) {
    double at = PyFloat_AsDouble(now);
    return PyErr_Occurred() ? NULL : Py_XNewRef(date_at(self, at));
}

static PyObject *registrar_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"locations", "shortest_s", "default_s", "max_s", "max_contact", "max_call_id", "max_user_agent",
                               "flow_timer_s", "gruus", NULL};
    struct sip_refresh_limits limits;
    PyObject *locations;
    unsigned flow_timer_s;
    int gruus;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OIIIIIIIp:RegistrarBase", keywords, &locations, &limits.shortest_s, &limits.default_s,
            &limits.max_s, &limits.max_contact_bytes, &limits.max_call_id_bytes, &limits.max_user_agent_bytes, &flow_timer_s, &gruus))
        return NULL;
    RegistrarObject *self = (RegistrarObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->locations = Py_NewRef(locations);
    self->limits = limits;
    self->flow_timer_s = flow_timer_s;
    self->gruus = gruus;
    return (PyObject *)self;
}

/* Where bindings are kept nothing is known of registrars: no cycle goes through it. */
static void registrar_dealloc(RegistrarObject *self) {
    Py_XDECREF(self->locations);
    Py_XDECREF(self->date);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"refresh", FUNCTION(registrar_refresh), METH_FASTCALL, NULL},
    {"date", FUNCTION(registrar_date), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"locations", T_OBJECT_EX, offsetof(RegistrarObject, locations), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_registrar_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.RegistrarBase",
    .tp_basicsize = sizeof(RegistrarObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = registrar_new,
    .tp_dealloc = (destructor)registrar_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
