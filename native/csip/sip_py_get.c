/* Attributes and methods that C asks for by name. What a type says of a name is kept by both, so that reading a slot, asking a getter
 * in C and calling a method in C cost no look-up; a hundred are for each call. Whatever else there is, Python finds. */
#include "sip_py.h"
#include "structmember.h"

#define KNOWN_SETS 512 /* a power of two; each has two places, the newer first */

enum kind { SLOT, MEMBER, GETTER, METHOD };

struct known {
    PyTypeObject *type; /* not held, as a new type at its address has another version */
    PyObject *name;     /* of a word, so it stays */
    unsigned int version;
    enum kind kind;
    union {
        Py_ssize_t offset; /* of a slot */
        PyMemberDef *member;
        const PyGetSetDef *getter;
        const PyMethodDef *method;
    };
};

static _Alignas(2 * sizeof(struct known)) struct known known_names[KNOWN_SETS][2];

static bool fits(const struct known *known, const PyTypeObject *type, const PyObject *name) {
    return known->type == type && known->name == name && known->version && known->version == type->tp_version_tag;
}

static bool read_member(struct known *known, PyMemberDef *member) {
    if (member->flags & READ_RESTRICTED) return false;
    bool slot = member->type == T_OBJECT_EX || member->type == T_OBJECT;
    known->kind = slot ? SLOT : MEMBER;
    if (slot) known->offset = member->offset;
    else known->member = member;
    return true;
}

/* One that no attribute of an object can hide, and that is called with what sip_py_call_with has. */
static bool read_method(struct known *known, const PyTypeObject *type, const PyMethodDef *method) {
    known->kind = METHOD;
    known->method = method;
    return !type->tp_dictoffset &&
           (method->ml_flags == METH_NOARGS || method->ml_flags == METH_O || method->ml_flags == METH_FASTCALL);
}

static bool read_attribute(struct known *known, const PyTypeObject *type, PyObject *attribute) {
    if (Py_IS_TYPE(attribute, &PyMemberDescr_Type)) return read_member(known, ((PyMemberDescrObject *)attribute)->d_member);
    if (Py_IS_TYPE(attribute, &PyMethodDescr_Type)) return read_method(known, type, ((PyMethodDescrObject *)attribute)->d_method);
    if (!Py_IS_TYPE(attribute, &PyGetSetDescr_Type)) return false;
    known->kind = GETTER;
    known->getter = ((PyGetSetDescrObject *)attribute)->d_getset;
    return known->getter->get != NULL;
}

/* A type that was changed has another version, or 0. */
static const struct known *note(struct known set[2], PyTypeObject *type, PyObject *name) {
    struct known known = {.type = type, .name = name};
    if (type->tp_getattro != PyObject_GenericGetAttr) return NULL;
    PyObject *attribute = _PyType_Lookup(type, name); /* borrowed; it also sees to the version */
    if (!attribute || !read_attribute(&known, type, attribute)) return NULL;
    known.version = type->tp_version_tag;
    set[1] = set[0];
    set[0] = known;
    return &set[0];
}

static const struct known *find(PyTypeObject *type, PyObject *name) {
    struct known *set = known_names[((uintptr_t)type >> 4 ^ (uintptr_t)name >> 4) % KNOWN_SETS];
    if (fits(&set[0], type, name)) return &set[0];
    return fits(&set[1], type, name) ? &set[1] : note(set, type, name);
}

PyObject *sip_py_get(PyObject *object, struct sip_py_word *word) {
    PyObject *name = sip_py_text(word);
    if (!name) return NULL;
    const struct known *known = find(Py_TYPE(object), name);
    PyObject *value = known && known->kind == SLOT ? *(PyObject **)((char *)object + known->offset) : NULL;
    if (value) return Py_NewRef(value);
    if (known && known->kind == GETTER) return known->getter->get(object, known->getter->closure);
    if (known && known->kind == MEMBER) return PyMember_GetOne((const char *)object, known->member);
    return PyObject_GetAttr(object, name);
}

PyObject *sip_py_call_with(struct sip_py_word *word, PyObject *const *args, size_t count) {
    PyObject *name = sip_py_text(word);
    if (!name) return NULL;
    const struct known *known = find(Py_TYPE(args[0]), name);
    const PyMethodDef *method = known && known->kind == METHOD ? known->method : NULL;
    if (method && method->ml_flags == METH_FASTCALL)
        return ((_PyCFunctionFast)(void (*)(void))method->ml_meth)(args[0], args + 1, (Py_ssize_t)count - 1);
    if (method && count == (method->ml_flags == METH_O ? 2 : 1)) return method->ml_meth(args[0], count == 2 ? args[1] : NULL);
    return PyObject_VectorcallMethod(name, args, count, NULL);
}

PyObject *sip_py_call(PyObject *object, struct sip_py_word *word, PyObject *first, PyObject *second) {
    PyObject *args[] = {object, first, second};
    return sip_py_call_with(word, args, first ? (second ? 3 : 2) : 1);
}
