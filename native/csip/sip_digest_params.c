/* native.sip.digest_params */
#include "sip_digest.h"
#include "sip_py.h"

static int add_once(PyObject *dict, struct sip_param param) {
    PyObject *name = sip_py_lower(param.name), *value = name ? sip_py_unquoted(param.value) : NULL;
    int result = value ? PyDict_Contains(dict, name) : -1;
    if (result > 0) sip_py_fault((struct sip_fault){SIP_REPEATED, SIP_OTHER}, "digest parameter");
    if (result == 0) result = PyDict_SetItem(dict, name, value);
    Py_XDECREF(value);
    Py_XDECREF(name);
    return result;
}

static PyObject *params_dict(struct sip_slice rest) {
    PyObject *dict = PyDict_New();
    struct sip_param param;
    bool found;
    while (dict) {
        enum sip_error error = sip_digest_next(&rest, &param, &found);
        if (error == SIP_OK && !found) return dict;
        if (error != SIP_OK) sip_py_fault((struct sip_fault){error, SIP_OTHER}, "digest parameter");
        if (error != SIP_OK || add_once(dict, param) != 0) Py_CLEAR(dict);
    }
    return NULL;
}

PyObject *sip_digest_params(PyObject *unused, PyObject *value) {
    struct sip_py_view view;
    struct sip_slice params;
    (void)unused;
    if (sip_py_view(value, &view) < 0) return NULL;
    PyObject *result = sip_digest_scheme(view.text, &params) ? params_dict(params) : Py_NewRef(Py_None);
    Py_XDECREF(view.holder);
    return result;
}
