/* native.relay.Relay: its life, properties and table of methods. */
#include "relay_module.h"

#define MAX_THREADS 64
#define MAX_EARLY_MS 3600000

static bool use_raw(struct relay *relay, PyObject *descriptors)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(descriptors); i++) {
        int fd = PyObject_AsFileDescriptor(PyList_GET_ITEM(descriptors, i));
        enum relay_error error = fd < 0 ? RELAY_OK : relay_use_raw(relay, fd);
        if (error != RELAY_OK)
            relay_fail(error, 0);
        if (fd < 0 || error != RELAY_OK)
            return false;
    }
    return true;
}

static int relay_init(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"threads", "capacity", "fifo", "table_fd", "raw", "fast", "early_ms", NULL};
    long threads = 1, capacity = 4096, early_ms = RELAY_EARLY_NS / 1000000;
    int fifo = 1, table_fd = -1;
    PyObject *raw = NULL, *fast = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$llpiO!Ol", names, &threads, &capacity, &fifo, &table_fd,
                                     &PyList_Type, &raw, &fast, &early_ms))
        return -1;
    if (!relay_in_range("threads", threads, 1, MAX_THREADS) || !relay_in_range("capacity", capacity, 1, RELAY_MAX_CAPACITY) ||
        !relay_in_range("early_ms", early_ms, 0, MAX_EARLY_MS))
        return -1;
    if (self->relay != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the relay is made already");
        return -1;
    }
    enum relay_error error = relay_open(&self->relay, (uint32_t)threads, (uint32_t)capacity, fifo, table_fd);
    if (error != RELAY_OK)
        relay_fail(error, 0);
    else
        relay_keep_early(self->relay, (uint64_t)early_ms * 1000000);
    return error == RELAY_OK && (raw == NULL || use_raw(self->relay, raw)) &&
                   (fast == Py_None || relay_object_use_fast(self->relay, fast)) ? 0 : -1;
}

