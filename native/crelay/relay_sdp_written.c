/* native.relay.sdp_write: a description that was read, as the body that goes on. */
#include "relay_description.h"

#include <stdlib.h>

/* (port, count, port of RTCP, multiplexed, protocol, lines of keys or None, lines of ICE); None: untouched. */
static bool read_local(PyObject *item, PyObject *kept, struct relay_sdp_local *local)
{
    PyObject *protocol, *keys, *ice;
    int mux;
    *local = (struct relay_sdp_local){.untouched = item == Py_None};
    if (local->untouched)
        return true;
    if (!PyTuple_Check(item) || !PyArg_ParseTuple(item, "IIIpUOU", &local->port, &local->count, &local->rtcp_port, &mux,
                                                  &protocol, &keys, &ice)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "what is announced must be a tuple or None");
        return false;
    }
    local->mux = mux;
    local->rekeyed = keys != Py_None;
    return relay_span_of(protocol, kept, &local->protocol) && relay_span_of(ice, kept, &local->ice) && (!local->rekeyed || relay_span_of(keys, kept, &local->keys));
}

static bool read_locals(PyObject *items, PyObject *kept, const struct relay_sdp *sdp, struct relay_sdp_local *locals)
{
    if ((size_t)PyList_GET_SIZE(items) != sdp->sections - 1) {
        PyErr_Format(PyExc_ValueError, "%zd announced, the body has %zu m= lines", PyList_GET_SIZE(items), sdp->sections - 1);
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++)
        if (!read_local(PyList_GET_ITEM(items, i), kept, &locals[i]))
            return false;
    return true;
}

/* A list, or None. */
static bool read_mids(PyObject *mids, PyObject *kept, size_t count, struct relay_sdp_local *locals)
{
    if (mids == Py_None)
        return true;
    if (!PyList_Check(mids) || (size_t)PyList_GET_SIZE(mids) < count) {
        PyErr_Format(PyExc_TypeError, "a list of %zu mids, or None", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        locals[i].named = true;
        if (!relay_span_of(PyList_GET_ITEM(mids, (Py_ssize_t)i), kept, &locals[i].mid))
            return false;
    }
    return true;
}

/* The first session name this party was told, and the first user name. */
static bool read_names(const struct relay_sdp *sdp, AnnouncedObject *announced, PyObject *kept, unsigned how,
                       struct relay_sdp_style *style, struct relay_span *username)
{
    struct relay_span name = {NULL, 0};
    if (how & RELAY_WRITE_NAME)
        name = relay_sdp_name(sdp);
    return relay_announced_name(&announced->username, sdp->username) && relay_announced_name(&announced->session_name, name) &&
           relay_span_of(announced->username, kept, username) &&
           (name.size == 0 || relay_span_of(announced->session_name, kept, &style->name));
}

static PyObject *write_body(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                            struct relay_announced *announced, struct relay_span username, unsigned how)
{
    struct relay_text text = {0}, whole = {0};
    PyObject *written = NULL;
    size_t origin = 0;
    relay_sdp_write(sdp, locals, style, &text, &origin);
    if (!text.failed) {
        relay_sdp_count_version(announced, sdp, &text, origin, how);
        relay_text_put(&whole, text.data, origin);
        if (how & RELAY_WRITE_OF_ORIGIN)
            relay_sdp_put_origin(&whole, sdp, announced, username, style->connection, how);
        else
            relay_text_line(&whole, "o=", sdp->origin);
        relay_text_put(&whole, text.data + origin, text.size - origin);
    }
    if (text.failed || whole.failed)
        PyErr_NoMemory();
    else
        written = relay_text_of((struct relay_span){whole.data, whole.size});
    free(text.data);
    free(whole.data);
    return written;
}

static struct relay_sdp_style style_of(int family, unsigned how)
{
    return (struct relay_sdp_style){
        .family = family,
        .full_rtcp = how & RELAY_WRITE_FULL_RTCP,
        .replace_zero = how & RELAY_WRITE_ZERO_ADDRESS,
        .keep_directions = how & RELAY_WRITE_DIRECTIONS,
        .strip_extmap = how & RELAY_WRITE_NO_EXTMAP,
        .lite = how & RELAY_WRITE_ICE_LITE,
    };
}

/* The session's own address, for sections that pass as they are. */
static bool read_inherited(const DescriptionObject *description, PyObject *kept, struct relay_sdp_style *style)
{
    PyObject *connection = description->session->connection;
    return connection == Py_None || relay_span_of(((ConnectionObject *)connection)->text, kept, &style->inherited);
}

PyObject *relay_sdp_write_body(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *items, *mids, *ours, *loop_mark, *told, *written = NULL;
    struct relay_sdp_local locals[RELAY_SDP_MAX_MEDIA];
    struct relay_span username;
    unsigned how;
    if (!PyArg_ParseTuple(args, "OO!OO!IUO!", &object, &PyList_Type, &items, &mids, &relay_connection_type, &ours, &how, &loop_mark,
                          &relay_announced_type, &told) ||
        !relay_is_description(object))
        return NULL;
    const DescriptionObject *description = (DescriptionObject *)object;
    const struct relay_sdp *sdp = relay_sdp_of(description);
    AnnouncedObject *announced = (AnnouncedObject *)told;
    struct relay_sdp_style style = style_of(((ConnectionObject *)ours)->family, how);
    PyObject *kept = PyList_New(0);
    if (kept != NULL && read_locals(items, kept, sdp, locals) && read_mids(mids, kept, sdp->sections - 1, locals) &&
        relay_span_of(((ConnectionObject *)ours)->text, kept, &style.connection) && read_inherited(description, kept, &style) &&
        (!(how & RELAY_WRITE_LOOP_MARK) || relay_span_of(loop_mark, kept, &style.loop_mark)) &&
        read_names(sdp, announced, kept, how, &style, &username))
        written = write_body(sdp, locals, &style, &announced->told, username, how);
    Py_XDECREF(kept);
    return written;
}
