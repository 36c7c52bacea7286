/* native.relay.DispatcherBase: from a datagram to its reply, the usual way: a request in bencode whose options are known. Whatever
 * else there is (JSON, options seen for the first time, what is malformed, replies too long) is the Python class's, called by name. */
#include "relay_bencode.h"
#include "relay_count.h"
#include "relay_replies.h"

#include <string.h>
#include <structmember.h>

#define MAX_COOKIE_BYTES 4096
#define NS 1e9

typedef struct {
    PyObject_HEAD
    PyObject *functions;    /* dict: what serves a command, by its name */
    PyObject *known[2];     /* dict: options by how they are written; of other proxies, of this node's own */
    PyObject *request_type; /* of media.request.Request */
    PyObject *read_address;
    PyObject *monotonic_ns; /* the clock */
    PyObject *counts;       /* dict: by host a dict of Count by command */
    PyObject *counters;     /* dict: for metrics */
    PyObject *replies;
    PyObject *own; /* str: the host that stands for this node's own proxy */
    Py_ssize_t short_bytes;
} DispatcherObject;

#define OBJECTS 10 /* from functions on */

/* What is to be served: the cookie's bytes, and behind a space those of the dictionary. */
struct asked {
    const char *cookie, *data;
    Py_ssize_t cookie_size, data_size;
    PyObject *datagram, *host;
    Py_ssize_t most; /* bytes of a reply */
    bool own;
};

static bool take_apart(DispatcherObject *self, PyObject *datagram, PyObject *host, Py_ssize_t most, struct asked *asked)
{
    const char *start = PyBytes_AS_STRING(datagram);
    Py_ssize_t size = PyBytes_GET_SIZE(datagram);
    const char *space = memchr(start, ' ', (size_t)size);
    *asked = (struct asked){.cookie = start, .datagram = datagram, .host = host, .most = most, .own = host == self->own};
    if (space == NULL || space == start || space - start > MAX_COOKIE_BYTES)
        return false;
    asked->cookie_size = space - start;
    asked->data = space + 1;
    asked->data_size = start + size - asked->data;
    return true;
}

static PyObject *general(DispatcherObject *self, const struct asked *asked)
{
    return PyObject_CallMethod((PyObject *)self, "general", "OOn", asked->datagram, asked->host, asked->most);
}

static long long clock_ns(DispatcherObject *self)
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
        body = PyObject_CallMethod((PyObject *)self, "refusal", "OO", request, cause);
    Py_XDECREF(cause);
    return body;
}

static PyObject *write_reply(DispatcherObject *self, const struct asked *asked, PyObject *body)
{
    struct relay_bencode out;
    relay_bencode_begin(&out);
    bool done = relay_bencode_put(&out, asked->cookie, (size_t)asked->cookie_size + 1) && relay_bencode_value(&out, body);
    PyObject *reply = relay_bencode_end(&out, done);
    Py_ssize_t size = reply == NULL ? 0 : PyBytes_GET_SIZE(reply);
    if (size > asked->most || (size > self->short_bytes && !asked->own)) {
        PyObject *fitted = PyObject_CallMethod((PyObject *)self, "fitted", "OOOOn", asked->datagram, body, reply, asked->host, asked->most);
        Py_SETREF(reply, fitted);
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
    PyObject *added = PyErr_Occurred() ? NULL
                                       : PyObject_CallMethod((PyObject *)self, "count", "OOOL", host, command,
                                                             failed ? Py_True : Py_False, duration_ns);
    Py_XDECREF(added);
    return added != NULL;
}

/* Also a request that we broke at, whose exception is set. */
static bool count(DispatcherObject *self, const struct asked *asked, PyObject *command, bool failed, long long started_ns)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    long long ended_ns = clock_ns(self);
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
    PyObject *ignored = PyObject_GetAttrString(options, "ignored");
    Py_ssize_t count = ignored == NULL ? -1 : PyObject_Size(ignored);
    Py_XDECREF(ignored);
    if (count <= 0)
        return count == 0;
    PyObject *told = PyObject_CallMethod((PyObject *)self, "note_ignored", "O", options);
    Py_XDECREF(told);
    return told != NULL;
}

/* What serves the request, and its command; NULL: the general way has to, or an exception. */
static PyObject *function_of(DispatcherObject *self, PyObject *request, PyObject **command)
{
    PyObject *options = PyObject_GetAttrString(request, "options"), *function = NULL;
    *command = options == NULL || !look_at_ignored(self, options) ? NULL : PyObject_GetAttrString(options, "command");
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
        reply = general(self, asked);
    }
    Py_XDECREF(function);
    Py_XDECREF(request);
    return reply;
}

/* The same where whatever goes wrong with us is an answer too. */
static PyObject *answer_always(DispatcherObject *self, const struct asked *asked, long long now_ns)
{
    PyObject *reply = PyErr_Occurred() ? NULL : answer(self, asked, now_ns);
    if (reply != NULL)
        return reply;
    PyObject *cause = fetched();
    if (cause != NULL)
        reply = PyObject_CallMethod((PyObject *)self, "broke", "OO", asked->datagram, cause);
    Py_XDECREF(cause);
    return reply;
}

