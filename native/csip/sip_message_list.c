/* Lists of a Message: header values over several lines, and look-ups by name. */
#include "sip_message_type.h"

typedef PyObject *(*maker)(struct sip_slice text, enum sip_name id);

/* Appends what `make` says of each value of each line of that name. */
static int collect(MessageObject *self, struct sip_wanted wanted, maker make, PyObject *list) {
    struct sip_scratch scratch;
    struct sip_slice value;
    const struct sip_message *core = &self->core;
    SIP_EACH_LINE(i, core, wanted) {
        struct sip_slice rest = sip_line_text(core, &core->lines[i], &scratch);
        while (sip_list_next(&rest, &value)) {
            PyObject *item = make(value, wanted.id);
            int failed = item ? PyList_Append(list, item) : -1;
            Py_XDECREF(item);
            if (failed) return -1;
        }
    }
    return 0;
}

/* PySequence_List leaks a reference when it finds no memory (CPython 3.11). */
static PyObject *list_of(PyObject *tuple) {
    PyObject *list = PyList_New(PyTuple_GET_SIZE(tuple));
    for (Py_ssize_t i = 0; list && i < PyTuple_GET_SIZE(tuple); i++)
        PyList_SET_ITEM(list, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    return list;
}

/* A fresh list each time, so that nobody can change what is cached. */
static PyObject *addr_list(MessageObject *self, enum sip_name id, enum sip_cache slot) {
    if (!self->cache[slot]) {
        PyObject *list = PyList_New(0);
        if (!list) return NULL;
        if (collect(self, (struct sip_wanted){.id = id}, sip_addr_object, list) < 0) {
            Py_DECREF(list);
            return NULL;
        }
        self->cache[slot] = PyList_AsTuple(list);
        Py_DECREF(list);
        if (!self->cache[slot]) return NULL;
    }
    return list_of(self->cache[slot]);
}

PyObject *sip_message_routes(MessageObject *self, void *closure) {
    (void)closure;
    return addr_list(self, SIP_ROUTE, CACHE_ROUTES);
}

PyObject *sip_message_record_routes(MessageObject *self, void *closure) {
    (void)closure;
    return addr_list(self, SIP_RECORD_ROUTE, CACHE_RECORD_ROUTES);
}

PyObject *sip_message_contacts(MessageObject *self, void *closure) {
    (void)closure;
    return addr_list(self, SIP_CONTACT, CACHE_CONTACTS);
}

PyObject *sip_message_contact_uri_text(MessageObject *self, void *closure) {
    struct sip_scratch scratch;
    struct sip_addr addr;
    (void)closure;
    struct sip_fault found = sip_read_contact(&self->core, &scratch, &addr);
    if (found.error == SIP_MISSING) return sip_py_str(SIP_TEXT(""));
    if (found.error != SIP_OK) return sip_py_fault(found, NULL);
    return sip_py_str(addr.is_star ? SIP_TEXT("") : addr.uri.text);
}

PyObject *sip_message_paths(MessageObject *self, void *closure) {
    (void)closure;
    return addr_list(self, SIP_PATH, CACHE_PATHS);
}

PyObject *sip_message_via_count(MessageObject *self, void *closure) {
    (void)closure;
    return PyLong_FromSize_t(sip_value_count(&self->core, SIP_VIA));
}

/* --- by name --- */

static int want(PyObject *name, struct sip_wanted *wanted, struct sip_py_view *view) {
    if (sip_py_view(name, view) < 0) return -1;
    *wanted = sip_want(view->text);
    return 0;
}

static PyObject *line_str(const struct sip_message *core, uint32_t index) {
    struct sip_scratch scratch;
    return sip_py_str(sip_line_text(core, &core->lines[index], &scratch));
}

PyObject *sip_message_get(MessageObject *self, PyObject *name) {
    struct sip_py_view view;
    struct sip_wanted wanted;
    if (want(name, &wanted, &view) < 0) return NULL;
    uint32_t index = sip_line_find(&self->core, wanted, 0);
    Py_XDECREF(view.holder);
    if (index == self->core.line_count) Py_RETURN_NONE;
    return line_str(&self->core, index);
}

PyObject *sip_message_get_all(MessageObject *self, PyObject *name) {
    struct sip_py_view view;
    struct sip_wanted wanted;
    if (want(name, &wanted, &view) < 0) return NULL;
    PyObject *list = PyList_New(0);
    const struct sip_message *core = &self->core;
    SIP_EACH_LINE(i, core, wanted) {
        if (!list) break;
        PyObject *value = line_str(core, i);
        if (!value || PyList_Append(list, value) < 0) Py_CLEAR(list);
        Py_XDECREF(value);
    }
    Py_XDECREF(view.holder);
    return list;
}

static PyObject *make_str(struct sip_slice text, enum sip_name id) {
    (void)id;
    return sip_py_str(text);
}

PyObject *sip_message_values(MessageObject *self, PyObject *name) {
    struct sip_py_view view;
    struct sip_wanted wanted;
    if (want(name, &wanted, &view) < 0) return NULL;
    PyObject *list = PyList_New(0);
    if (list && collect(self, wanted, make_str, list) < 0) Py_CLEAR(list);
    Py_XDECREF(view.holder);
    return list;
}

PyObject *sip_message_has(MessageObject *self, PyObject *const *names, Py_ssize_t count) {
    struct sip_py_view view;
    struct sip_wanted wanted;
    bool found = false;
    for (Py_ssize_t i = 0; i < count && !found; i++) {
        if (want(names[i], &wanted, &view) < 0) return NULL;
        found = sip_line_find(&self->core, wanted, 0) < self->core.line_count;
        Py_XDECREF(view.holder);
    }
    return PyBool_FromLong(found);
}

PyObject *sip_message_header_names(MessageObject *self, PyObject *unused) {
    (void)unused;
    const struct sip_message *core = &self->core;
    PyObject *list = PyList_New(core->line_count);
    if (!list) return NULL;
    for (uint32_t i = 0; i < core->line_count; i++) {
        const struct sip_line *line = &core->lines[i];
        PyObject *name = line->id ? sip_py_name(line->id) : sip_py_str(sip_line_name(core, line));
        if (!name) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, name);
    }
    return list;
}
