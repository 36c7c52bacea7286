/* What ng tells of the two sockets of one party's port pair, made from the counters of its stream: a report has one of these per party and
 * line, which as Python took a third of a delete. */
#include "relay_module.h"

#define WORDS(WORD)                                                                                                              \
    WORD(LOCAL_PORT, "local port") WORD(LOCAL_ADDRESS, "local address") WORD(FAMILY, "family") WORD(ENDPOINT, "endpoint")         \
    WORD(ADVERTISED, "advertised endpoint") WORD(FLAGS, "flags") WORD(STATS, "stats") WORD(STATS_OUT, "stats_out")               \
    WORD(STRANGERS, "strangers") WORD(FORGED, "forged") WORD(LAST_PACKET, "last packet") WORD(SSRC, "SSRC")                      \
    WORD(ADDRESS, "address") WORD(PORT, "port") WORD(PACKETS, "packets") WORD(BYTES, "bytes") WORD(ERRORS, "errors")             \
    WORD(IPV4, "IPv4") WORD(IPV6, "IPv6") WORD(RTP, "RTP") WORD(RTCP, "RTCP") WORD(FILLED, "filled") WORD(CONFIRMED, "confirmed")

#define NAME(name, text) name,
#define TEXT(name, text) text,
enum { WORDS(NAME) WORD_COUNT };

static PyObject *words[WORD_COUNT];

bool relay_stream_report_init(void)
{
    static const char *const texts[WORD_COUNT] = {WORDS(TEXT)};
    for (int i = 0; i < WORD_COUNT; i++)
        if (words[i] == NULL && (words[i] = PyUnicode_InternFromString(texts[i])) == NULL)
            return false;
    return true;
}

/* Whose sockets, and when it is asked. */
struct party {
    PyObject *address; /* of ours */
    PyObject *family;
    long port;
    double unix_s;
    long long now_ns;
};