static void relay_dealloc(RelayObject *self)
{
    if (self->relay != NULL) {
        Py_BEGIN_ALLOW_THREADS
        relay_close(self->relay);
        Py_END_ALLOW_THREADS
    }
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *start(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    enum relay_error error;
    if (relay == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_start(relay);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, 0);
}

static PyObject *stop(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    if (relay == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_stop(relay);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static bool append(PyObject *list, PyObject *item)
{
    bool appended = item != NULL && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return appended;
}

static PyObject *events(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    PyObject *list = relay == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return NULL;
    relay_events_seen(relay);
    for (uint32_t leg = 0; relay_next_latched(relay, &leg); leg++) {
        PyObject *event = PyObject_CallFunction(relay_event_type, "iIII", RELAY_EVENT_LATCHED, leg >> 2, leg & 1, leg >> 1 & 1);
        if (!append(list, event)) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *progress(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    PyObject *list = relay == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return NULL;
    for (uint32_t thread = 0; thread < relay_threads(relay); thread++)
        if (!append(list, PyLong_FromUnsignedLongLong(relay_turns(relay, thread)))) {
            Py_DECREF(list);
            return NULL;
        }
    return list;
}

static PyObject *get_threads(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromUnsignedLong(relay_threads(self->relay)) : NULL;
}

static PyObject *get_fifo_threads(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromUnsignedLong(relay_fifo_threads(self->relay)) : NULL;
}

static PyObject *get_raw(RelayObject *self, void *Py_UNUSED(unused))
{
    struct relay_raw_status status;
    if (relay_made(self) == NULL)
        return NULL;
    relay_get_raw(self->relay, &status);
    return PyObject_CallFunction(relay_raw_type, "IIKK", status.sockets, status.given_up, (unsigned long long)status.packets,
                                 (unsigned long long)status.refused);
}

static PyObject *get_early(RelayObject *self, void *Py_UNUSED(unused))
{
    uint64_t judged, dropped;
    if (relay_made(self) == NULL)
        return NULL;
    relay_get_early(self->relay, &judged, &dropped);
    return PyObject_CallFunction(relay_early_type, "KK", (unsigned long long)judged, (unsigned long long)dropped);
}

static PyObject *get_capacity(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromUnsignedLong(relay_capacity(self->relay)) : NULL;
}

static PyObject *get_table_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromLong(relay_table_fd(self->relay)) : NULL;
}

static PyObject *get_event_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromLong(relay_event_fd(self->relay)) : NULL;
}

static PyObject *get_fast_legs_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromLong(relay_fast_legs_fd(self->relay)) : NULL;
}

static PyObject *get_fast_changes_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromLong(relay_fast_changes_fd(self->relay)) : NULL;
}

static PyMethodDef relay_methods[] = {
    {"start", PLAIN(start, METH_NOARGS), NULL},
    {"stop", PLAIN(stop, METH_NOARGS), "Ends the threads and closes every socket. Idempotent."},
    {"add", WITH_KEYWORDS(relay_object_add), "A new stream from ((rtp_fd, rtcp_fd), (rtp_fd, rtcp_fd)); returns its id."},
    {"adopt", WITH_KEYWORDS(relay_object_adopt), "Gives a stream of a table that was taken over its sockets back."},
    {"thread_of", PLAIN(relay_object_thread_of, METH_O), NULL},
    {"set_remote", WITH_KEYWORDS(relay_object_set_remote), "Where the side is, and how its address is learned."},
    {"own_ports", PLAIN(relay_object_own_ports, METH_VARARGS), "Ports that only this relay sends from."},
    {"place", PLAIN(relay_object_place, METH_VARARGS), "Both components of a side at once."},
    {"release", PLAIN(relay_object_release, METH_O), "What came before the sides were placed is judged."},
    {"set_mux", WITH_KEYWORDS(relay_object_set_mux), "RTCP of this side travels on its RTP socket (RFC 5761)."},
    {"set_silenced", WITH_KEYWORDS(relay_object_set_silenced), "What this side sends of sound arrives as silence."},
    {"set_feedback", WITH_KEYWORDS(relay_object_set_feedback), "False: no feedback in the RTCP that this side sends goes on."},
    {"set_reports", WITH_KEYWORDS(relay_object_set_reports), "RTCP of both sides ends here."},
    {"send_reports", PLAIN(relay_object_send_reports, METH_VARARGS), "Ours to both sides."},
    {"set_blocked_types", WITH_KEYWORDS(relay_object_set_blocked_types), "Dynamic payload types of this side to drop."},
    {"set_forward", WITH_KEYWORDS(relay_object_set_forward), "False: what this side sends is counted and dropped."},
    {"set_dscp", WITH_KEYWORDS(relay_object_set_dscp), NULL},
    {"set_ice", (PyCFunction)relay_object_set_ice, METH_VARARGS, "Credentials of ICE towards one side."},
    {"set_crypto", WITH_KEYWORDS(relay_object_set_crypto), "SRTP keys of one side."},
    {"rollovers", WITH_KEYWORDS(relay_object_rollovers), "How far the key in effect towards a side has counted."},
    {"set_clock", WITH_KEYWORDS(relay_object_set_clock), "Clock rate of a dynamic payload type, for jitter."},
    {"stats", WITH_KEYWORDS(relay_object_stats), "ComponentStats of what one side sent us."},
    {"stream_stats", PLAIN(relay_object_stream_stats, METH_O), "ComponentStats of all legs, by side and component."},
    {"totals", PLAIN(relay_object_totals, METH_O), "What was counted of some streams, by component."},
    {"last_packet_ns", PLAIN(relay_object_last_packet_ns, METH_O), "Latest accepted packet of either side, 0 when none."},
    {"remove", PLAIN(relay_object_remove, METH_O), "Ends a stream; its sockets are closed by reap."},
    {"reap", PLAIN(relay_object_reap, METH_NOARGS), "Closes what removed streams had open."},
    {"begin_recording", PLAIN(relay_object_begin_recording, METH_VARARGS), "A recording to a file."},
    {"end_recording", PLAIN(relay_object_end_recording, METH_O), NULL},
    {"recording_status", PLAIN(relay_object_recording_status, METH_O), NULL},
    {"tape", PLAIN(relay_object_tape, METH_VARARGS), "What a stream accepts goes to a recording."},
    {"set_dtls", PLAIN(relay_object_set_dtls, METH_VARARGS), "A side's keys come from DTLS with us."},
    {"inbox", PLAIN(relay_object_inbox, METH_NOARGS), "DTLS that came."},
    {"send", PLAIN(relay_object_send, METH_VARARGS), "From the port of a side."},
    {"latch", PLAIN(relay_object_latch, METH_VARARGS), "Where a side has proven to be."},
    {"scan_fast", PLAIN(relay_object_scan_fast, METH_VARARGS), "Streams onto the fast path and off it, for 2 ms."},
    {"events", PLAIN(events, METH_NOARGS), NULL},
    {"progress", PLAIN(progress, METH_NOARGS), "Per thread: loop turns so far."},
    {0},
};

static PyGetSetDef relay_properties[] = {
    {"threads", (getter)get_threads, NULL, NULL, NULL},
    {"fifo_threads", (getter)get_fifo_threads, NULL, "How many threads got SCHED_FIFO.", NULL},
    {"raw", (getter)get_raw, NULL, "RawStatus of the raw sockets.", NULL},
    {"early", (getter)get_early, NULL, "EarlyStatus of what came before its sender was placed.", NULL},
    {"capacity", (getter)get_capacity, NULL, NULL, NULL},
    {"table_fd", (getter)get_table_fd, NULL, NULL, NULL},
    {"fast", (getter)relay_object_get_fast, NULL, "FastStatus of the fast path.", NULL},
    {"fast_legs_fd", (getter)get_fast_legs_fd, NULL, NULL, NULL},
    {"inbox_fd", (getter)relay_object_inbox_fd, NULL, "Readable when inbox() has something.", NULL},
    {"inbox_dropped", (getter)relay_object_inbox_dropped, NULL, NULL, NULL},
    {"fast_changes_fd", (getter)get_fast_changes_fd, NULL, "Readable when routes changed.", NULL},
    {"event_fd", (getter)get_event_fd, NULL, "Readable when events() has something.", NULL},
    {0},
};

static PyType_Slot relay_slots[] = {
    {Py_tp_doc, "RTP relay threads and their stream table."},
    {Py_tp_init, relay_init},
    {Py_tp_dealloc, relay_dealloc},
    {Py_tp_methods, relay_methods},
    {Py_tp_getset, relay_properties},
    {0},
};

PyType_Spec relay_object_spec = {
    .name = "native.relay.Relay",
    .basicsize = sizeof(RelayObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = relay_slots,
};
