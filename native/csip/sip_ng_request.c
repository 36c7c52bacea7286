/* A request to the media daemon that waits for its reply. */
#include "sip_ng_request.h"

#include "structmember.h"

static NgRequestObject *owner_of(struct sip_timer *timer) {
    return (NgRequestObject *)((char *)timer - offsetof(NgRequestObject, timer));
}

static void drop(struct sip_timer *timer) { Py_DECREF(owner_of(timer)); }

void sip_ng_request_stop(NgRequestObject *request) {
    if (!request->timer.next) return;
    sip_timer_stop(&request->timer);
    drop(&request->timer);
}

static void ng_request_dealloc(NgRequestObject *self) {
    Py_XDECREF(self->cookie);
    Py_XDECREF(self->packet);
    Py_XDECREF(self->answered);
    PyObject_Free(self);
}

int sip_ng_request_try(NgRequestObject *request) {
    static struct sip_py_word send = {"send", NULL};
    MediaClientObject *client = request->client;
    request->attempts++;
    sip_clock_start(client->timers, &request->timer, client->answer_s);
    Py_INCREF(request);
    return sip_py_do(client->link, &send, request->packet, NULL);
}

/* --- silence --- */

static int fell_silent(NgRequestObject *request) {
    static struct sip_py_word repeated = {"ng_retransmissions_total", NULL}, unanswered = {"unanswered", NULL};
    MediaClientObject *client = request->client;
    if (!client) return 0;
    if (request->attempts < client->attempts)
        return sip_py_count_word(client->counters, &repeated) < 0 ? -1 : sip_ng_request_try(request);
    if (PyDict_DelItem(client->pending, request->cookie) < 0) return -1;
    return sip_py_do((PyObject *)client, &unanswered, request->answered, NULL);
}

static int fire(struct sip_timer *timer) {
    NgRequestObject *request = owner_of(timer);
    int result = fell_silent(request);
    Py_DECREF(request); /* the timer's */
    return result;
}

static const struct sip_timer_kind silence = {fire, drop};

/* --- asking --- */

static PyObject *new_cookie(MediaClientObject *self) {
    return PyBytes_FromFormat("%s_%zu", PyBytes_AS_STRING(self->instance), ++self->serial);
}

static PyObject *new_packet(PyObject *cookie, struct sip_slice data) {
    size_t start = (size_t)PyBytes_GET_SIZE(cookie) + 1;
    PyObject *packet = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(start + data.size));
    if (!packet) return NULL;
    char *at = PyBytes_AS_STRING(packet);
    memcpy(at, PyBytes_AS_STRING(cookie), start - 1);
    at[start - 1] = ' ';
    memcpy(at + start, data.at, data.size);
    return packet;
}

NgRequestObject *sip_ng_request_new(MediaClientObject *client, struct sip_slice data, PyObject *answered) {
    NgRequestObject *self = PyObject_New(NgRequestObject, &sip_ng_request_type);
    if (!self) return NULL;
    self->timer = (struct sip_timer){.kind = &silence};
    self->attempts = 0;
    self->client = client;
    self->answered = Py_NewRef(answered);
    self->packet = NULL;
    self->cookie = new_cookie(client);
    if (self->cookie) self->packet = new_packet(self->cookie, data);
    if (self->packet) return self;
    Py_DECREF(self);
    return NULL;
}

static PyMemberDef ng_request_members[] = {
    {"packet", T_OBJECT_EX, offsetof(NgRequestObject, packet), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_ng_request_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.NgRequest",
    .tp_basicsize = sizeof(NgRequestObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)ng_request_dealloc,
    .tp_members = ng_request_members,
};
