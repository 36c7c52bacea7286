/* What we add to a request: our Record-Route and our Via (RFC 3261 section 16.6 items 4 and 8). */
#include "sip_mac.h"
#include "sip_proxy.h"
#include "sip_py.h"

/* Behind what is in `out` already. */
static int add_branch(struct sip_buffer *out, BranchObject *self) {
    enum { PREFIX, KEY_ID, CALL_ID, IDENTITY, TARGET, LOOP, TEXTS };
    InboundObject *inbound = sip_request_of(self);
    CoreObject *core = sip_core_of(self);
    static struct sip_py_word word_call_id = {"call_id", NULL}, word_uri = {"uri", NULL};
    PyObject *call_id = sip_py_get(self->request, &word_call_id), *target = call_id ? sip_py_get(self->target, &word_uri) : NULL;
    PyObject *texts[TEXTS] = {core->branch_prefix, core->branch_key_id, call_id, inbound->identity, target, inbound->loop_hash};
    struct sip_py_view views[TEXTS];
    const uint8_t *key = target ? sip_mac_key(core->branch_mac) : NULL;
    int made = 0;
    while (key && made < TEXTS && sip_py_view(texts[made], &views[made]) == 0) made++;
    if (made == TEXTS)
        sip_add_branch(out, key, &(struct sip_branch){
            .prefix = views[PREFIX].text,
            .key_id = views[KEY_ID].text,
            .call_id = views[CALL_ID].text,
            .identity = views[IDENTITY].text,
            .target = views[TARGET].text,
            .attempt = (uint32_t)self->index,
            .loop = views[LOOP].text,
        });
    for (int i = 0; i < made; i++) Py_XDECREF(views[i].holder);
    Py_XDECREF(call_id);
    Py_XDECREF(target);
    return made == TEXTS ? 0 : -1;
}

static int push_via(BranchObject *self, PyObject *index) {
    SIP_STACK_BUFFER(via);
    int result = sip_proxy_add_start(&via, sip_core_of(self)->vias, index);
    size_t start = via.size;
    if (result == 0) result = add_branch(&via, self);
    if (result == 0) result = sip_proxy_push((MessageObject *)self->request, SIP_VIA, &via);
    PyObject *branch = result == 0 ? sip_py_str((struct sip_slice){via.at + start, via.size - start}) : NULL;
    if (branch) Py_XSETREF(self->via_branch, branch);
    sip_buffer_free(&via);
    return branch ? 0 : -1;
}

static int push_record_route(BranchObject *self, PyObject *index, PyObject *cookie) {
    SIP_STACK_BUFFER(value);
    int result = sip_proxy_add_start(&value, sip_core_of(self)->record_routes, index);
    if (result == 0) result = sip_proxy_add(&value, cookie);
    sip_add(&value, SIP_TEXT(">"));
    if (result == 0) result = sip_proxy_push((MessageObject *)self->request, SIP_RECORD_ROUTE, &value);
    sip_buffer_free(&value);
    return result;
}

/* One entry, or two when the request leaves by another listener than it came by, so that each side gets the one it can reach. */
static int push_record_routes(BranchObject *self, PyObject *far) {
    static struct sip_py_word record_sips = {"record_sips", NULL};
    MessageObject *message = (MessageObject *)self->request;
    PyObject *cookie = sip_branch_cookie(self);
    PyObject *near = cookie ? sip_proxy_listener(sip_request_of(self)->flow) : NULL;
    int result = near ? 0 : -1;
    if (near && (sip_message_is_sips(message) || sip_has_line(&message->core, SIP_ROUTE))) {
        result = sip_py_do((PyObject *)self, &record_sips, cookie, NULL);
    } else if (near) {
        int differs = PyObject_RichCompareBool(near, far, Py_NE);
        result = differs < 0 ? -1 : push_record_route(self, near, cookie);
        if (result == 0 && differs) result = push_record_route(self, far, cookie);
    }
    Py_XDECREF(near);
    Py_XDECREF(cookie);
    return result;
}

int sip_branch_add_ourselves(BranchObject *self) {
    int makes_none = PySet_Contains(sip_core_of(self)->no_dialog, ((MessageObject *)self->request)->method);
    PyObject *index = makes_none < 0 ? NULL : sip_proxy_listener(self->flow);
    int result = index ? 0 : -1;
    if (index && !makes_none) result = push_record_routes(self, index);
    if (result == 0) result = push_via(self, index);
    Py_XDECREF(index);
    return result;
}
