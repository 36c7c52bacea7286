/* What ng tells of a party without what statistics of quality can do without, so that it fits into a datagram: each delete of a proxy on another
 * host has two of them. */
#include "relay_bencode.h"
#include "relay_bencode_walk.h"

#include <string.h>

/* A key that stays; of a list of dictionaries these keys of each. */
struct kept {
    const char *key;
    const struct kept *each;
};

static const struct kept of_stream[] = {{"SSRC", NULL}, {"stats", NULL}, {NULL, NULL}};
static const struct kept of_media[] = {{"index", NULL}, {"type", NULL}, {"streams", of_stream}, {NULL, NULL}};
static const struct kept of_party[] = {{"tag", NULL}, {"label", NULL}, {"medias", of_media}, {NULL, NULL}};

static const struct kept *find(const struct kept *kept, const struct relay_written *key)
{
    while (kept->key != NULL && (strlen(kept->key) != (size_t)key->size || memcmp(kept->key, key->start, (size_t)key->size) != 0))
        kept++;
    return kept->key != NULL ? kept : NULL;
}

static bool copy(struct relay_bencode *out, const char *start, const char *end) { return relay_bencode_put(out, start, (size_t)(end - start)); }

static bool malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "not a party's report");
    return false;
}

static bool copy_dictionary(struct relay_bencode *out, struct relay_walk *in, const struct kept *kept);

static bool copy_list(struct relay_bencode *out, struct relay_walk *in, const struct kept *kept)
{
    if (in->at >= in->end || *in->at++ != 'l')
        return malformed();
    bool done = RELAY_BENCODE_PUT(out, "l");
    while (done && !relay_at_end(in))
        done = copy_dictionary(out, in, kept);
    return done && (in->at++ < in->end || malformed()) && RELAY_BENCODE_PUT(out, "e");
}

static bool copy_item(struct relay_bencode *out, struct relay_walk *in, const struct kept *kept)
{
    struct relay_written key;
    const char *start = in->at;
    if (!relay_read_string(in, &key))
        return malformed();
    const struct kept *found = find(kept, &key);
    if (found != NULL && found->each != NULL)
        return copy(out, start, in->at) && copy_list(out, in, found->each);
    if (!relay_skip_value(in, 1))
        return malformed();
    return found == NULL || copy(out, start, in->at);
}

static bool copy_dictionary(struct relay_bencode *out, struct relay_walk *in, const struct kept *kept)
{
    if (in->at >= in->end || *in->at++ != 'd')
        return malformed();
    bool done = RELAY_BENCODE_PUT(out, "d");
    while (done && !relay_at_end(in))
        done = copy_item(out, in, kept);
    return done && (in->at++ < in->end || malformed()) && RELAY_BENCODE_PUT(out, "e");
}

PyObject *relay_slim_report(PyObject *Py_UNUSED(module), PyObject *report)
{
    if (!PyBytes_Check(report))
        return PyErr_Format(PyExc_TypeError, "a report must be bytes, not %s", Py_TYPE(report)->tp_name);
    struct relay_walk in = {PyBytes_AS_STRING(report), PyBytes_AS_STRING(report) + PyBytes_GET_SIZE(report)};
    struct relay_bencode out;
    relay_bencode_begin(&out);
    return relay_bencode_end(&out, copy_dictionary(&out, &in, of_party) && (in.at == in.end || malformed()));
}
