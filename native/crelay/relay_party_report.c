/* What ng tells of one party and of each line of its, as bencode: every delete has two of these, and to make Python's dictionaries first would
 * be a third of what it costs. What was heard on a line is told by Python (``more``). */
#include "relay_line.h"
#include "relay_party.h"
#include "relay_sdp.h"

#include <string.h>

RELAY_WORD(tag);
RELAY_WORD(created_at);
RELAY_WORD(label);
RELAY_WORD(kind);
RELAY_WORD(protocol);
RELAY_WORD(direction);
RELAY_WORD(mux);
RELAY_WORD(ice);
RELAY_WORD(endpoint);
RELAY_WORD(rtp);
RELAY_WORD(rtcp);
RELAY_WORD(counts);

/* A report being written. */
struct report {
    struct relay_bencode out;
    struct relay_party party;
    PyObject *lines;  /* whose method counts has the counters of a line */
    PyObject *counts; /* dict: these, of lines that were asked for before */
    PyObject *more;
};

static bool put_value(struct report *report, const char *key, PyObject *value)
{
    bool done = value != NULL && relay_bencode_put(&report->out, key, strlen(key)) && relay_bencode_value(&report->out, value);
    Py_XDECREF(value);
    return done;
}

/* By what the party says that it does. */
static const char *flags_of(PyObject *direction)
{
    static const char *const flags[][2] = {
        {"sendrecv", "l11:initialized4:send4:recv"},
        {"sendonly", "l11:initialized4:recv"},
        {"recvonly", "l11:initialized4:send"},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (PyUnicode_CompareWithASCIIString(direction, flags[i][0]) == 0)
            return flags[i][1];
    return "l11:initialized";
}

/* The suite of a side, "" of a line that isn't there; NULL with an exception set. */
static const char *suite_of(PyObject *line, long side)
{
    PyObject *suites = line == Py_None ? NULL : ((LineObject *)line)->suites;
    if (suites == NULL)
        return "";
    if (PyTuple_Check(suites) && PyTuple_GET_SIZE(suites) == RELAY_SIDES && PyUnicode_Check(PyTuple_GET_ITEM(suites, side)))
        return PyUnicode_AsUTF8(PyTuple_GET_ITEM(suites, side));
    PyErr_SetString(PyExc_TypeError, "suites must be a pair of str");
    return NULL;
}

/* Keys that come from DTLS have no flag. */
static bool put_keyed(struct report *report, PyObject *described)
{
    if (*report->party.suite == '\0')
        return true;
    PyObject *protocol = relay_attribute(described, &word_protocol);
    const char *text = protocol == NULL ? NULL : PyUnicode_AsUTF8(protocol);
    bool done = text != NULL && (relay_span_has((struct relay_span){text, strlen(text)}, "TLS") || RELAY_BENCODE_PUT(&report->out, "4:SDES"));
    Py_XDECREF(protocol);
    return done;
}

static bool put_flags(struct report *report, PyObject *described)
{
    PyObject *direction = relay_attribute(described, &word_direction);
    PyObject *mux = direction == NULL ? NULL : relay_attribute(described, &word_mux);
    PyObject *ice = mux == NULL ? NULL : relay_attribute(described, &word_ice);
    bool done = ice != NULL && RELAY_BENCODE_PUT(&report->out, "5:flags");
    if (done && !PyUnicode_Check(direction)) {
        PyErr_SetString(PyExc_TypeError, "a direction must be a str");
        done = false;
    }
    const char *flags = done ? flags_of(direction) : "";
    done = done && relay_bencode_put(&report->out, flags, strlen(flags)) && (mux != Py_True || RELAY_BENCODE_PUT(&report->out, "8:rtcp-mux")) &&
           put_keyed(report, described) && (ice == Py_None || RELAY_BENCODE_PUT(&report->out, "3:ICE"));
    Py_XDECREF(ice);
    Py_XDECREF(mux);
    Py_XDECREF(direction);
    return done;
}

/* Whether any side of any stream had packets of RTP. */
static bool is_heard(PyObject *counts)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(counts); i++) {
        const StreamStatsObject *stats = (StreamStatsObject *)PyList_GET_ITEM(counts, i);
        if (stats->of[0][RELAY_RTP_COMPONENT].packets != 0 || stats->of[1][RELAY_RTP_COMPONENT].packets != 0)
            return true;
    }
    return false;
}

/* The end of the flags, the streams, and what ``more`` says: flags, and entries in bencode. */
static bool put_streams(struct report *report, PyObject *line, PyObject *described, PyObject *counts)
{
    PyObject *more = NULL, *flags = NULL, *entries = NULL;
    bool done = true;
    if (is_heard(counts)) {
        more = PyObject_CallFunction(report->more, "OOlO", line, described, report->party.side, counts);
        done = more != NULL && PyArg_ParseTuple(more, "SS", &flags, &entries);
    }
    done = done && (flags == NULL || relay_bencode_value(&report->out, flags)) && RELAY_BENCODE_PUT(&report->out, "e7:streams") &&
           relay_party_streams(&report->out, &report->party, counts) && (entries == NULL || relay_bencode_value(&report->out, entries)) &&
           RELAY_BENCODE_PUT(&report->out, "e");
    Py_XDECREF(more);
    return done;
}

