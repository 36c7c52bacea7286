/* The Message object, shared by the files that implement its attributes, edits and builders. */
#ifndef SIP_MESSAGE_TYPE_H
#define SIP_MESSAGE_TYPE_H

#include "sip_build.h"
#include "sip_py.h"

/* What a message keeps once somebody asked for it. */
enum sip_cache {
    CACHE_VIA,
    CACHE_FROM,
    CACHE_TO,
    CACHE_CALL_ID,
    CACHE_REQUEST_URI,
    CACHE_REQUEST_URI_TEXT,
    CACHE_CSEQ_METHOD,
    CACHE_CONTENT_TYPE,
    CACHE_ROUTES,
    CACHE_RECORD_ROUTES,
    CACHE_CONTACTS,
    CACHE_PATHS,
    CACHE_SERVER_KEY,
    CACHE_CLIENT_KEY,
    CACHE_IDENTITY,
    CACHE_BODY,
    CACHE_WIRE,
    CACHE_WIRE_STREAM,
    CACHE_COUNT
};

typedef struct {
    PyObject_HEAD
    PyObject *raw; /* bytes; core.raw points into it */
    PyObject *method;
    PyObject *body; /* of set_body: core.body points into it */
    PyObject *cache[CACHE_COUNT];
    struct sip_message core;
} MessageObject;

/* From bytes; ParseError. Steals the reference. */
PyObject *sip_message_object(PyObject *raw);
/* From what came in from (host, port): stamped, with its key; ParseError. */
PyObject *sip_message_received(PyObject *data, PyObject *source);

/* What a copy shares with `self`; its core is empty still. */
MessageObject *sip_message_twin(MessageObject *self);

/* Drops what depends on a header (SIP_REQUEST_URI: on the start line); call after every edit. */
int sip_message_changed(MessageObject *self, enum sip_name id);

extern PyGetSetDef sip_message_getset[]; /* sip_message_read.c */
PyObject *sip_message_call_id(MessageObject *self, void *closure);
/* The tag of From or To: -1 with an exception; `at` is NULL when there is none. */
int sip_message_read_tag(const MessageObject *self, enum sip_name from_or_to, struct sip_scratch *scratch, struct sip_slice *tag);
PyObject *sip_message_tag(const MessageObject *self, enum sip_name from_or_to, struct sip_slice none);
PyObject *sip_message_check(MessageObject *self, PyObject *unused);

/* sip_message_start.c */
bool sip_refuse_response(const MessageObject *self); /* AttributeError, as a response has no Request-URI */
bool sip_message_is_sips(const MessageObject *self);
PyObject *sip_message_request_uri(MessageObject *self, void *closure);
PyObject *sip_message_request_uri_text(MessageObject *self, void *closure);
PyObject *sip_message_is_request(MessageObject *self, void *closure);
PyObject *sip_message_status(MessageObject *self, void *closure);
PyObject *sip_message_reason(MessageObject *self, void *closure);
PyObject *sip_message_version(MessageObject *self, void *closure);
PyObject *sip_message_has_route(MessageObject *self, void *closure);
PyObject *sip_message_get_is_sips(MessageObject *self, void *closure);

/* sip_message_keys.c */
PyObject *sip_message_server_key(MessageObject *self); /* cached; ParseError */
PyObject *sip_message_client_key(MessageObject *self);
struct sip_fault sip_message_add_tag_text(MessageObject *self, struct sip_buffer *out); /* as sip_add_tag_text */
PyObject *sip_message_identity(MessageObject *self, void *closure);
PyObject *sip_message_loop_hash(MessageObject *self, void *closure);

/* sip_message_list.c */
PyObject *sip_message_routes(MessageObject *self, void *closure);
PyObject *sip_message_record_routes(MessageObject *self, void *closure);
PyObject *sip_message_contacts(MessageObject *self, void *closure);
PyObject *sip_message_contact_uri_text(MessageObject *self, void *closure);
PyObject *sip_message_paths(MessageObject *self, void *closure);
PyObject *sip_message_via_count(MessageObject *self, void *closure);
PyObject *sip_message_get(MessageObject *self, PyObject *name);
PyObject *sip_message_get_all(MessageObject *self, PyObject *name);
PyObject *sip_message_values(MessageObject *self, PyObject *name);
PyObject *sip_message_has(MessageObject *self, PyObject *const *names, Py_ssize_t count);
PyObject *sip_message_header_names(MessageObject *self, PyObject *unused);

/* sip_message_sender.c */
PyObject *sip_message_sender_natted(MessageObject *self, PyObject *const *args, Py_ssize_t count);

/* sip_message_forward.c */
PyObject *sip_message_count_hop(MessageObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_message_forwarded(MessageObject *self, PyObject *const *args, Py_ssize_t count);
/* The copy that leaves for the URI `to`, its hop counted; NULL with an exception. */
MessageObject *sip_message_leaving(MessageObject *self, PyObject *to, uint32_t max_forwards, uint32_t breadth);
PyObject *sip_message_route_param(MessageObject *self, PyObject *name);

/* sip_message_edit.c */
PyObject *sip_message_edited(MessageObject *self, enum sip_name id, enum sip_error error);
int sip_request_uri_view(MessageObject *self, PyObject *uri, struct sip_py_view *view);
PyObject *sip_message_push_via(MessageObject *self, PyObject *value);
PyObject *sip_message_pop_via(MessageObject *self, PyObject *unused);
PyObject *sip_message_stamp_source(MessageObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_message_push_route(MessageObject *self, PyObject *value);
PyObject *sip_message_pop_route(MessageObject *self, PyObject *unused);
PyObject *sip_message_pop_last_route(MessageObject *self, PyObject *unused);
PyObject *sip_message_append_route(MessageObject *self, PyObject *value);
PyObject *sip_message_push_record_route(MessageObject *self, PyObject *value);
PyObject *sip_message_push(MessageObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_message_append(MessageObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_message_set(MessageObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_message_remove(MessageObject *self, PyObject *name);
PyObject *sip_message_set_request_uri(MessageObject *self, PyObject *uri);
int sip_message_replace_body(MessageObject *self, PyObject *body); /* bytes, of the same type */
PyObject *sip_message_set_body(MessageObject *self, PyObject *args, PyObject *kwargs);

/* sip_message_build.c */
PyObject *sip_message_wire(MessageObject *self, bool stream); /* its bytes, cached */
PyObject *sip_message_to_bytes(MessageObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *sip_message_reply(MessageObject *self, PyObject *args, PyObject *kwargs);
PyObject *sip_message_answer(MessageObject *self, PyObject *const *args, Py_ssize_t count);
/* As that, without a body and with `lines` for headers, whose bytes are known to be such. */
PyObject *sip_message_answer_lines(MessageObject *self, PyObject *tags, int status, const struct sip_buffer *lines);
PyObject *sip_message_trying(MessageObject *self, PyObject *unused);
PyObject *sip_message_derive(MessageObject *self, PyObject *args, PyObject *kwargs);
PyObject *sip_message_derived(MessageObject *self, struct sip_slice method); /* ACK for a failure, or CANCEL */
PyObject *sip_message_request(PyObject *unused, PyObject *args, PyObject *kwargs);

#endif
