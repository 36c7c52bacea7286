/* Python binding of native.sip: the module, framing and the slot hash. */
#include "sip_application.h"
#include "sip_authorizer.h"
#include "sip_bound.h"
#include "sip_flow.h"
#include "sip_gate.h"
#include "sip_ingress.h"
#include "sip_ng_request.h"
#include "sip_proxy.h"
#include "sip_rates.h"
#include "sip_texts.h"
#include "sip_registrar_type.h"
#include "sip_resolver.h"
#include "sip_slot.h"
#include "sip_source.h"
#include "sip_store.h"
#include "sip_stream.h"
#include "sip_transaction_type.h"
#include "sip_trunk.h"
#include "sip_udp_endpoint.h"

static PyObject *frame_length(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"buffer", "start", NULL};
    Py_buffer buffer;
    Py_ssize_t start = 0;
    size_t length = 0;
    (void)unused;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|n:frame_length", keywords, &buffer, &start)) return NULL;
    if (start < 0 || start > buffer.len) {
        PyBuffer_Release(&buffer);
        return PyErr_Format(PyExc_ValueError, "start is outside the buffer");
    }
    struct sip_fault fault = sip_frame((const char *)buffer.buf + start, (size_t)(buffer.len - start), &length);
    PyBuffer_Release(&buffer);
    if (fault.error == SIP_INCOMPLETE) return PyLong_FromLong(0);
    return fault.error == SIP_OK ? PyLong_FromSize_t(length) : sip_py_fault(fault, NULL);
}

static PyObject *crc_slot(PyObject *unused, PyObject *text) {
    struct sip_py_view view;
    (void)unused;
    if (sip_py_view(text, &view) < 0) return NULL;
    uint32_t crc = sip_crc32(view.text);
    Py_XDECREF(view.holder);
    return PyLong_FromUnsignedLong(crc);
}

static PyObject *tag_hash(PyObject *unused, PyObject *tag) {
    PyObject *hash = tag == Py_None ? PyLong_FromUnsignedLong(sip_crc32(SIP_TEXT(""))) : crc_slot(unused, tag);
    PyObject *text = hash ? PyObject_Str(hash) : NULL;
    Py_XDECREF(hash);
    return text;
}

static PyObject *call_slot(PyObject *unused, PyObject *data) {
    (void)unused;
    if (!PyBytes_Check(data)) return PyErr_Format(PyExc_TypeError, "bytes expected, not %.100s", Py_TYPE(data)->tp_name);
    struct sip_slice message = {PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)};
    return PyLong_FromLongLong(sip_call_slot(message));
}

