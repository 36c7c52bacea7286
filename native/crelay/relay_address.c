#include "relay_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

void relay_address_host(const union relay_address *address, struct relay_host *host)
{
    memset(host, 0, sizeof *host);
    host->family = address->any.sa_family;
    if (host->family == AF_INET)
        memcpy(host->bytes, &address->v4.sin_addr, 4);
    else if (host->family == AF_INET6)
        memcpy(host->bytes, &address->v6.sin6_addr, 16);
}

bool relay_address_wildcard(const union relay_address *address)
{
    static const uint8_t zero[16];
    return relay_address_on(address, zero, AF_INET) || relay_address_on(address, zero, AF_INET6);
}

void relay_address_put_host(union relay_address *address, const struct relay_host *host)
{
    if (host->family == AF_INET && address->any.sa_family == AF_INET)
        memcpy(&address->v4.sin_addr, host->bytes, 4);
    else if (host->family == AF_INET6 && address->any.sa_family == AF_INET6)
        memcpy(&address->v6.sin6_addr, host->bytes, 16);
}

bool relay_address_next_port(const union relay_address *address, union relay_address *next)
{
    uint16_t port = ntohs(address->v4.sin_port); /* the port lies at the same offset in both families */
    *next = *address;
    next->v4.sin_port = htons(port + 1);
    return port != UINT16_MAX;
}

static uint32_t parse_scope(const char *scope)
{
    char *end;
    unsigned long number = strtoul(scope, &end, 10);
    return *scope != '\0' && *end == '\0' ? (uint32_t)number : if_nametoindex(scope);
}

bool relay_address_parse(const char *host, uint16_t port, union relay_address *address)
{
    char plain[RELAY_ADDRESS_TEXT];
    size_t length = strlen(host);
    if (length >= sizeof plain)
        return false;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return true;
    }
    memcpy(plain, host, length + 1);
    char *scope = strchr(plain, '%');
    if (scope != NULL)
        *scope++ = '\0';
    if (inet_pton(AF_INET6, plain, &address->v6.sin6_addr) != 1)
        return false;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    address->v6.sin6_scope_id = scope != NULL ? parse_scope(scope) : 0;
    return scope == NULL || address->v6.sin6_scope_id != 0;
}

/* inet_ntop goes through printf, and a report has many addresses. */
static void format_v4(const uint8_t bytes[4], char *text)
{
    for (int i = 0; i < 4; i++) {
        if (bytes[i] >= 100)
            *text++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *text++ = (char)('0' + bytes[i] / 10 % 10);
        *text++ = (char)('0' + bytes[i] % 10);
        *text++ = i < 3 ? '.' : '\0';
    }
}

uint16_t relay_address_format(const union relay_address *address, char *text)
{
    text[0] = '\0';
    if (address->any.sa_family == AF_INET)
        format_v4((const uint8_t *)&address->v4.sin_addr, text);
    else if (address->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &address->v6.sin6_addr, text, RELAY_ADDRESS_TEXT);
    if (address->any.sa_family == AF_INET6 && address->v6.sin6_scope_id != 0) {
        size_t used = strlen(text);
        snprintf(text + used, RELAY_ADDRESS_TEXT - used, "%%%u", address->v6.sin6_scope_id);
    }
    return ntohs(address->v4.sin_port);
}
