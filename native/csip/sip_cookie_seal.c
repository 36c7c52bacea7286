/* The text of a cookie: key id, MAC, call key, caller hash, flows. Flows have addresses, which the other side is not to know: they are
 * masked. Where there are none, nothing is. */
#include "sip_cookie.h"
#include "sip_mask.h"
#include "sip_py.h"

#define NO_FLOWS SIP_TEXT("~")

/* Up to the second "~", and after it; false without one. */
static bool split_flows(struct sip_slice fields, struct sip_slice *shown, struct sip_slice *flows) {
    const char *end = fields.at + fields.size, *at = fields.at;
    for (int i = 0; i < 2; i++) {
        at = memchr(at, '~', (size_t)(end - at));
        if (!at++) return false;
    }
    *shown = sip_slice_of(fields.at, at);
    *flows = sip_slice_of(at, end);
    return true;
}

static void add_text(struct sip_buffer *out, const uint8_t *key, struct sip_slice fields, struct sip_slice call_id) {
    char mac[SIP_MAC_TEXT_SIZE];
    struct sip_slice shown, flows;
    size_t start = out->size;
    sip_add_sealed(out, key, fields, call_id);
    if (out->failed || !split_flows(fields, &shown, &flows) || sip_same(flows, NO_FLOWS)) return;
    memcpy(mac, out->at + start, sizeof mac);
    out->size = start + sizeof mac + shown.size;
    sip_add_masked(out, key, mac, flows);
}

PyObject *sip_cookie_seal(PyObject *ring, struct sip_slice fields, PyObject *call_id) {
    static struct sip_py_word word_current = {"current", NULL}, word_id = {"id", NULL};
    SIP_STACK_BUFFER(out);
    struct sip_py_view id = {{NULL, 0}, NULL}, context = {{NULL, 0}, NULL};
    PyObject *mac = sip_py_get(ring, &word_current), *key_id = mac ? sip_py_get(ring, &word_id) : NULL, *text = NULL;
    const uint8_t *key = key_id ? sip_mac_key(mac) : NULL;
    if (key && sip_py_view(key_id, &id) == 0 && sip_py_view(call_id, &context) == 0) {
        sip_add(&out, id.text);
        add_text(&out, key, fields, context.text);
        text = sip_py_written(&out);
    }
    Py_XDECREF(id.holder);
    Py_XDECREF(context.holder);
    Py_XDECREF(mac);
    Py_XDECREF(key_id);
    sip_buffer_free(&out);
    return text;
}

/* The key of the ring that the first character of a text names; NULL with an exception or without. */
static const uint8_t *key_named(PyObject *ring, PyObject *text) {
    static struct sip_py_word word_macs = {"macs", NULL};
    PyObject *macs = sip_py_get(ring, &word_macs), *id = macs ? PyUnicode_Substring(text, 0, 1) : NULL;
    PyObject *mac = id ? PyDict_GetItemWithError(macs, id) : NULL;
    Py_XDECREF(id);
    Py_XDECREF(macs); /* the ring keeps it, and its keys */
    return mac ? sip_mac_key(mac) : NULL;
}

/* `sealed`, or in `own` what it stands for. */
static struct sip_slice unmasked(const uint8_t *key, struct sip_slice sealed, struct sip_buffer *own) {
    struct sip_slice shown, flows, nothing = {"", 0};
    if (sealed.size < SIP_MAC_TEXT_SIZE || !split_flows(sealed, &shown, &flows)) return nothing;
    if (sip_same(flows, NO_FLOWS)) return sealed;
    sip_add(own, shown);
    return sip_add_unmasked(own, key, sealed.at, flows) ? (struct sip_slice){own->at, own->size} : nothing;
}

int sip_cookie_unseal(PyObject *ring, PyObject *text, struct sip_slice call_id, struct sip_buffer *own, struct sip_slice *fields) {
    struct sip_py_view view;
    int result = 0;
    *fields = (struct sip_slice){NULL, 0};
    const uint8_t *key = key_named(ring, text);
    if ((!key && PyErr_Occurred()) || sip_py_view(text, &view) < 0) return -1;
    if (key && !view.holder) { /* what we write is ASCII */
        struct sip_slice sealed = unmasked(key, (struct sip_slice){view.text.at + 1, view.text.size - 1}, own);
        if (own->failed || sip_unseal(key, sealed, call_id, fields) != SIP_OK) result = sip_py_done(PyErr_NoMemory());
    }
    Py_XDECREF(view.holder);
    return result;
}