static PyMethodDef functions[] = {
    {"frame_length", FUNCTION(frame_length), METH_VARARGS | METH_KEYWORDS, NULL},
    {"crc_slot", crc_slot, METH_O, NULL},
    {"digest_params", sip_digest_params, METH_O, NULL},
    {"bound_to", FUNCTION(sip_bound_to), METH_FASTCALL, NULL},
    {"flow_name", sip_flow_name_py, METH_VARARGS, NULL},
    {"flow_of_token", FUNCTION(sip_flow_of_token_py), METH_FASTCALL, NULL},
    {"is_unverifiable", FUNCTION(sip_is_unverifiable_py), METH_FASTCALL, NULL},
    {"tag_hash", tag_hash, METH_O, NULL},
    {"call_slot", call_slot, METH_O, NULL},
    {"callee_of", FUNCTION(sip_callee_of_py), METH_FASTCALL, NULL},
    {"begun_by", FUNCTION(sip_begun_by_py), METH_VARARGS | METH_KEYWORDS, NULL},
    {"forget_idle_uris", sip_forget_idle_uris, METH_NOARGS, NULL},
    {"use_huge_pages", sip_use_huge_pages, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "native.sip", .m_size = -1, .m_methods = functions,
};

static int add_types(PyObject *module) {
    PyTypeObject *types[] = {
        &sip_uri_type, &sip_addr_type, &sip_via_type, &sip_message_type, &sip_mac_type, &sip_claim_type, &sip_digest_type, &sip_recent_type, &sip_texts_type, &sip_rates_type, &sip_backoff_type, &sip_authorizer_type,
        &sip_registrar_type, &sip_registering_type,
        &sip_timer_type, &sip_timers_type,
        &sip_udp_type, &sip_udp_flow_type, &sip_udp_endpoint_type, &sip_stream_type, &sip_flow_table_type, &sip_ingress_type, &sip_gate_type,
        &sip_batches_type,
        &sip_machine_type, &sip_transaction_type, &sip_server_type, &sip_client_type, &sip_layer_type,
        &sip_core_type, &sip_inbound_type, &sip_context_type, &sip_branch_type, &sip_ack_type, &sip_cookie_type,
        &sip_hosts_type,
        &sip_environment_type, &sip_table_type, &sip_call_leg_type, &sip_call_record_type,
        &sip_target_type, &sip_trunk_type, &sip_call_trunks_type, &sip_calls_type, &sip_invite_exchange_type, &sip_bye_exchange_type, &sip_dialog_exchange_type, &sip_application_type,
        &sip_media_client_type, &sip_ng_request_type, &sip_glue_type, &sip_passing_body_type, &sip_invite_media_type,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyModule_AddType(module, types[i]) < 0) return -1;
    return 0;
}

static int add_masks(PyObject *module) {
    static const struct {
        const char *name;
        int bit;
    } masks[] = {
        {"OTHER_SCHEME", SIP_OTHER_SCHEME}, {"LAST_HOP", SIP_LAST_HOP},       {"REQUIRES", SIP_REQUIRES},
        {"HAS_BREADTH", SIP_HAS_BREADTH},   {"ROUTED", SIP_ROUTED},           {"URI_DIRECTS", SIP_URI_DIRECTS},
        {"IN_DIALOG", SIP_IN_DIALOG},       {"SEVERAL_VIAS", SIP_SEVERAL_VIAS},
        {"SEES_REQUESTS", SIP_SEES_REQUESTS},
        {"SEES_PROVISIONALS", SIP_SEES_PROVISIONALS},
        {"SEES_SUCCESSES", SIP_SEES_SUCCESSES},
        {"SEES_FAILURES", SIP_SEES_FAILURES},
        {"SEES_IDENTITIES", SIP_SEES_IDENTITIES},
        {"SEES_BRANCH_ENDS", SIP_SEES_BRANCH_ENDS},
        {"SEES_END", SIP_SEES_END},
        {"SEES_FAILED_END", SIP_SEES_FAILED_END},
        {"DIGEST_REFUSED", SIP_WORTH_REFUSED},
        {"DIGEST_STALE", SIP_WORTH_STALE},
        {"DIGEST_ACCEPTED", SIP_WORTH_ACCEPTED},
    };
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (PyModule_AddIntConstant(module, masks[i].name, masks[i].bit) < 0) return -1;
    return 0;
}

static int add_constants(PyObject *module) {
    PyObject *address = Py_BuildValue("(OO)", &PyUnicode_Type, &PyLong_Type);
    PyObject *alias = address ? Py_GenericAlias((PyObject *)&PyTuple_Type, address) : NULL;
    int result = alias ? PyModule_AddObjectRef(module, "Address", alias) : -1;
    Py_XDECREF(alias);
    Py_XDECREF(address);
    if (result < 0 || PyModule_AddIntConstant(module, "MAX_MESSAGE_BYTES", SIP_MAX_MESSAGE_BYTES) < 0 ||
        PyModule_AddIntConstant(module, "MAX_HEADERS", SIP_MAX_HEADERS) < 0 ||
        PyModule_AddIntConstant(module, "MAX_LINE_BYTES", SIP_MAX_LINE_BYTES) < 0 ||
        PyModule_AddIntConstant(module, "BATCH", SIP_UDP_BATCH) < 0 ||
        PyModule_AddIntConstant(module, "SHARE", SIP_UDP_SHARE) < 0 ||
        PyModule_AddIntConstant(module, "MAX_BATCHES", SIP_UDP_BATCHES) < 0)
        return -1;
    return 0;
}

PyMODINIT_FUNC PyInit_sip(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module || sip_py_init(module) < 0 || sip_machine_init() < 0 || sip_call_record_init() < 0 || sip_proceed_init() < 0 || add_types(module) < 0 || add_constants(module) < 0 ||
        add_masks(module) < 0)
        Py_CLEAR(module);
    return module;
}
