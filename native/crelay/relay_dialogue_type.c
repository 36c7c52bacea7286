/* native.relay.DialogueBase: two parties, and the lines between them. */
#include "relay_session.h"

#include <structmember.h>

RELAY_WORD(lines);

/* A tag of a side; borrowed. */
static PyObject *tag_of(const DialogueObject *self, int side) { return ((SideObject *)PyTuple_GET_ITEM(self->sides, side))->tag; }

static PyObject *dialogue_side_of(DialogueObject *self, PyObject *tag)
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        int same = PyObject_RichCompareBool(tag_of(self, side), tag, Py_EQ);
        if (same != 0)
            return same < 0 ? NULL : PyLong_FromLong(side);
    }
    Py_RETURN_NONE;
}

static PyObject *dialogue_has_tags(DialogueObject *self, PyObject *args)
{
    PyObject *one, *other;
    if (!PyArg_ParseTuple(args, "UU", &one, &other))
        return NULL;
    PyObject *near = tag_of(self, 0), *far = tag_of(self, 1);
    return PyBool_FromLong((PyUnicode_Compare(near, one) == 0 && PyUnicode_Compare(far, other) == 0) ||
                           (PyUnicode_Compare(near, other) == 0 && PyUnicode_Compare(far, one) == 0));
}

/* Those that are lines and not there yet. */
static bool append_lines(PyObject *found, PyObject *lines)
{
    if (!PyList_Check(lines)) {
        PyErr_SetString(PyExc_TypeError, "lines must be a list");
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(lines); i++) {
        PyObject *line = PyList_GET_ITEM(lines, i);
        bool known = line == Py_None;
        for (Py_ssize_t k = 0; !known && k < PyList_GET_SIZE(found); k++)
            known = PyList_GET_ITEM(found, k) == line;
        if (!known && PyList_Append(found, line) < 0)
            return false;
    }
    return true;
}

static bool append_offered(PyObject *found, PyObject *offer)
{
    if (offer == Py_None)
        return true;
    PyObject *lines = relay_attribute(offer, &word_lines);
    bool done = lines != NULL && append_lines(found, lines);
    Py_XDECREF(lines);
    return done;
}

static PyObject *dialogue_all_lines(DialogueObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *found = PyList_New(0);
    bool done = found != NULL && append_lines(found, self->lines);
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(self->offers); i++)
        done = append_offered(found, PyList_GET_ITEM(self->offers, i));
    if (!done)
        Py_CLEAR(found);
    return found;
}

static bool is_pair_of_sides(PyObject *sides)
{
    if (PyTuple_GET_SIZE(sides) == RELAY_SIDES && PyObject_TypeCheck(PyTuple_GET_ITEM(sides, 0), &relay_side_type) &&
        PyObject_TypeCheck(PyTuple_GET_ITEM(sides, 1), &relay_side_type))
        return true;
    PyErr_SetString(PyExc_TypeError, "a dialogue has two sides");
    return false;
}

static PyObject *dialogue_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sides", "via_branch", "created_at", NULL};
    static const struct relay_totals nothing[RELAY_COMPONENTS];
    PyObject *sides, *via_branch;
    double created_at;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!Ud", names, &PyTuple_Type, &sides, &via_branch, &created_at) || !is_pair_of_sides(sides))
        return NULL;
    DialogueObject *self = (DialogueObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->sides = Py_NewRef(sides);
    self->via_branch = Py_NewRef(via_branch);
    self->created_at = created_at;
    self->lines = PyList_New(0);
    self->offers = Py_BuildValue("[OO]", Py_None, Py_None);
    self->past = relay_make_totals(nothing);
    if (self->lines == NULL || self->offers == NULL || self->past == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void dialogue_dealloc(DialogueObject *self)
{
    Py_XDECREF(self->sides);
    Py_XDECREF(self->via_branch);
    Py_XDECREF(self->lines);
    Py_XDECREF(self->offers);
    Py_XDECREF(self->past);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *dialogue_get_lines(DialogueObject *self, void *Py_UNUSED(unused)) { return Py_NewRef(self->lines); }

static int dialogue_set_lines(DialogueObject *self, PyObject *lines, void *Py_UNUSED(unused))
{
    if (lines == NULL || !PyList_Check(lines)) {
        PyErr_SetString(PyExc_TypeError, "lines must be a list");
        return -1;
    }
    Py_SETREF(self->lines, Py_NewRef(lines));
    return 0;
}

static PyGetSetDef dialogue_properties[] = {
    {"lines", (getter)dialogue_get_lines, (setter)dialogue_set_lines, NULL, NULL},
    {0},
};

static PyMethodDef dialogue_methods[] = {
    {"side_of", (PyCFunction)dialogue_side_of, METH_O, "Which side has that tag."},
    {"has_tags", (PyCFunction)dialogue_has_tags, METH_VARARGS, "Whether its sides have these tags, in either order."},
    {"all_lines", (PyCFunction)dialogue_all_lines, METH_NOARGS, "Lines in effect and those only offered, each once."},
    {0},
};

static PyMemberDef dialogue_members[] = {
    {"sides", T_OBJECT_EX, offsetof(DialogueObject, sides), READONLY, NULL},
    {"via_branch", T_OBJECT_EX, offsetof(DialogueObject, via_branch), READONLY, NULL},
    {"offers", T_OBJECT_EX, offsetof(DialogueObject, offers), READONLY, NULL},
    {"past", T_OBJECT_EX, offsetof(DialogueObject, past), 0, NULL},
    {"created_at", T_DOUBLE, offsetof(DialogueObject, created_at), READONLY, NULL},
    {"last_offerer", T_INT, offsetof(DialogueObject, last_offerer), 0, NULL},
    {"answered", T_BOOL, offsetof(DialogueObject, answered), 0, NULL},
    {"reports", T_BOOL, offsetof(DialogueObject, reports), 0, NULL},
    {0},
};

PyTypeObject relay_dialogue_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.DialogueBase",
    .tp_basicsize = sizeof(DialogueObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = dialogue_new,
    .tp_dealloc = (destructor)dialogue_dealloc,
    .tp_getset = dialogue_properties,
    .tp_methods = dialogue_methods,
    .tp_members = dialogue_members,
};
