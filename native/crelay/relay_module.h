/* What the files of the binding share. */
#ifndef RELAY_MODULE_H
#define RELAY_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "relay_control.h"

enum { RELAY_EVENT_LATCHED = 1 };

typedef struct {
    PyObject_HEAD
    struct relay *relay; /* NULL until __init__ succeeded */
} RelayObject;

extern PyType_Spec relay_object_spec;

/* The fields of a ComponentStats, in their order. */
enum {
    RELAY_STATS_PACKETS,
    RELAY_STATS_BYTES,
    RELAY_STATS_FORWARDED,
    RELAY_STATS_SEND_ERRORS,
    RELAY_STATS_STRANGERS,
    RELAY_STATS_MALFORMED,
    RELAY_STATS_NO_REMOTE,
    RELAY_STATS_AUTH_FAILED,
    RELAY_STATS_REPLAYED,
    RELAY_STATS_CHECKS,
    RELAY_STATS_CHECKS_REFUSED,
    RELAY_STATS_LOST,
    RELAY_STATS_GAPS,
    RELAY_STATS_JITTER,
    RELAY_STATS_ROUND_TRIP_US,
    RELAY_STATS_SSRC,
    RELAY_STATS_PAYLOAD_TYPE,
    RELAY_STATS_FIRST_NS,
    RELAY_STATS_LAST_NS,
    RELAY_STATS_REMOTE,
    RELAY_STATS_LATCHED,
    RELAY_STATS_FIELDS
};

/* The named tuples, made with the module. */
extern PyObject *relay_stats_type;
extern PyObject *relay_tally_type;
extern PyObject *relay_event_type;
extern PyObject *relay_recording_type;
extern PyObject *relay_raw_type;
extern PyObject *relay_early_type;
extern PyObject *relay_fast_type;

/* A named tuple of these fields, which it takes over; NULL when one of them is. Filled in directly, since a report has many. */
PyObject *relay_make_tuple(PyObject *type, PyObject *const *fields, Py_ssize_t count);

/* Whether its instances are sound without its constructor. */
static inline bool relay_is_plain_class(PyTypeObject *type) { return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && type->tp_itemsize == 0; }

/* The name of a Python attribute; a str once it was used. */
struct relay_word {
    const char *text;
    PyObject *str;
};

#define RELAY_WORD(name) static struct relay_word word_##name = {#name, NULL}

/* object.word, a new reference, or NULL with an exception set. */
PyObject *relay_attribute(PyObject *object, struct relay_word *word);

/* object.word(*args), as that; the first of ``args`` is the object. */
PyObject *relay_call(struct relay_word *word, PyObject *const *args, size_t count);

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define PLAIN(function, flags) (PyCFunction)(void (*)(void))(function), flags

/* Errors as exceptions; relay_fail returns NULL, the others NULL or false when one is set. */
PyObject *relay_fail(enum relay_error error, uint32_t stream);
PyObject *relay_none_or_fail(enum relay_error error, uint32_t stream);
bool relay_in_range(const char *name, long value, long least, long most);
bool relay_parse_address(const char *host, long port, union relay_address *address);
bool relay_parse_stream(PyObject *argument, uint32_t *stream);
struct relay *relay_made(RelayObject *self);

/* Methods about one stream. */
PyObject *relay_object_add(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_adopt(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_thread_of(RelayObject *self, PyObject *argument);
PyObject *relay_object_set_remote(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_own_ports(RelayObject *self, PyObject *args);
PyObject *relay_object_place(RelayObject *self, PyObject *args);
PyObject *relay_object_release(RelayObject *self, PyObject *argument);
PyObject *relay_object_set_mux(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_forward(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_silenced(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_feedback(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_blocked_types(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_dscp(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_clock(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_crypto(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_set_ice(RelayObject *self, PyObject *args);
PyObject *relay_object_rollovers(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_stats(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_stream_stats(RelayObject *self, PyObject *argument);
PyObject *relay_object_totals(RelayObject *self, PyObject *streams);
PyObject *relay_object_last_packet_ns(RelayObject *self, PyObject *argument);
PyObject *relay_object_remove(RelayObject *self, PyObject *argument);
PyObject *relay_object_set_reports(RelayObject *self, PyObject *args, PyObject *kwargs);
PyObject *relay_object_send_reports(RelayObject *self, PyObject *args);
PyObject *relay_object_reap(RelayObject *self, PyObject *unused);

/* Methods about recordings. */
PyObject *relay_object_begin_recording(RelayObject *self, PyObject *args);
PyObject *relay_object_end_recording(RelayObject *self, PyObject *argument);
PyObject *relay_object_recording_status(RelayObject *self, PyObject *argument);
PyObject *relay_object_tape(RelayObject *self, PyObject *args);

/* Methods about DTLS. */
PyObject *relay_object_set_dtls(RelayObject *self, PyObject *args);
PyObject *relay_object_inbox(RelayObject *self, PyObject *unused);
PyObject *relay_object_send(RelayObject *self, PyObject *args);
PyObject *relay_object_latch(RelayObject *self, PyObject *args);
PyObject *relay_object_inbox_fd(RelayObject *self, void *unused);
PyObject *relay_object_inbox_dropped(RelayObject *self, void *unused);

/* The fast path. ``maps_and_interfaces``: (descriptor, descriptor, [number]). */
bool relay_object_use_fast(struct relay *relay, PyObject *maps_and_interfaces);
PyObject *relay_object_scan_fast(RelayObject *self, PyObject *arguments);
PyObject *relay_object_get_fast(RelayObject *self, void *unused);
PyObject *relay_interface_of(PyObject *module, PyObject *host);

/* Bencode to and from Python objects (native.relay.bencode_decode and bencode_encode). */
PyObject *relay_bencode_decode(PyObject *module, PyObject *args);
PyObject *relay_bencode_encode(PyObject *module, PyObject *value);

/* A party of a dialogue as ng tells of it (native.relay.party_report). */
PyObject *relay_party_report(PyObject *module, PyObject *args);
PyObject *relay_slim_report(PyObject *module, PyObject *report);

/* An ng request taken apart: one whose options are known as an object, NULL without an exception when they are not; and all that is
 * not of its own as it was written (native.relay.ng_options). */
bool relay_ng_init(void);
PyObject *relay_ng_known(const char *data, Py_ssize_t size, PyObject *known, PyTypeObject *type, PyObject *read_address);
PyObject *relay_ng_options(PyObject *module, PyObject *data);

/* Requests served (native.relay.DispatcherBase), and those that come over UDP (native.relay.NgUdpBase). */
extern PyTypeObject relay_dispatcher_type, relay_ng_udp_type;

/* Session descriptions (native.relay.sdp_write, sdp_describe and the types they work on). */
extern PyTypeObject relay_connection_type, relay_section_type, relay_description_type, relay_announced_type, relay_described_type;
bool relay_sdp_init(void);
PyObject *relay_sdp_static_encodings(void); /* by payload type; a new reference */
PyObject *relay_sdp_describe(PyObject *module, PyObject *args);
PyObject *relay_sdp_as_offered(PyObject *module, PyObject *args);
PyObject *relay_sdp_told(PyObject *module, PyObject *args);
PyObject *relay_sdp_write_body(PyObject *module, PyObject *args);

/* A numpy dtype description of struct relay_stream; a new reference. */
PyObject *relay_layout(void);
PyObject *relay_fast_layout(void); /* of struct relay_fast_leg */

#endif
