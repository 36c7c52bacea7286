/* native.sip.GlueBase: a body goes to the daemon, and its message on with what comes back. */
#include "sip_chars.h"
#include "sip_media.h"
#include "sip_proxy.h"
#include "sip_proxy_fields.h"

bool sip_has_sdp(MessageObject *message) {
    struct sip_scratch scratch;
    struct sip_slice text, type;
    if (!message->core.body_size || sip_read_text(&message->core, SIP_CONTENT_TYPE, &scratch, &text) != SIP_OK) return false;
    return sip_media_type(text, &type) == SIP_OK && sip_same_nocase(type, SIP_TEXT("application/sdp"));
}

/* --- sending it --- */

#define TEXTS 5

static int write_request(struct sip_buffer *out, MessageObject *message, const struct sip_passage_plan *plan) {
    PyObject *texts[TEXTS] = {plan->call_id, plan->offerer, plan->answerer, plan->via_branch, plan->host};
    struct sip_py_view views[TEXTS];
    size_t seen = 0;
    while (seen < TEXTS && sip_py_view(texts[seen], &views[seen]) == 0) seen++;
    if (seen == TEXTS) {
        struct sip_ng_body body = {
            .command = {sip_passages[plan->command], strlen(sip_passages[plan->command])}, .call_id = views[0].text, .offerer = views[1].text,
            .answerer = views[2].text, .via_branch = views[3].text, .host = views[4].text, .more = plan->more,
            .sdp = {message->core.body, message->core.body_size}, .status = message->core.status, .natted = plan->natted, .early = plan->early,
        };
        sip_ng_add_body(out, &body);
    }
    for (size_t i = 0; i < seen; i++) Py_XDECREF(views[i].holder);
    if (seen == TEXTS && out->failed) PyErr_NoMemory();
    return seen < TEXTS || out->failed ? -1 : 0;
}

int sip_glue_pass(GlueObject *glue, MessageObject *message, const struct sip_passage_plan *plan, PyObject *proceed) {
    SIP_STACK_BUFFER(data);
    PassingBodyObject *body = write_request(&data, message, plan) == 0 ? sip_passing_body_new(glue, message, plan, proceed) : NULL;
    int result = body ? sip_media_request(glue->media, &data, (PyObject *)body) : -1;
    Py_XDECREF(body);
    sip_buffer_free(&data);
    return result;
}

/* What Python asks for: `texts` are those of a struct sip_passage_plan. */
static PyObject *glue_pass(GlueObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"command", "message", "texts", "proceed", "natted", "early", "insists", "more", NULL};
    struct sip_passage_plan plan = {0};
    MessageObject *message;
    PyObject *proceed;
    const char *command;
    Py_ssize_t more_size;
    int natted, early, insists;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!(UUUUU)O$pppy#:pass_body", keywords, &command, &sip_message_type, &message,
                                     &plan.call_id, &plan.offerer, &plan.answerer, &plan.via_branch, &plan.host, &proceed, &natted, &early,
                                     &insists, &plan.more.at, &more_size))
        return NULL;
    plan.command = strcmp(command, sip_passages[SIP_ANSWER]) == 0 ? SIP_ANSWER : SIP_OFFER;
    plan.more.size = (size_t)more_size;
    plan.natted = natted;
    plan.early = early;
    plan.insists = insists;
    return sip_py_none(sip_glue_pass(self, message, &plan, proceed));
}

/* --- the type --- */

static PyObject *glue_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    GlueObject *self = (GlueObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (self) {
        self->media = Py_NewRef(Py_None);
        self->counters = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static int glue_init(GlueObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"media", "counters", NULL};
    PyObject *media, *counters;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!:MediaGlue", keywords, &media, &PyDict_Type, &counters)) return -1;
    put(&self->media, media);
    put(&self->counters, counters);
    return 0;
}

static int glue_traverse(GlueObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->media);
    Py_VISIT(self->counters);
    return 0;
}

static int glue_clear(GlueObject *self) {
    put(&self->media, Py_None);
    return 0;
}

static void glue_dealloc(GlueObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->media);
    Py_XDECREF(self->counters);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef glue_methods[] = {
    {"pass_body", FUNCTION(glue_pass), METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef glue_members[] = {
    HIDDEN(GlueObject, T_OBJECT_EX, media),
    HIDDEN(GlueObject, T_OBJECT_EX, counters),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_glue_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.GlueBase",
    .tp_basicsize = sizeof(GlueObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = glue_new,
    .tp_init = (initproc)glue_init,
    .tp_traverse = (traverseproc)glue_traverse,
    .tp_clear = (inquiry)glue_clear,
    .tp_dealloc = (destructor)glue_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = glue_methods,
    .tp_members = glue_members,
};
