/* Attributes of objects that have them in slots: classes with __slots__, msgspec's structs, types in C. Where a slot is, is kept by
 * type and name, so that reading it costs no look-up; a hundred are read for each call. */
#include "sip_py.h"
#include "structmember.h"

#define KNOWN_SLOTS 512 /* direct-mapped, a power of two */

struct known_slot {
    PyTypeObject *type; /* not held, as a new type at its address has another version */
    PyObject *name;     /* of a word, so it stays */
    unsigned int version;
    Py_ssize_t offset;
};

static struct known_slot known_slots[KNOWN_SLOTS];

static struct known_slot *place_of(const PyTypeObject *type, const PyObject *name) {
    return &known_slots[((uintptr_t)type >> 4 ^ (uintptr_t)name >> 4) % KNOWN_SLOTS];
}

static bool is_slot(const PyTypeObject *type, const PyObject *attribute) {
    if (!attribute || !Py_IS_TYPE(attribute, &PyMemberDescr_Type) || type->tp_getattro != PyObject_GenericGetAttr) return false;
    const PyMemberDef *member = ((const PyMemberDescrObject *)attribute)->d_member;
    return (member->type == T_OBJECT_EX || member->type == T_OBJECT) && !(member->flags & READ_RESTRICTED);
}

/* A type that was changed has another version, or 0. */
static void note(struct known_slot *slot, PyTypeObject *type, PyObject *name) {
    PyObject *attribute = _PyType_Lookup(type, name); /* borrowed; it also sees to the version */
    if (!is_slot(type, attribute)) return;
    Py_ssize_t offset = ((PyMemberDescrObject *)attribute)->d_member->offset;
    *slot = (struct known_slot){type, name, type->tp_version_tag, offset};
}

PyObject *sip_py_get(PyObject *object, struct sip_py_word *word) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject *name = sip_py_text(word);
    if (!name) return NULL;
    struct known_slot *slot = place_of(type, name);
    bool known = slot->type == type && slot->name == name && slot->version && slot->version == type->tp_version_tag;
    PyObject *value = known ? *(PyObject **)((char *)object + slot->offset) : NULL;
    if (value) return Py_NewRef(value);
    if (!known) note(slot, type, name);
    return PyObject_GetAttr(object, name);
}
