/* The messages in the bytes of a stream (RFC 3261 section 18.3), and the line ends between them (RFC 5626 section 4.4.1). */
#include "sip_ingress.h"
#include "sip_message.h"
#include "sip_stream.h"

/* What came, with what was kept before it. While it is walked, the connection keeps nothing. */
struct walk {
    struct sip_slice bytes;
    size_t at;
    PyObject *data; /* that the bytes are of, all of it; NULL when they are of a buffer */
};

static struct sip_slice rest_of(const struct walk *walk) {
    return (struct sip_slice){walk->bytes.at + walk->at, walk->bytes.size - walk->at};
}

/* The next bytes as an object; the one they came in when they are all of it. */
static PyObject *piece(const struct walk *walk, size_t size) {
    if (walk->data && size == walk->bytes.size) return Py_NewRef(walk->data);
    return PyBytes_FromStringAndSize(rest_of(walk).at, (Py_ssize_t)size);
}

/* An error of ours with one message is no reason to leave the others alone. */
static int take_message(StreamObject *self, PyObject *data) {
    static struct sip_py_word alias = {"alias", NULL}, a_message = {"a message", NULL};
    self->half_ping = false;
    self->had_message = true;
    if (self->may_alias && sip_stream_call(self, &alias, data) < 0) return -1;
    return sip_receive(self->batches->receive, data, (PyObject *)self) < 0 ? sip_batches_report(self->batches, &a_message) : 0;
}

/* Where the next message begins is unknown for ever: the last thing to be looked at. */
static int take_garbage(StreamObject *self, const struct walk *walk, struct sip_fault fault) {
    static struct sip_py_word name = {"take_garbage", NULL};
    sip_py_fault(fault, NULL);
    if (!PyErr_ExceptionMatches(sip_parse_error)) return -1;
    PyObject *error = sip_py_fetched(), *data = piece(walk, rest_of(walk).size);
    int result = data ? sip_py_do((PyObject *)self, &name, data, error) : -1;
    Py_XDECREF(data);
    Py_XDECREF(error);
    return result;
}

/* Line ends: 2 for a pair, 1 for the half of one that waits for more, 0 for anything else. */
static size_t line_end(struct sip_slice rest) {
    if (*rest.at != '\r') return 0;
    return rest.size == 1 ? 1 : rest.at[1] == '\n' ? 2 : 0;
}

/* One step: how many bytes it took, 0 when there must be more, -1 with an exception, or without when nothing will follow. */
static Py_ssize_t step(StreamObject *self, struct walk *walk) {
    static struct sip_py_word take_crlf = {"take_crlf", NULL};
    size_t length = line_end(rest_of(walk));
    if (length == 1) return 0;
    if (length == 2) return sip_stream_call(self, &take_crlf, NULL) < 0 ? -1 : 2;
    struct sip_fault fault = sip_frame(rest_of(walk).at, rest_of(walk).size, &length);
    if (fault.error == SIP_INCOMPLETE) return 0;
    if (fault.error != SIP_OK) {
        take_garbage(self, walk, fault);
        return -1;
    }
    PyObject *data = piece(walk, length);
    int result = data ? take_message(self, data) : -1;
    Py_XDECREF(data);
    return result < 0 ? -1 : (Py_ssize_t)length;
}

/* Keeps what is left, for a limited time that begins anew with each message. */
static int keep(StreamObject *self, const struct walk *walk) {
    static struct sip_py_word watch = {"watch_partial", NULL};
    struct sip_slice rest = rest_of(walk);
    sip_buffer_free(&self->kept);
    self->kept = (struct sip_buffer){.at = NULL};
    sip_add(&self->kept, rest);
    if (self->kept.failed) {
        PyErr_NoMemory();
        return -1;
    }
    bool same = walk->at == 0 && rest.size && self->partial_timer != Py_None;
    if (same || (!rest.size && self->partial_timer == Py_None)) return 0;
    return sip_stream_call(self, &watch, rest.size ? Py_True : Py_False);
}

static int walk_through(StreamObject *self, struct walk *walk) {
    while (walk->at < walk->bytes.size) {
        Py_ssize_t taken = step(self, walk);
        if (taken < 0) return PyErr_Occurred() ? -1 : 0;
        if (taken == 0) break;
        walk->at += (size_t)taken;
        if (self->closed) return 0;
    }
    return keep(self, walk);
}

int sip_stream_take(StreamObject *self, PyObject *data) {
    struct sip_buffer whole = self->kept;
    struct walk walk = {{PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)}, 0, data};
    self->kept = (struct sip_buffer){.at = NULL};
    int result = 0;
    if (whole.size) {
        sip_add(&whole, walk.bytes);
        walk = (struct walk){{whole.at, whole.size}, 0, NULL};
    }
    if (whole.failed) {
        PyErr_NoMemory();
        result = -1;
    }
    if (result == 0) result = walk_through(self, &walk);
    sip_buffer_free(&whole);
    return result;
}
