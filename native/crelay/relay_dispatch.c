/* An ng request served the usual way: in bencode, with options that are known. Whatever else there is (JSON, options seen for the first
 * time, what is malformed, replies too long) is the Python class's, called by name. */
#include "relay_dispatch.h"

#include <string.h>

#include "relay_bencode.h"
#include "relay_count.h"
#include "relay_replies.h"

#define MAX_COOKIE_BYTES 4096
#define NS 1e9

RELAY_WORD(options);
RELAY_WORD(ignored);
RELAY_WORD(command);

/* Methods of the Python class. */
RELAY_WORD(general);
RELAY_WORD(refusal);
RELAY_WORD(fitted);
RELAY_WORD(note_ignored);
RELAY_WORD(count);
RELAY_WORD(repeated);
RELAY_WORD(broke);

bool relay_take_apart(DispatcherObject *self, PyObject *datagram, PyObject *host, PyObject *most, struct asked *asked)
{
    const char *start = PyBytes_AS_STRING(datagram);
    Py_ssize_t size = PyBytes_GET_SIZE(datagram);
    const char *space = memchr(start, ' ', (size_t)size);
    *asked = (struct asked){.cookie = start, .datagram = datagram, .host = host, .most_object = most, .own = host == self->own};
    asked->most = PyLong_AsSsize_t(most);
    if (PyErr_Occurred() || space == NULL || space == start || space - start > MAX_COOKIE_BYTES)
        return false;
    asked->cookie_size = space - start;
    asked->data = space + 1;
    asked->data_size = start + size - asked->data;
    return true;
}

PyObject *relay_answer_generally(DispatcherObject *self, const struct asked *asked)
{
    PyObject *args[] = {(PyObject *)self, asked->datagram, asked->host, asked->most_object};
    return relay_call(&word_general, args, 4);
}

long long relay_clock_ns(DispatcherObject *self)
{
    PyObject *now = PyObject_CallNoArgs(self->monotonic_ns);
    long long ns = now == NULL ? -1 : PyLong_AsLongLong(now);
    Py_XDECREF(now);
    return ns;
}

/* The exception that is set, as an object of its own. */
static PyObject *fetched(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL && value != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* What the command's function says; what it raises, as words. */
static PyObject *body_of(DispatcherObject *self, PyObject *function, PyObject *request, bool *failed)
{
    PyObject *body = PyObject_CallOneArg(function, request);
    *failed = body == NULL;
    if (body != NULL)
        return body;
    PyObject *cause = fetched();
    if (cause != NULL)
        body = relay_call(&word_refusal, (PyObject *[]){(PyObject *)self, request, cause}, 3);
    Py_XDECREF(cause);
    return body;
}

/* Where datagrams of any size arrive whole. */
static bool is_near(const struct asked *asked)
{
    const char *host = !asked->own && PyUnicode_Check(asked->host) ? PyUnicode_AsUTF8(asked->host) : NULL;
    if (host == NULL) {
        PyErr_Clear();
        return asked->own;
    }
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "::ffff:127.", 11) == 0 || strcmp(host, "::1") == 0;
}

static PyObject *write_reply(DispatcherObject *self, const struct asked *asked, PyObject *body)
{
    struct relay_bencode out;
    relay_bencode_begin(&out);
    bool done = relay_bencode_put(&out, asked->cookie, (size_t)asked->cookie_size + 1) && relay_bencode_value(&out, body);
    PyObject *reply = relay_bencode_end(&out, done);
    Py_ssize_t size = reply == NULL ? 0 : PyBytes_GET_SIZE(reply);
    if (size > asked->most || (size > self->short_bytes && !is_near(asked))) {
        PyObject *args[] = {(PyObject *)self, asked->datagram, body, reply, asked->host, asked->most_object};
        Py_SETREF(reply, relay_call(&word_fitted, args, 6));
    }
    return reply;
}

/* The first one of that command from that host makes the object. */
static bool add(DispatcherObject *self, PyObject *host, PyObject *command, bool failed, long long duration_ns)
{
    PyObject *commands = PyDict_GetItemWithError(self->counts, host);
    PyObject *known = commands == NULL ? NULL : PyDict_GetItemWithError(commands, command);
    if (known != NULL && Py_IS_TYPE(known, &relay_count_type))
        return relay_count_add((struct relay_request_count *)known, self->counters, failed, duration_ns);
    PyObject *duration = PyErr_Occurred() ? NULL : PyLong_FromLongLong(duration_ns), *added = NULL;
    if (duration != NULL)
        added = relay_call(&word_count, (PyObject *[]){(PyObject *)self, host, command, failed ? Py_True : Py_False, duration}, 5);
    Py_XDECREF(duration);
    Py_XDECREF(added);
    return added != NULL;
}

