/* From the INVITE of a call to its end, where it has one dialog. */
#include "sip_calls.h"

#include "sip_fields.h"
#include "sip_store.h"
#include "sip_trunk.h"

CallRecordObject *sip_calls_find(CallsObject *self, PyObject *key) {
    return (CallRecordObject *)PyDict_GetItemWithError(self->calls, key);
}

static int set_text(PyObject **field, struct sip_py_word *word) {
    PyObject *text = sip_py_text(word);
    if (text) Py_SETREF(*field, Py_NewRef(text));
    return text ? 0 : -1;
}

/* Also when there is none. */
static int forget(PyObject *dict, PyObject *key) {
    int found = PyDict_Contains(dict, key);
    return found > 0 ? PyDict_DelItem(dict, key) : found;
}

/* --- the store --- */

int sip_calls_put(CallsObject *self, PyObject *key, CallRecordObject *record) {
    static struct sip_py_word put = {"put", NULL};
    if (!sip_py_is_a(self->stored, &sip_table_type)) return sip_py_do(self->stored, &put, key, (PyObject *)record);
    PyObject *packed = sip_fields_packed((PyObject *)record, NULL);
    int result = packed ? sip_table_put((TableObject *)self->stored, key, packed) : -1;
    Py_XDECREF(packed);
    return result;
}

static int delete_stored(CallsObject *self, PyObject *key) {
    static struct sip_py_word delete = {"delete", NULL};
    if (sip_py_is_a(self->stored, &sip_table_type)) return sip_table_delete((TableObject *)self->stored, key);
    return sip_py_do(self->stored, &delete, key, NULL);
}

/* --- the beginning --- */

static int add_key(CallsObject *self, PyObject *call_id, PyObject *key) {
    PyObject *before = PyDict_GetItemWithError(self->keys, call_id), *keys = NULL;
    if (before || !PyErr_Occurred()) keys = PyTuple_Pack(1, key);
    if (keys && before) Py_SETREF(keys, PySequence_Concat(before, keys));
    int result = keys ? PyDict_SetItem(self->keys, call_id, keys) : -1;
    Py_XDECREF(keys);
    return result;
}

static int replace(CallsObject *self, PyObject *key) {
    static struct sip_py_word end = {"end", NULL}, replaced = {"replaced", NULL};
    PyObject *cause = sip_py_text(&replaced);
    return cause ? sip_py_do((PyObject *)self, &end, key, cause) : -1;
}

/* Has that done about its trunks. */
static int over_trunks(CallsObject *self, PyObject *key, CallRecordObject *record, struct sip_py_word *word,
    int (*step)(CallTrunksObject *, PyObject *, CallRecordObject *)) {
    if (sip_py_is_a(self->trunks, &sip_call_trunks_type)) return step((CallTrunksObject *)self->trunks, key, record);
    return sip_py_do(self->trunks, word, key, (PyObject *)record);
}

int sip_calls_add(CallsObject *self, PyObject *key, CallRecordObject *record) {
    static struct sip_py_word begun = {"begun", NULL};
    int known = PyDict_Contains(self->calls, key);
    if (known < 0 || (known && replace(self, key) < 0)) return -1;
    if (PyDict_SetItem(self->calls, key, (PyObject *)record) < 0 || add_key(self, record->call_id, key) < 0) return -1;
    return sip_call_is_plain(record) ? 0 : over_trunks(self, key, record, &begun, sip_call_trunks_begun);
}

int sip_calls_begin(CallsObject *self, PyObject *key, CallRecordObject *record, PyObject *invite) {
    static struct sip_py_word started = {"sip_calls_started_total", NULL};
    if (sip_calls_add(self, key, record) < 0 || PyDict_SetItem(self->invites, key, invite) < 0) return -1;
    return sip_calls_put(self, key, record) < 0 ? -1 : sip_py_count_word(self->counters, &started);
}

/* --- the answer --- */

static int put_callee(CallRecordObject *record, CallLegObject *leg) {
    Py_SETREF(record->to_tag, Py_NewRef(leg->tag));
    return PyList_SetItem(record->legs, SIP_CALLEE, Py_NewRef(leg));
}

/* Early dialogs end with it. */
static int forget_forks(CallRecordObject *record) {
    if (!PyList_Check(record->forks) || !PyList_GET_SIZE(record->forks)) return 0;
    return PyList_SetSlice(record->forks, 0, PY_SSIZE_T_MAX, NULL);
}

static int put_branch(CallsObject *self, CallRecordObject *record, PyObject *branch) {
    static struct sip_py_word via_branch = {"via_branch", NULL};
    PyObject *name = self->relayed ? sip_py_get(branch, &via_branch) : PyUnicode_New(0, 0);
    if (name) Py_SETREF(record->ng_branch, name);
    return name ? 0 : -1;
}

static int answer(CallsObject *self, PyObject *key, CallRecordObject *record, CallLegObject *leg, PyObject *branch) {
    static struct sip_py_word answered = {"answered", NULL}, counted = {"sip_calls_answered_total", NULL};
    if (forget_forks(record) < 0 || put_branch(self, record, branch) < 0 || put_callee(record, leg) < 0) return -1;
    if (set_text(&record->state, &answered) < 0 || forget(self->invites, key) < 0) return -1;
    if (PyDict_SetItem(self->unconfirmed, key, Py_None) < 0) return -1;
    record->answered_at = sip_clock_wall(self->timers);
    return sip_calls_put(self, key, record) < 0 ? -1 : sip_py_count_word(self->counters, &counted);
}

