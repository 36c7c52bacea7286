/* Requests for the node itself: REGISTER, and OPTIONS that ask what it can do (RFC 3261 section 11). */
#include "sip_application.h"
#include "sip_py.h"
#include "sip_registering.h"

static int serve_register(ApplicationObject *self, InboundObject *request) {
    static struct sip_py_word serve = {"serve", NULL};
    if (sip_py_is_a(self->registering, &sip_registering_type)) return sip_registering_serve(self->registering, request);
    return sip_py_do(self->registering, &serve, (PyObject *)request, NULL);
}

int sip_application_has_domain(PyObject *application, PyObject *host) {
    if (!sip_py_is_a(application, &sip_application_type)) return 0;
    PyObject *authorizer = ((ApplicationObject *)application)->authorizer;
    return authorizer == Py_None ? 0 : PyDict_Contains(((AuthorizerObject *)authorizer)->realms, host);
}

/* To us, and to no user of ours: 1 or 0, -1 with an exception. */
static int asks_us(const InboundObject *request) {
    MessageObject *message = (MessageObject *)request->message;
    struct sip_uri uri;
    if (sip_read_uri(&message->core, &uri).error != SIP_OK || uri.user.at) return 0;
    return sip_core_owns_uri((CoreObject *)request->core, message);
}

/* RFC 3261 section 8.2.2.3. */
static int check_required(ApplicationObject *self, InboundObject *request) {
    static struct sip_py_word word_check = {"check_required", NULL};
    MessageObject *message = (MessageObject *)request->message;
    if (!sip_has_line(&message->core, SIP_REQUIRE)) return 0;
    return sip_py_do((PyObject *)self, &word_check, (PyObject *)message, NULL);
}

static int serve_options(ApplicationObject *self, InboundObject *request) {
    SIP_STACK_BUFFER(lines);
    int ours = asks_us(request);
    if (ours <= 0) return ours;
    int result = check_required(self, request);
    if (result == 0) result = sip_proxy_add(&lines, self->capabilities);
    if (result == 0) result = sip_inbound_answer_once(request, 200, &lines);
    sip_buffer_free(&lines);
    return result < 0 ? -1 : 1;
}

int sip_application_serve_early(PyObject *application, InboundObject *request) {
    if (!sip_py_is_a(application, &sip_application_type)) return 0;
    int own = sip_application_serve_self((ApplicationObject *)application, request);
    return own < 0 && sip_application_not_served(application, request) == 0 ? 1 : own;
}

int sip_application_serve_self(ApplicationObject *self, InboundObject *request) {
    PyObject *method = ((MessageObject *)request->message)->method;
    if (sip_py_is_method(method, SIP_REGISTER)) return serve_register(self, request) < 0 ? -1 : 1;
    return sip_py_is_method(method, SIP_OPTIONS) ? serve_options(self, request) : 0;
}
