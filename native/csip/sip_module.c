/* Python binding of native.sip: argument checks only; the work is in the other files of this folder. */
#include <Python.h>

static struct PyModuleDef sip_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "native.sip", .m_size = -1,
};

PyMODINIT_FUNC PyInit_sip(void) { return PyModule_Create(&sip_definition); }