int sip_calls_answered(CallsObject *self, PyObject *key, PyObject *branch, MessageObject *response) {
    static struct sip_py_word answered_again = {"answered_again", NULL};
    CallRecordObject *record = (CallRecordObject *)Py_XNewRef(sip_calls_find(self, key));
    CallLegObject *leg = record ? sip_callee_of(record, branch, response) : NULL;
    int result = PyErr_Occurred() ? -1 : 0;
    if (leg && sip_call_is(record, "ringing"))
        result = answer(self, key, record, leg, branch);
    else if (leg)
        result = sip_py_do((PyObject *)self, &answered_again, key, (PyObject *)leg);
    Py_XDECREF(leg);
    Py_XDECREF(record);
    return result;
}

int sip_calls_confirmed(CallsObject *self, PyObject *key) {
    return PyDict_GET_SIZE(self->unconfirmed) ? forget(self->unconfirmed, key) : 0;
}

/* --- the end --- */

int sip_calls_hangs_up(CallsObject *self, PyObject *key, PyObject *from_tag, PyObject *to_tag) {
    static struct sip_py_word caller = {"caller", NULL}, callee = {"callee", NULL};
    CallRecordObject *record = sip_calls_find(self, key);
    if (!record) return PyErr_Occurred() ? -1 : 0;
    if (sip_call_is(record, "ending") || !sip_call_belongs(record, from_tag, to_tag)) return 0;
    record->bye_at = sip_clock_wall(self->timers);
    return set_text(&record->bye_by, sip_call_same_tag(from_tag, record->from_tag) ? &caller : &callee);
}

static int end_by_bye(CallsObject *self, PyObject *key) {
    static struct sip_py_word bye = {"bye", NULL}, nobody = {"", NULL};
    struct sip_call_end how = {sip_py_text(&bye), PyLong_FromLong(0), sip_py_text(&nobody)};
    int result = how.cause && how.status && how.by ? sip_calls_end(self, key, &how) : -1;
    Py_XDECREF(how.status);
    return result;
}

int sip_calls_hung_up(CallsObject *self, PyObject *key, PyObject *from_tag, PyObject *to_tag) {
    static struct sip_py_word dialog_ended = {"dialog_ended", NULL};
    CallRecordObject *record = sip_calls_find(self, key);
    if (!record) return PyErr_Occurred() ? -1 : 0;
    if (sip_call_is(record, "ringing")) return 0;
    bool has_forks = !PyList_Check(record->forks) || PyList_GET_SIZE(record->forks);
    if (!has_forks && sip_call_belongs(record, from_tag, to_tag)) return end_by_bye(self, key);
    PyObject *tags = PyTuple_Pack(2, from_tag, to_tag);
    int result = tags ? sip_py_do((PyObject *)self, &dialog_ended, key, tags) : -1;
    Py_XDECREF(tags);
    return result;
}

/* Of a call that spirals the other keys stay. */
static int forget_key(CallsObject *self, PyObject *call_id, PyObject *key) {
    static struct sip_py_word one_key_less = {"one_key_less", NULL};
    PyObject *keys = PyDict_GetItemWithError(self->keys, call_id);
    if (!keys) return PyErr_Occurred() ? -1 : 0;
    if (PyTuple_GET_SIZE(keys) == 1) return PyDict_DelItem(self->keys, call_id);
    return sip_py_do((PyObject *)self, &one_key_less, call_id, key);
}

static int forget_offers(CallsObject *self, PyObject *key) {
    static struct sip_py_word waiting = {"waiting", NULL}, forget_all = {"forget", NULL};
    int wait = sip_py_is(self->early_offers, &waiting);
    return wait > 0 ? sip_py_do(self->early_offers, &forget_all, key, NULL) : wait;
}

static int make_cdr(CallsObject *self, PyObject *key, CallRecordObject *record, const struct sip_call_end *how) {
    static struct sip_py_word ended = {"ended", NULL};
    PyObject *args[] = {self->cdrs, key, (PyObject *)record, how->cause, how->status, how->by}, *name = sip_py_text(&ended);
    if (self->cdrs == Py_None) return 0;
    return name ? sip_py_done(PyObject_VectorcallMethod(name, args, 6, NULL)) : -1;
}

static int count_end(CallsObject *self, PyObject *cause) {
    static struct sip_py_word kind = {"sip_calls_ended_total|cause=", NULL};
    PyObject *text = sip_py_text(&kind), *name = text ? PyUnicode_Concat(text, cause) : NULL;
    int result = name ? sip_py_count(self->counters, name) : -1;
    Py_XDECREF(name);
    return result;
}

static int end(CallsObject *self, PyObject *key, CallRecordObject *record, const struct sip_call_end *how) {
    static struct sip_py_word ended = {"ended", NULL};
    if (PyDict_DelItem(self->calls, key) < 0) return -1;
    if (sip_call_is(record, "ringing") && forget(self->invites, key) < 0) return -1;
    if (forget_offers(self, key) < 0 || forget_key(self, record->call_id, key) < 0) return -1;
    if (!sip_call_is_plain(record) && over_trunks(self, key, record, &ended, sip_call_trunks_ended) < 0) return -1;
    if (delete_stored(self, key) < 0 || make_cdr(self, key, record, how) < 0) return -1;
    return count_end(self, how->cause);
}

int sip_calls_end(CallsObject *self, PyObject *key, const struct sip_call_end *how) {
    CallRecordObject *record = (CallRecordObject *)Py_XNewRef(sip_calls_find(self, key));
    int result = record ? end(self, key, record, how) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(record);
    return result;
}