/* With our sockets, and where the party said that it is. */
static bool put_place(struct report *report, LineObject *line, PyObject *described, PyObject *counts)
{
    struct relay_party *party = &report->party;
    PyObject *host, *endpoint = relay_attribute(described, &word_endpoint);
    Py_ssize_t pairs;
    if (endpoint == NULL || !relay_line_ports(line, (int)party->side, &host, &party->port, &pairs)) {
        Py_XDECREF(endpoint);
        return false;
    }
    party->rtp = relay_attribute(endpoint, &word_rtp);
    party->rtcp = party->rtp == NULL ? NULL : relay_attribute(endpoint, &word_rtcp);
    bool done = party->rtcp != NULL && (party->host = PyUnicode_AsUTF8(host)) != NULL && put_streams(report, (PyObject *)line, described, counts);
    Py_XDECREF(party->rtcp);
    Py_XDECREF(party->rtp);
    Py_DECREF(host);
    Py_DECREF(endpoint);
    return done;
}

/* The counters of each stream of a line, which are asked for once; borrowed. */
static PyObject *counts_of(struct report *report, PyObject *line)
{
    PyObject *counts = PyDict_GetItemWithError(report->counts, line);
    if (counts != NULL || PyErr_Occurred())
        return counts;
    counts = relay_call(&word_counts, (PyObject *[]){report->lines, line}, 2);
    bool sound = counts != NULL && PyList_Check(counts);
    for (Py_ssize_t i = 0; sound && i < PyList_GET_SIZE(counts); i++)
        sound = Py_IS_TYPE(PyList_GET_ITEM(counts, i), &relay_stream_stats_type);
    if (counts != NULL && !sound)
        PyErr_SetString(PyExc_TypeError, "counters must be a list of StreamStats");
    sound = sound && PyDict_SetItem(report->counts, line, counts) == 0;
    Py_XDECREF(counts);
    return sound ? counts : NULL;
}

static bool put_media(struct report *report, Py_ssize_t index, PyObject *line, PyObject *described)
{
    if (line != Py_None && !PyObject_TypeCheck(line, &relay_line_type)) {
        PyErr_SetString(PyExc_TypeError, "a line must be a LineBase or None");
        return false;
    }
    if ((report->party.suite = suite_of(line, report->party.side)) == NULL)
        return false;
    if (!RELAY_BENCODE_PUT(&report->out, "d5:index") || !relay_bencode_number(&report->out, index + 1) ||
        !put_value(report, "4:type", relay_attribute(described, &word_kind)) ||
        !put_value(report, "8:protocol", relay_attribute(described, &word_protocol)) || !put_flags(report, described))
        return false;
    if (line == Py_None)
        return RELAY_BENCODE_PUT(&report->out, "e7:streamslee");
    PyObject *counts = counts_of(report, line);
    return counts != NULL && put_place(report, (LineObject *)line, described, counts);
}

static bool put_dialogue(struct report *report, PyObject *side, PyObject *other_tag, PyObject *via_branch)
{
    PyObject *created = relay_attribute(side, &word_created_at);
    PyObject *label = created == NULL ? NULL : relay_attribute(side, &word_label);
    bool done = label != NULL && RELAY_BENCODE_PUT(&report->out, "d3:tag") && put_value(report, "", relay_attribute(side, &word_tag)) &&
                RELAY_BENCODE_PUT(&report->out, "7:created") && relay_bencode_number(&report->out, (long long)PyFloat_AsDouble(created)) &&
                !PyErr_Occurred();
    if (done && PyUnicode_GetLength(via_branch) > 0)
        done = put_value(report, "10:via-branch", Py_NewRef(via_branch));
    if (done && PyObject_IsTrue(label) > 0)
        done = put_value(report, "5:label", Py_NewRef(label));
    if (done && PyUnicode_GetLength(other_tag) > 0)
        done = put_value(report, "16:in dialogue with", Py_NewRef(other_tag)) &&
               put_value(report, "13:subscriptionsld3:tag", Py_NewRef(other_tag)) &&
               put_value(report, "4:type12:offer/answeree11:subscribersld3:tag", Py_NewRef(other_tag)) &&
               RELAY_BENCODE_PUT(&report->out, "4:type12:offer/answeree");
    Py_XDECREF(label);
    Py_XDECREF(created);
    return done;
}

PyObject *relay_party_report(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct report report = {0};
    PyObject *side, *other_tag, *via_branch, *lines, *described;
    if (!PyArg_ParseTuple(args, "OlUUO!O!OO!dLO", &side, &report.party.side, &other_tag, &via_branch, &PyList_Type, &lines, &PyList_Type,
                          &described, &report.lines, &PyDict_Type, &report.counts, &report.party.unix_s, &report.party.now_ns, &report.more) ||
        !relay_in_range("side", report.party.side, 0, 1))
        return NULL;
    relay_bencode_begin(&report.out);
    bool done = put_dialogue(&report, side, other_tag, via_branch) && RELAY_BENCODE_PUT(&report.out, "6:mediasl");
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(lines) && i < PyList_GET_SIZE(described); i++)
        done = put_media(&report, i, PyList_GET_ITEM(lines, i), PyList_GET_ITEM(described, i));
    return relay_bencode_end(&report.out, done && RELAY_BENCODE_PUT(&report.out, "ee"));
}
