/* What messages within a call change in its record: CSeq numbers and remote targets (RFC 3261 section 12.2). */
#include "sip_calls.h"

/* --- the sides of a dialog --- */

/* Whether a leg has that tag: 1 or 0, -1 with an exception. */
static int has_tag(const CallLegObject *leg, struct sip_slice tag) {
    struct sip_py_view view;
    if (sip_py_view(leg->tag, &view) < 0) return -1;
    bool same = sip_same(view.text, tag);
    Py_XDECREF(view.holder);
    return same;
}

/* Whether one leg has the one tag, and the other the other; as has_tag. */
static int have_tags(const CallLegObject *one, struct sip_slice tag, const CallLegObject *other, struct sip_slice other_tag) {
    int first = has_tag(one, tag);
    return first > 0 ? has_tag(other, other_tag) : first;
}

static CallLegObject *leg_of(PyObject *found) {
    if (Py_IS_TYPE(found, &sip_call_leg_type)) return (CallLegObject *)found;
    PyErr_SetString(PyExc_TypeError, "a dialog without its callee");
    return NULL;
}

static Py_ssize_t count_forks(const CallRecordObject *record) {
    return PyList_Check(record->forks) ? PyList_GET_SIZE(record->forks) : 0;
}

/* The callee of the call's own dialog, then those of the others. */
static CallLegObject *callee_at(CallRecordObject *record, Py_ssize_t index) {
    return index ? leg_of(PyList_GET_ITEM(record->forks, index - 1)) : sip_call_leg_of(record, SIP_CALLEE);
}

int sip_call_sides(CallRecordObject *record, MessageObject *request, struct sip_call_sides *sides) {
    struct sip_scratch scratches[2];
    struct sip_slice from, to;
    CallLegObject *caller = sip_call_leg_of(record, SIP_CALLER);
    if (!caller || sip_message_read_tag(request, SIP_FROM, &scratches[0], &from) < 0 ||
        sip_message_read_tag(request, SIP_TO, &scratches[1], &to) < 0)
        return -1;
    for (Py_ssize_t i = 0; i <= count_forks(record); i++) {
        CallLegObject *callee = callee_at(record, i);
        if (!callee) return -1;
        if (sip_is_empty(callee->tag)) continue; /* nobody answered yet */
        int forth = have_tags(caller, from, callee, to);
        if (forth > 0) *sides = (struct sip_call_sides){caller, callee};
        if (forth) return forth;
        int back = have_tags(callee, from, caller, to);
        if (back > 0) *sides = (struct sip_call_sides){callee, caller};
        if (back) return back;
    }
    return 0;
}

/* --- a request --- */

static void see(CallLegObject *leg, uint32_t cseq) {
    if (leg->cseq < cseq) leg->cseq = cseq;
}

static int read_cseq(MessageObject *message, uint32_t *cseq) {
    struct sip_scratch scratch;
    struct sip_slice method;
    struct sip_fault fault = sip_read_cseq(&message->core, &scratch, cseq, &method);
    if (fault.error != SIP_OK) sip_py_fault(fault, NULL);
    return fault.error == SIP_OK ? 0 : -1;
}

/* In whichever early dialog the caller sends it. */
static int see_early(CallRecordObject *record, CookieObject *cookie, MessageObject *request, uint32_t cseq) {
    if (!sip_call_is(record, "ringing")) return 0;
    int forth = sip_cookie_goes_to_callee(cookie, request);
    CallLegObject *callee = forth > 0 ? sip_call_leg_of(record, SIP_CALLEE) : NULL;
    if (callee) see(callee, cseq);
    return forth < 0 || PyErr_Occurred() ? -1 : 0;
}

static bool refreshes(MessageObject *request) {
    return sip_py_is_method(request->method, SIP_INVITE) || sip_py_is_method(request->method, SIP_UPDATE);
}

/* Where the message says that its sender is, if it does: 1 when that is new, 0, -1 with an exception. */
static int move(CallLegObject *sender, MessageObject *message) {
    PyObject *contact = sip_message_contact_uri_text(message, NULL);
    bool is_new = contact && !sip_is_empty(contact) && !sip_same_str(contact, sender->remote_target);
    if (is_new) Py_SETREF(sender->remote_target, Py_NewRef(contact));
    Py_XDECREF(contact);
    return contact ? is_new : -1;
}

int sip_calls_within(CallsObject *self, CookieObject *cookie, MessageObject *request) {
    CallRecordObject *record = sip_calls_find(self, cookie->call_key);
    struct sip_call_sides sides;
    uint32_t cseq;
    if (!record) return PyErr_Occurred() ? -1 : 0;
    if (read_cseq(request, &cseq) < 0 || see_early(record, cookie, request, cseq) < 0) return -1;
    int known = sip_call_sides(record, request, &sides);
    if (known <= 0) return known;
    see(sides.receiver, cseq);
    if (refreshes(request) && move(sides.sender, request) < 0) return -1;
    return sip_calls_confirmed(self, cookie->call_key) < 0 ? -1 : sip_calls_put(self, cookie->call_key, record);
}

/* --- a response --- */

int sip_calls_answered_within(CallsObject *self, PyObject *key, MessageObject *request, MessageObject *response) {
    CallRecordObject *record = refreshes(request) ? sip_calls_find(self, key) : NULL;
    struct sip_call_sides sides;
    if (!record) return PyErr_Occurred() ? -1 : 0;
    int known = sip_call_sides(record, request, &sides);
    int moved = known > 0 ? move(sides.receiver, response) : known;
    return moved > 0 ? sip_calls_put(self, key, record) : moved;
}
