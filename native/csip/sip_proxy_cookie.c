/* The cookie that our Record-Route carries: that of the dialog, or a new one, with the flow of each side that is behind a NAT. */
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"

static bool is_cookie(PyObject *object) { return Py_IS_TYPE(object, &sip_cookie_type); }

/* Of a side that can be reached by nothing else; the buffer stays empty for any other. */
static int add_flow(struct sip_buffer *out, int natted, PyObject *flow) {
    if (natted > 0) natted = sip_flow_add_token(out, flow);
    if (natted == 0 && out->failed) PyErr_NoMemory();
    return natted < 0 || out->failed ? -1 : 0;
}

/* Whether a branch whose callee has this flow goes by the cookie that there is: the dialog's own, or one issued for another branch of the
 * request. 1 or 0; -1 with an exception. */
static int fits(const ContextObject *context, struct sip_slice callee) {
    struct sip_py_view view;
    if (!is_cookie(context->cookie)) return 0;
    if (context->cookie == sip_inbound_of(context)->cookie) return 1;
    if (sip_py_view(((CookieObject *)context->cookie)->callee_flow, &view) < 0) return -1;
    bool same = sip_same(view.text, callee);
    Py_XDECREF(view.holder);
    return same;
}

static PyObject *issue(BranchObject *self, struct sip_slice callee) {
    SIP_STACK_BUFFER(caller);
    InboundObject *inbound = sip_request_of(self);
    PyObject *key = NULL, *cookie = NULL;
    if (!inbound->message) return PyErr_Format(PyExc_AttributeError, "the request is over");
    if (add_flow(&caller, sip_inbound_natted(inbound), inbound->flow) == 0) key = sip_inbound_call_key(inbound);
    if (key)
        cookie = sip_cookie_issue(sip_core_of(self)->cookie_keys, (MessageObject *)inbound->message, key, SIP_FROM,
            &(struct sip_cookie_flows){{caller.at, caller.size}, callee});
    sip_buffer_free(&caller);
    return cookie;
}

PyObject *sip_branch_cookie(BranchObject *self) {
    static struct sip_py_word natted = {"natted", NULL};
    SIP_STACK_BUFFER(callee);
    ContextObject *context = sip_context_of(self);
    int result = add_flow(&callee, sip_py_is(self->target, &natted), self->flow);
    struct sip_slice token = {callee.at, callee.size};
    if (result == 0) result = fits(context, token);
    PyObject *cookie = result == 0 ? issue(self, token) : NULL;
    if (cookie) Py_SETREF(context->cookie, cookie);
    sip_buffer_free(&callee);
    return result > 0 || cookie ? Py_NewRef(((CookieObject *)context->cookie)->text) : NULL;
}
