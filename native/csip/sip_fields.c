/* Making, comparing and showing objects that are their fields. No garbage collector walks them: they hold texts, numbers, and
 * each other as a tree. */
#include "sip_fields.h"

#define KINDS 4
static struct sip_fields *kinds[KINDS];

const struct sip_fields *sip_fields_of(PyObject *object) {
    for (size_t i = 0; i < KINDS && kinds[i]; i++)
        if (Py_IS_TYPE(object, kinds[i]->type)) return kinds[i];
    return NULL;
}

static const struct sip_fields *fields_of_type(PyTypeObject *type) {
    for (size_t i = 0; i < KINDS && kinds[i]; i++)
        if (type == kinds[i]->type) return kinds[i];
    return NULL;
}

static PyObject **object_at(PyObject *self, const struct sip_field *field) { return (PyObject **)((char *)self + field->offset); }

/* --- first values --- */

/* A list is made for each object; the others are shared. */
static PyObject *first_of(const struct sip_field *field) {
    switch (field->first) {
    case SIP_TEXT_FIELD: return PyUnicode_New(0, 0);
    case SIP_LIST: return PyList_New(0);
    case SIP_TUPLE: return PyTuple_New(0);
    case SIP_OWN: return field->own();
    default: return Py_NewRef(Py_None);
    }
}

PyObject *sip_fields_new(const struct sip_fields *fields) {
    PyObject *self = fields->type->tp_alloc(fields->type, 0);
    for (size_t i = 0; self && i < fields->count; i++) {
        const struct sip_field *field = &fields->all[i];
        if (field->first == SIP_ZERO) continue;
        PyObject *value = field->first == SIP_LIST ? PyList_New(0) : Py_NewRef(fields->firsts[i]);
        if (value)
            *object_at(self, field) = value;
        else
            Py_CLEAR(self);
    }
    return self;
}

bool sip_field_is_first(const struct sip_fields *fields, PyObject *self, size_t i) {
    const struct sip_field *field = &fields->all[i];
    const char *at = (const char *)self + field->offset;
    static const char zero[sizeof(double)];
    switch (field->kind) {
    case T_INT: return !memcmp(at, zero, sizeof(int));
    case T_LONGLONG: return !memcmp(at, zero, sizeof(long long));
    case T_DOUBLE: return *(const double *)at == 0;
    case T_BOOL: return !*at;
    }
    PyObject *value = *object_at(self, field);
    int is = value == fields->firsts[i] ? 1 : PyObject_RichCompareBool(value, fields->firsts[i], Py_EQ);
    if (is < 0) PyErr_Clear(); /* then it is something else */
    return is > 0;
}

/* --- the slots of the types --- */

/* What a member would cut off. */
static int check_range(const struct sip_field *field, PyObject *value) {
    int overflow = 0;
    if ((field->kind != T_INT && field->kind != T_LONGLONG) || !PyLong_Check(value)) return 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow && (field->kind == T_LONGLONG || (number >= INT_MIN && number <= INT_MAX))) return 0;
    PyErr_Format(PyExc_ValueError, "%s is no number of that size: %R", field->name, value);
    return -1;
}

static int set(const struct sip_fields *fields, PyObject *self, PyObject *name, PyObject *value) {
    for (size_t i = 0; i < fields->count; i++) {
        const struct sip_field *field = &fields->all[i];
        if (PyUnicode_CompareWithASCIIString(name, field->name) != 0) continue;
        if (field->first > SIP_NONE && Py_TYPE(value) != Py_TYPE(fields->firsts[i])) {
            PyErr_Format(PyExc_TypeError, "%s is no %s", field->name, Py_TYPE(fields->firsts[i])->tp_name);
            return -1;
        }
        if (check_range(field, value) < 0) return -1;
        return PyMember_SetOne((char *)self, &fields->members[i], value);
    }
    PyErr_Format(PyExc_TypeError, "%s has no field %R", fields->type->tp_name, name);
    return -1;
}

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    const struct sip_fields *fields = fields_of_type(type);
    PyObject *name, *value, *self;
    Py_ssize_t at = 0;
    if (PyTuple_GET_SIZE(args)) return PyErr_Format(PyExc_TypeError, "%s takes keywords only", type->tp_name);
    self = sip_fields_new(fields);
    while (self && kwargs && PyDict_Next(kwargs, &at, &name, &value))
        if (set(fields, self, name, value) < 0) Py_CLEAR(self);
    return self;
}