/* Takes ``value``; NULL when making it failed. */
static bool put(PyObject *dict, int word, PyObject *value)
{
    bool done = value != NULL && PyDict_SetItem(dict, words[word], value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *field(PyObject *stats, int number) { return PyTuple_GET_ITEM(stats, number); }

static bool copy(PyObject *dict, int word, PyObject *stats, int number)
{
    return PyDict_SetItem(dict, words[word], field(stats, number)) == 0;
}

static bool put_sum(PyObject *dict, int word, PyObject *stats, int one, int other)
{
    return put(dict, word, PyNumber_Add(field(stats, one), field(stats, other)));
}

static PyObject *family_of(PyObject *host)
{
    Py_ssize_t colon = PyUnicode_FindChar(host, ':', 0, PyUnicode_GET_LENGTH(host), 1);
    return colon == -2 ? NULL : words[colon < 0 ? IPV4 : IPV6];
}

/* (host, port) or None as a dictionary, empty for None. */
static PyObject *place(PyObject *address)
{
    PyObject *dict = PyDict_New();
    if (dict == NULL || address == Py_None)
        return dict;
    PyObject *host = NULL, *port = NULL, *family = NULL;
    if (!PyTuple_Check(address) || !PyArg_ParseTuple(address, "UO", &host, &port) || (family = family_of(host)) == NULL ||
        PyDict_SetItem(dict, words[FAMILY], family) < 0 || PyDict_SetItem(dict, words[ADDRESS], host) < 0 ||
        PyDict_SetItem(dict, words[PORT], port) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "an address must be (host, port) or None");
        Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *flags(PyObject *stats, PyObject *given, bool rtcp)
{
    PyObject *set[3] = {words[rtcp ? RTCP : RTP]};
    Py_ssize_t count = 1;
    if (given != Py_None)
        set[count++] = words[FILLED];
    if (field(stats, RELAY_STATS_LATCHED) == Py_True)
        set[count++] = words[CONFIRMED];
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(set[i]));
    return list;
}

static PyObject *received(PyObject *stats)
{
    PyObject *dict = PyDict_New();
    if (dict != NULL && !(copy(dict, PACKETS, stats, RELAY_STATS_PACKETS) && copy(dict, BYTES, stats, RELAY_STATS_BYTES) &&
                          put_sum(dict, ERRORS, stats, RELAY_STATS_SEND_ERRORS, RELAY_STATS_MALFORMED)))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *sent(PyObject *out)
{
    PyObject *dict = PyDict_New();
    if (dict != NULL &&
        !(copy(dict, PACKETS, out, RELAY_STATS_FORWARDED) && copy(dict, ERRORS, out, RELAY_STATS_SEND_ERRORS)))
        Py_CLEAR(dict);
    return dict;
}

static bool put_heard(PyObject *dict, PyObject *stats, const struct party *party)
{
    long long last_ns = PyLong_AsLongLong(field(stats, RELAY_STATS_LAST_NS));
    int heard = PyObject_IsTrue(field(stats, RELAY_STATS_SSRC));
    if (PyErr_Occurred())
        return false;
    double last_s = party->unix_s - (double)(party->now_ns - last_ns) / 1e9;
    return (last_ns == 0 || put(dict, LAST_PACKET, PyLong_FromDouble(last_s))) &&
           (!heard || copy(dict, SSRC, stats, RELAY_STATS_SSRC));
}

/* ``out``: the counters of the other party, which it is sent; ``given``: where it said it is. */
static PyObject *socket_report(const struct party *party, PyObject *stats, PyObject *out, PyObject *given, bool rtcp)
{
    PyObject *dict = PyDict_New();
    bool done = dict != NULL && put(dict, LOCAL_PORT, PyLong_FromLong(party->port + rtcp)) &&
                put(dict, LOCAL_ADDRESS, Py_NewRef(party->address)) && put(dict, FAMILY, Py_NewRef(party->family)) &&
                put(dict, ENDPOINT, place(field(stats, RELAY_STATS_REMOTE))) && put(dict, ADVERTISED, place(given)) &&
                put(dict, FLAGS, flags(stats, given, rtcp)) && put(dict, STATS, received(stats)) &&
                put(dict, STATS_OUT, sent(out)) && copy(dict, STRANGERS, stats, RELAY_STATS_STRANGERS) &&
                put_sum(dict, FORGED, stats, RELAY_STATS_AUTH_FAILED, RELAY_STATS_REPLAYED) && put_heard(dict, stats, party);
    if (!done)
        Py_CLEAR(dict);
    return dict;
}

static bool are_stats(PyObject *stats[RELAY_SIDES][RELAY_COMPONENTS])
{
    for (int i = 0; i < RELAY_SIDES * RELAY_COMPONENTS; i++)
        if (!PyObject_TypeCheck(stats[i / 2][i % 2], (PyTypeObject *)relay_stats_type)) {
            PyErr_SetString(PyExc_TypeError, "counters must be ComponentStats");
            return false;
        }
    return true;
}

PyObject *relay_stream_report(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *stats[RELAY_SIDES][RELAY_COMPONENTS], *given[RELAY_COMPONENTS];
    struct party party;
    long side;
    if (!PyArg_ParseTuple(args, "((OO)(OO))lUlOOdL", &stats[0][0], &stats[0][1], &stats[1][0], &stats[1][1], &side, &party.address,
                          &party.port, &given[0], &given[1], &party.unix_s, &party.now_ns) ||
        !relay_in_range("side", side, 0, 1) || !are_stats(stats) || (party.family = family_of(party.address)) == NULL)
        return NULL;
    PyObject *list = PyList_New(RELAY_COMPONENTS);
    for (int i = 0; list != NULL && i < RELAY_COMPONENTS; i++) {
        PyObject *report = socket_report(&party, stats[side][i], stats[1 - side][i], given[i], i == RELAY_RTCP_COMPONENT);
        if (report == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, report);
    }
    return list;
}