static bool is_ready(DispatcherObject *self)
{
    if (self->functions == NULL)
        PyErr_SetString(PyExc_RuntimeError, "Dispatcher.__init__ has not succeeded");
    return self->functions != NULL;
}

static PyObject *dispatcher_packet(DispatcherObject *self, PyObject *args)
{
    PyObject *datagram;
    Py_ssize_t most;
    struct asked asked;
    if (!is_ready(self) || !PyArg_ParseTuple(args, "Sn", &datagram, &most))
        return NULL;
    if (!take_apart(self, datagram, self->own, most, &asked))
        return general(self, &asked);
    return answer_always(self, &asked, clock_ns(self));
}

/* The reply of before, or a new one that is kept. */
static PyObject *answer_once(DispatcherObject *self, const struct asked *asked, PyObject *key, long long now_ns)
{
    struct relay_replies *replies = (struct relay_replies *)self->replies;
    PyObject *reply = relay_replies_get(replies, key, (double)now_ns / NS);
    if (reply != NULL) {
        Py_INCREF(reply);
        PyObject *told = PyObject_CallMethod((PyObject *)self, "repeated", NULL);
        if (told == NULL)
            Py_CLEAR(reply);
        Py_XDECREF(told);
        return reply;
    }
    reply = answer_always(self, asked, now_ns);
    if (reply != NULL && PyBytes_Check(reply) && !relay_replies_put(replies, key, reply))
        Py_CLEAR(reply);
    return reply;
}

static PyObject *dispatcher_datagram(DispatcherObject *self, PyObject *args)
{
    PyObject *datagram, *source, *host, *port;
    Py_ssize_t most;
    struct asked asked;
    if (!is_ready(self) || !PyArg_ParseTuple(args, "SO!n", &datagram, &PyTuple_Type, &source, &most) || PyTuple_GET_SIZE(source) < 2)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a source must be (host, port)");
    host = PyTuple_GET_ITEM(source, 0);
    port = PyTuple_GET_ITEM(source, 1);
    if (!take_apart(self, datagram, host, most, &asked))
        return general(self, &asked);
    PyObject *key = Py_BuildValue("(OOy#)", host, port, asked.cookie, asked.cookie_size);
    long long now_ns = key == NULL ? -1 : clock_ns(self);
    PyObject *reply = PyErr_Occurred() ? NULL : answer_once(self, &asked, key, now_ns);
    Py_XDECREF(key);
    return reply;
}

/* --- the type --- */

static int dispatcher_init(DispatcherObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"functions", "known", "request_type", "read_address", "monotonic_ns", "counts", "counters",
                            "replies", "own", "short_bytes", NULL};
    PyObject *given[OBJECTS], **fields = &self->functions;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!(O!O!)O!OOO!O!O!Un", names, &PyDict_Type, &given[0], &PyDict_Type, &given[1],
                                     &PyDict_Type, &given[2], &PyType_Type, &given[3], &given[4], &given[5], &PyDict_Type,
                                     &given[6], &PyDict_Type, &given[7], &relay_replies_type, &given[8], &given[9], &self->short_bytes))
        return -1;
    if (!relay_is_plain_class((PyTypeObject *)given[3])) {
        PyErr_SetString(PyExc_TypeError, "requests must be of a class of fixed size");
        return -1;
    }
    for (int i = 0; i < OBJECTS; i++)
        Py_XSETREF(fields[i], Py_NewRef(given[i]));
    return 0;
}

static int dispatcher_traverse(DispatcherObject *self, visitproc visit, void *arg)
{
    for (int i = 0; i < OBJECTS; i++)
        Py_VISIT((&self->functions)[i]);
    return 0;
}

static int dispatcher_clear(DispatcherObject *self)
{
    for (int i = 0; i < OBJECTS; i++)
        Py_CLEAR((&self->functions)[i]);
    return 0;
}

static void dispatcher_dealloc(DispatcherObject *self)
{
    PyObject_GC_UnTrack(self);
    dispatcher_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef dispatcher_methods[] = {
    {"datagram", (PyCFunction)dispatcher_datagram, METH_VARARGS, "The reply to a datagram, or None."},
    {"packet", (PyCFunction)dispatcher_packet, METH_VARARGS, "The same from this node's own proxy."},
    {0},
};

PyTypeObject relay_dispatcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.DispatcherBase",
    .tp_basicsize = sizeof(DispatcherObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)dispatcher_init,
    .tp_traverse = (traverseproc)dispatcher_traverse,
    .tp_clear = (inquiry)dispatcher_clear,
    .tp_dealloc = (destructor)dispatcher_dealloc,
    .tp_methods = dispatcher_methods,
};
