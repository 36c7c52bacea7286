/* native.sip.bound_to */
#include "sip_binding.h"
#include "sip_py.h"

static bool begins(struct sip_slice text, struct sip_slice with) {
    return text.size > with.size && !memcmp(text.at, with.at, with.size);
}

PyObject *sip_bound_to(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    enum { RECORD, NOW, ARGUMENTS };
    struct sip_binding binding;
    (void)unused;
    if (count != ARGUMENTS || !PyBytes_Check(args[RECORD])) return PyErr_Format(PyExc_TypeError, "record and now expected");
    double now = PyFloat_AsDouble(args[NOW]);
    if (PyErr_Occurred()) return NULL;
    struct sip_slice record = {PyBytes_AS_STRING(args[RECORD]), (size_t)PyBytes_GET_SIZE(args[RECORD])};
    if (!sip_binding_read(record, &binding) || binding.natted || binding.expires_at <= now) Py_RETURN_NONE;
    bool reachable = begins(binding.contact, SIP_TEXT("sip:")) || begins(binding.contact, SIP_TEXT("sips:"));
    return reachable ? sip_py_str(binding.contact) : Py_NewRef(Py_None);
}