/* Also a request that we broke at, whose exception is set. */
static bool count(DispatcherObject *self, const struct asked *asked, PyObject *command, bool failed, long long started_ns)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    long long ended_ns = relay_clock_ns(self);
    bool counted = !PyErr_Occurred() && add(self, asked->host, command, failed, ended_ns - started_ns);
    if (type != NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    return counted;
}

static PyObject *serve(DispatcherObject *self, const struct asked *asked, PyObject *request, PyObject *command, PyObject *function,
                       long long started_ns)
{
    bool failed;
    PyObject *body = body_of(self, function, request, &failed);
    bool counted = count(self, asked, command, failed, started_ns);
    PyObject *reply = body == NULL || !counted ? NULL : write_reply(self, asked, body);
    Py_XDECREF(body);
    return reply;
}

/* What is not served of its options is told of. */
static bool look_at_ignored(DispatcherObject *self, PyObject *options)
{
    PyObject *ignored = relay_attribute(options, &word_ignored);
    Py_ssize_t count = ignored == NULL ? -1 : PyObject_Size(ignored);
    Py_XDECREF(ignored);
    if (count <= 0)
        return count == 0;
    PyObject *told = relay_call(&word_note_ignored, (PyObject *[]){(PyObject *)self, options}, 2);
    Py_XDECREF(told);
    return told != NULL;
}

/* What serves the request, and its command; NULL: the general way has to, or an exception. */
static PyObject *function_of(DispatcherObject *self, PyObject *request, PyObject **command)
{
    PyObject *options = relay_attribute(request, &word_options), *function = NULL;
    *command = options == NULL || !look_at_ignored(self, options) ? NULL : relay_attribute(options, &word_command);
    if (*command != NULL)
        function = Py_XNewRef(PyDict_GetItemWithError(self->functions, *command));
    if (function == NULL)
        Py_CLEAR(*command);
    Py_XDECREF(options);
    return function;
}

static PyObject *answer(DispatcherObject *self, const struct asked *asked, long long now_ns)
{
    PyObject *request = relay_ng_known(asked->data, asked->data_size, self->known[asked->own], (PyTypeObject *)self->request_type,
                                       self->read_address);
    if (request == NULL && PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_MemoryError))
        PyErr_Clear(); /* the general way finds the same fault, and has words for it */
    PyObject *command, *function = request == NULL ? NULL : function_of(self, request, &command), *reply = NULL;
    if (function != NULL) {
        reply = serve(self, asked, request, command, function, now_ns);
        Py_DECREF(command);
    } else if (!PyErr_Occurred()) {
        reply = relay_answer_generally(self, asked);
    }
    Py_XDECREF(function);
    Py_XDECREF(request);
    return reply;
}

PyObject *relay_answer(DispatcherObject *self, const struct asked *asked, long long now_ns)
{
    PyObject *reply = PyErr_Occurred() ? NULL : answer(self, asked, now_ns);
    if (reply != NULL)
        return reply;
    PyObject *cause = fetched();
    if (cause != NULL)
        reply = relay_call(&word_broke, (PyObject *[]){(PyObject *)self, asked->datagram, cause}, 3);
    Py_XDECREF(cause);
    return reply;
}

PyObject *relay_answer_once(DispatcherObject *self, const struct asked *asked, PyObject *key, long long now_ns)
{
    struct relay_replies *replies = (struct relay_replies *)self->replies;
    PyObject *reply = relay_replies_get(replies, key, (double)now_ns / NS);
    if (reply != NULL) {
        Py_INCREF(reply);
        PyObject *told = relay_call(&word_repeated, (PyObject *[]){(PyObject *)self}, 1);
        if (told == NULL)
            Py_CLEAR(reply);
        Py_XDECREF(told);
        return reply;
    }
    reply = relay_answer(self, asked, now_ns);
    if (reply != NULL && PyBytes_Check(reply) && !relay_replies_put(replies, key, reply))
        Py_CLEAR(reply);
    return reply;
}
