/* What native.relay tells of the fast path and is told of it. */
#include <ifaddrs.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>

#include "relay_module.h"

bool relay_object_use_fast(struct relay *relay, PyObject *maps_and_interfaces)
{
    int pairs, legs;
    PyObject *interfaces;
    if (!PyArg_ParseTuple(maps_and_interfaces, "iiO!", &pairs, &legs, &PyList_Type, &interfaces))
        return false;
    enum relay_error error = relay_use_fast(relay, pairs, legs);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(interfaces) && error == RELAY_OK; i++) {
        unsigned long number = PyLong_AsUnsignedLong(PyList_GET_ITEM(interfaces, i));
        if (PyErr_Occurred())
            return false;
        error = relay_use_fast_at(relay, (uint32_t)number);
    }
    if (error != RELAY_OK)
        relay_fail(error, 0);
    return error == RELAY_OK;
}

PyObject *relay_object_scan_fast(RelayObject *self, PyObject *arguments)
{
    struct relay *relay = relay_made(self);
    int begin = true;
    bool more;
    if (relay == NULL || !PyArg_ParseTuple(arguments, "|p", &begin))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    more = relay_scan_fast(relay, begin);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(more);
}

PyObject *relay_object_get_fast(RelayObject *self, void *Py_UNUSED(unused))
{
    struct relay_fast_status status;
    const uint32_t *refused = status.refused;
    if (relay_made(self) == NULL)
        return NULL;
    relay_get_fast(self->relay, &status);
    return PyObject_CallFunction(relay_fast_type, "IIIIIII", status.on, refused[RELAY_FAST_UNSETTLED], refused[RELAY_FAST_TREATED],
                                 refused[RELAY_FAST_CHAINED], refused[RELAY_FAST_ROUTE], refused[RELAY_FAST_PACKET],
                                 refused[RELAY_FAST_BUSY]);
}

/* The interface's number when it has Ethernet headers, as loopback has. */
static uint32_t number_of(const struct ifaddrs *all, const char *name)
{
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_PACKET || strcmp(each->ifa_name, name) != 0)
            continue;
        const struct sockaddr_ll *link = (const void *)each->ifa_addr;
        return link->sll_hatype == ARPHRD_ETHER || link->sll_hatype == ARPHRD_LOOPBACK ? (uint32_t)link->sll_ifindex : 0;
    }
    return 0;
}

PyObject *relay_interface_of(PyObject *Py_UNUSED(module), PyObject *host)
{
    union relay_address address;
    struct relay_host wanted;
    struct ifaddrs *all;
    uint32_t number = 0;
    const char *text = PyUnicode_AsUTF8(host);
    if (text == NULL || !relay_parse_address(text, 0, &address))
        return NULL;
    relay_address_host(&address, &wanted);
    if (getifaddrs(&all) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    for (const struct ifaddrs *each = all; each != NULL && number == 0; each = each->ifa_next)
        if (each->ifa_addr != NULL && each->ifa_addr->sa_family == wanted.family &&
            relay_address_on((const union relay_address *)each->ifa_addr, wanted.bytes, (int)wanted.family))
            number = number_of(all, each->ifa_name);
    freeifaddrs(all);
    return PyLong_FromUnsignedLong(number);
}
