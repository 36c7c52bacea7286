/* Socket addresses as tuples and back, cached both ways: a proxy meets the same peers again and again. */
#include <arpa/inet.h>

#include "sip_chars.h"
#include "sip_udp_type.h"

static uint32_t hash_bytes(const void *bytes, size_t size, uint32_t hash) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

static uint32_t hash_address(const union sip_sockaddr *a) {
    uint32_t hash = a->any.sa_family == AF_INET
                        ? (a->v4.sin_addr.s_addr * 2654435761u) ^ (a->v4.sin_port * 40503u)
                        : hash_bytes(&a->v6.sin6_addr, sizeof a->v6.sin6_addr, a->v6.sin6_port);
    return (hash ^ hash >> 16) & (SIP_PLACES - 1);
}

bool sip_udp_same_address(const union sip_sockaddr *a, const union sip_sockaddr *b) {
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET) return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
}

static PyObject *host_str(int family, const void *address, uint32_t scope) {
    char text[INET6_ADDRSTRLEN];
    if (!inet_ntop(family, address, text, sizeof text)) return PyErr_SetFromErrno(PyExc_OSError);
    return scope ? PyUnicode_FromFormat("%s%%%u", text, (unsigned)scope) : PyUnicode_FromString(text);
}

PyObject *sip_udp_address_tuple(const union sip_sockaddr *a) {
    bool v4 = a->any.sa_family == AF_INET;
    PyObject *host = v4 ? host_str(AF_INET, &a->v4.sin_addr, 0) : host_str(AF_INET6, &a->v6.sin6_addr, a->v6.sin6_scope_id);
    if (!host) return NULL;
    return Py_BuildValue("(Ni)", host, (int)ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port));
}

PyObject *sip_udp_cached_tuple(UdpObject *self, const union sip_sockaddr *address) {
    struct sip_place *place = &self->from[hash_address(address)];
    if (place->tuple && sip_udp_same_address(&place->address, address)) return Py_NewRef(place->tuple);
    PyObject *tuple = sip_udp_address_tuple(address);
    if (!tuple) return NULL;
    place->address = *address;
    Py_XSETREF(place->tuple, Py_NewRef(tuple));
    return tuple;
}

/* A numeric host of the socket's family, "%index" allowed behind IPv6. */
int sip_udp_parse_host(PyObject *host, sa_family_t family, struct sip_near *out) {
    char copy[INET6_ADDRSTRLEN + 12];
    struct sip_py_view view;
    if (sip_py_view(host, &view) < 0) return -1;
    size_t size = view.text.size;
    bool fits = size < sizeof copy;
    if (fits) memcpy(copy, view.text.at, size);
    Py_XDECREF(view.holder);
    copy[fits ? size : 0] = 0;
    *out = (struct sip_near){.family = family};
    char *percent = family == AF_INET6 ? strchr(copy, '%') : NULL;
    if (percent) {
        struct sip_slice scope = {percent + 1, strlen(percent + 1)};
        *percent = 0;
        fits = fits && sip_number(scope, UINT32_MAX, &out->scope) == SIP_OK;
    }
    if (fits && (percent || strlen(copy) == size) && inet_pton(family, copy, family == AF_INET ?
            (void *)&out->v4 : (void *)&out->v6) == 1)
        return 0;
    PyErr_Format(PyExc_ValueError, "%R is not a numeric %s address", host, family == AF_INET ? "IPv4" : "IPv6");
    return -1;
}

static int parse_destination(PyObject *destination, sa_family_t family, union sip_sockaddr *to) {
    struct sip_near host;
    if (!PyTuple_Check(destination) || PyTuple_GET_SIZE(destination) != 2) {
        PyErr_SetString(PyExc_TypeError, "destination is (host, port)");
        return -1;
    }
    if (sip_udp_parse_host(PyTuple_GET_ITEM(destination, 0), family, &host) < 0) return -1;
    long port = PyLong_AsLong(PyTuple_GET_ITEM(destination, 1));
    if (port == -1 && PyErr_Occurred()) return -1;
    if (port < 0 || port > 65535) {
        PyErr_SetString(PyExc_ValueError, "port out of range");
        return -1;
    }
    memset(to, 0, sizeof *to);
    if (family == AF_INET)
        to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host.v4};
    else
        to->v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = host.v6, .sin6_scope_id = host.scope};
    return 0;
}

/* By identity of the tuple first: the same object leads to the same address. */
int sip_udp_destination(UdpObject *self, PyObject *destination, union sip_sockaddr *to) {
    struct sip_place *place = &self->to[((uintptr_t)destination >> 4) & (SIP_PLACES - 1)];
    if (place->tuple == destination) {
        *to = place->address;
        return 0;
    }
    if (parse_destination(destination, self->family, to) < 0) return -1;
    place->address = *to;
    Py_XSETREF(place->tuple, Py_NewRef(destination));
    return 0;
}

bool sip_udp_same_near(const struct sip_near *a, const struct sip_near *b) {
    if (a->family != b->family || a->scope != b->scope) return false;
    return a->family == AF_INET ? a->v4.s_addr == b->v4.s_addr : !memcmp(&a->v6, &b->v6, sizeof a->v6);
}

PyObject *sip_udp_near_host(UdpObject *self, const struct sip_near *near) {
    if (self->near_host && sip_udp_same_near(&self->near, near)) return Py_NewRef(self->near_host);
    PyObject *host = near->family == AF_INET    ? host_str(AF_INET, &near->v4, 0)
                     : near->family == AF_INET6 ? host_str(AF_INET6, &near->v6, near->scope)
                                                : PyUnicode_FromString("");
    if (!host) return NULL;
    self->near = *near;
    Py_XSETREF(self->near_host, Py_NewRef(host));
    return host;
}
