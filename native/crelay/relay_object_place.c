/* Methods of native.relay.Relay that say where a side is. */
#include "relay_module.h"

static bool parse_remote(PyObject *pair, const char *learn_host, struct relay_remote *remote)
{
    union relay_address learn;
    if (pair != Py_None) {
        const char *host;
        long port;
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "remote must be (host, port) or None");
            return false;
        }
        if (!PyArg_ParseTuple(pair, "sl", &host, &port) || !relay_parse_address(host, port, &remote->address))
            return false;
        if (!relay_in_range("port", port, 1, UINT16_MAX))
            return false;
    }
    if (learn_host == NULL)
        relay_address_host(&remote->address, &remote->learn);
    else if (!relay_parse_address(learn_host, 0, &learn))
        return false;
    else
        relay_address_host(&learn, &remote->learn);
    return true;
}

PyObject *relay_object_own_ports(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    union relay_address address;
    const char *host;
    long first, last;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "sll", &host, &first, &last) || !relay_parse_address(host, 0, &address) ||
        !relay_in_range("first", first, 1, UINT16_MAX) || !relay_in_range("last", last, first, UINT16_MAX))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_add_own(relay, &address, (uint16_t)first, (uint16_t)last);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, 0);
}

PyObject *relay_object_set_remote(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "component", "remote", "mode", "learn_host", NULL};
    struct relay *relay = relay_made(self);
    struct relay_remote remote = {0};
    unsigned int stream;
    long side, component, mode = RELAY_SYMMETRIC;
    const char *learn_host = NULL;
    PyObject *pair;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "IllO|$lz", names, &stream, &side, &component, &pair, &mode,
                                                      &learn_host))
        return NULL;
    if (!relay_in_range("side", side, 0, 1) || !relay_in_range("component", component, 0, 1) ||
        !relay_in_range("mode", mode, RELAY_FIXED, RELAY_ICE) || !parse_remote(pair, learn_host, &remote))
        return NULL;
    remote.mode = (enum relay_mode)mode;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_remote(relay, stream, (int)side, (int)component, &remote);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

/* ((host, port) or None, host to learn from or None). */
static bool parse_place(PyObject *place, long mode, struct relay_remote *remote)
{
    PyObject *pair;
    const char *learn_host;
    remote->mode = (enum relay_mode)mode;
    if (!PyTuple_Check(place)) {
        PyErr_SetString(PyExc_TypeError, "a place must be (remote, learn_host)");
        return false;
    }
    return PyArg_ParseTuple(place, "Oz", &pair, &learn_host) && parse_remote(pair, learn_host, remote);
}

PyObject *relay_object_place(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    struct relay_remote remote[RELAY_COMPONENTS] = {0};
    unsigned int stream;
    long side, mode;
    int mux;
    PyObject *places[RELAY_COMPONENTS];
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "IlOOlp", &stream, &side, &places[0], &places[1], &mode, &mux) ||
        !relay_in_range("side", side, 0, 1) || !relay_in_range("mode", mode, RELAY_FIXED, RELAY_ICE) ||
        !parse_place(places[0], mode, &remote[0]) || !parse_place(places[1], mode, &remote[1]))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_place(relay, stream, (int)side, remote, mux);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

/* A text of ``least`` to ``most`` characters of RFC 8839 section 5.4. */
static bool is_ice_text(const char *name, const char *text, Py_ssize_t size, Py_ssize_t least, Py_ssize_t most)
{
    bool fits = size >= least && size <= most;
    for (Py_ssize_t i = 0; i < size && fits; i++)
        fits = Py_ISALNUM(text[i]) || text[i] == '+' || text[i] == '/';
    if (!fits)
        PyErr_Format(PyExc_ValueError, "%s must be %zd to %zd letters, digits, + and /", name, least, most);
    return fits;
}

PyObject *relay_object_set_ice(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    struct relay_ice_words words = {0};
    unsigned int stream;
    long side;
    Py_ssize_t ufrag, password, peer;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "Ils#s#s#", &stream, &side, &words.ufrag, &ufrag, &words.password, &password, &words.peer, &peer) ||
        !relay_in_range("side", side, 0, 1) || !is_ice_text("ufrag", words.ufrag, ufrag, 4, RELAY_ICE_UFRAG) ||
        !is_ice_text("password", words.password, password, 22, RELAY_ICE_PASSWORD) || !is_ice_text("peer", words.peer, peer, 0, 256))
        return NULL;
    words.ufrag_bytes = (uint8_t)ufrag;
    words.password_bytes = (uint8_t)password;
    words.peer_bytes = (size_t)peer;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_ice(relay, stream, (int)side, &words);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}