static void dealloc(PyObject *self) {
    const struct sip_fields *fields = sip_fields_of(self);
    for (size_t i = 0; i < fields->count; i++)
        if (fields->all[i].kind == T_OBJECT_EX) Py_XDECREF(*object_at(self, &fields->all[i]));
    Py_TYPE(self)->tp_free(self);
}

static PyObject *value_of(const struct sip_fields *fields, PyObject *self, size_t i) {
    return PyMember_GetOne((const char *)self, &fields->members[i]);
}

static int same(const struct sip_fields *fields, PyObject *one, PyObject *other) {
    int result = 1;
    for (size_t i = 0; i < fields->count && result > 0; i++) {
        PyObject *a = value_of(fields, one, i), *b = a ? value_of(fields, other, i) : NULL;
        result = b ? PyObject_RichCompareBool(a, b, Py_EQ) : -1;
        Py_XDECREF(a);
        Py_XDECREF(b);
    }
    return result;
}

static PyObject *compare(PyObject *one, PyObject *other, int operation) {
    if (!Py_IS_TYPE(other, Py_TYPE(one)) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    int result = same(sip_fields_of(one), one, other);
    return result < 0 ? NULL : PyBool_FromLong(result == (operation == Py_EQ));
}

PyObject *sip_fields_as_dict(PyObject *self, PyObject *unused) {
    const struct sip_fields *fields = sip_fields_of(self);
    PyObject *dict = PyDict_New();
    (void)unused;
    for (size_t i = 0; dict && i < fields->count; i++) {
        if (sip_field_is_first(fields, self, i)) continue;
        PyObject *value = value_of(fields, self, i);
        if (!value || PyDict_SetItemString(dict, fields->all[i].name, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *repr(PyObject *self) {
    PyObject *dict = sip_fields_as_dict(self, NULL);
    PyObject *text = dict ? PyUnicode_FromFormat("%s(**%R)", Py_TYPE(self)->tp_name, dict) : NULL;
    Py_XDECREF(dict);
    return text;
}

static int name_fields(struct sip_fields *fields) {
    PyObject *names = PyTuple_New((Py_ssize_t)fields->count);
    for (size_t i = 0; names && i < fields->count; i++) {
        PyObject *name = PyUnicode_FromString(fields->all[i].name);
        if (name)
            PyTuple_SET_ITEM(names, (Py_ssize_t)i, name);
        else
            Py_CLEAR(names);
    }
    int result = names ? PyDict_SetItemString(fields->type->tp_dict, "FIELDS", names) : -1;
    Py_XDECREF(names);
    return result;
}

int sip_fields_ready(struct sip_fields *fields) {
    size_t place = 0;
    while (kinds[place]) place++;
    kinds[place] = fields;
    for (size_t i = 0; i < fields->count; i++) {
        const struct sip_field *field = &fields->all[i];
        fields->members[i] = (PyMemberDef){field->name, field->kind, (Py_ssize_t)field->offset, 0, NULL};
        if (!(fields->firsts[i] = first_of(field))) return -1;
    }
    PyTypeObject *type = fields->type;
    type->tp_members = fields->members;
    type->tp_new = new;
    type->tp_dealloc = dealloc;
    type->tp_richcompare = compare;
    type->tp_hash = PyObject_HashNotImplemented;
    type->tp_repr = repr;
    type->tp_setattro = sip_py_set_attribute;
    return PyType_Ready(type) < 0 ? -1 : name_fields(fields);
}
