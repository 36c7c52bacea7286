/* Python binding of native.relay: argument checks only; the work is in the other files of this folder. */
#include <Python.h>

static struct PyModuleDef relay_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "native.relay", .m_size = -1,
};

PyMODINIT_FUNC PyInit_relay(void) { return PyModule_Create(&relay_definition); }
