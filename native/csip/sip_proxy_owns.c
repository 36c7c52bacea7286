/* Which URIs are ours: those that name a listener, or a domain of ours on the default port or a port of a listener. An maddr says
 * where a request is to go whatever the host says (RFC 3261 section 16.5), so that is looked at in its place. */
#include "sip_application.h"
#include "sip_chars.h"
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"

static int is_own_domain(CoreObject *self, PyObject *host, PyObject *port) {
    static struct sip_py_word is_our_domain = {"is_our_domain", NULL};
    int default_port = port == Py_None ? 1 : PySet_Contains(self->ports, port);
    if (default_port <= 0) return default_port;
    int known = sip_application_has_domain(self->app, host);
    if (known) return known;
    return sip_py_truth(sip_py_call(self->app, &is_our_domain, host, NULL));
}

/* The host in the place of `named`, if there is an maddr; false for one that is no host. */
static bool read_maddr(const struct sip_uri *uri, struct sip_slice *named, bool *is_ip) {
    struct sip_param maddr;
    if (!sip_uri_param_find(uri->params, SIP_TEXT("maddr"), &maddr)) return true;
    struct sip_slice rest = maddr.value;
    return sip_host(&rest, named, is_ip) == SIP_OK && !rest.size;
}

static int owns(CoreObject *self, const struct sip_uri *uri) {
    if (uri->scheme_id != SIP_SCHEME_SIP && uri->scheme_id != SIP_SCHEME_SIPS) return 0;
    struct sip_slice named = uri->host;
    bool is_ip = uri->host_is_ip;
    if (!read_maddr(uri, &named, &is_ip)) return 0;
    PyObject *host = sip_py_host(named), *transport = NULL;
    PyObject *port = !host ? NULL : uri->port < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(uri->port);
    int result = !port ? -1 : is_ip ? 0 : is_own_domain(self, host, port);
    if (result == 0) result = (transport = sip_uri_transport(uri)) ? sip_is_local(self->flows, host, port, transport) : -1;
    Py_XDECREF(transport);
    Py_XDECREF(port);
    Py_XDECREF(host);
    return result;
}

PyObject *sip_core_is_ours(CoreObject *self, PyObject *uri) {
    const struct sip_uri *parsed = sip_uri_parsed(uri);
    int result = parsed ? owns(self, parsed) : -1;
    return result < 0 ? NULL : PyBool_FromLong(result);
}

int sip_core_owns_uri(CoreObject *self, MessageObject *message) {
    struct sip_uri uri;
    struct sip_fault fault = sip_read_uri(&message->core, &uri);
    if (fault.error == SIP_OK) return owns(self, &uri);
    sip_py_fault(fault, NULL);
    return -1;
}
