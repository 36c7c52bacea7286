/* The pcap file format: packets as UDP over IP, as they came over the wire. */
#ifndef RELAY_PCAP_H
#define RELAY_PCAP_H

#include <stddef.h>

#include "relay_address.h"

enum { RELAY_PCAP_FILE_HEADER = 24, RELAY_PCAP_MOST_HEADER = 16 + 40 + 8 };

/* The file's first bytes; returns how many. */
size_t relay_pcap_begin(uint8_t *out);

/* What stands before a packet's ``kept`` bytes out of ``size``; returns how many bytes that are. */
size_t relay_pcap_header(uint8_t out[RELAY_PCAP_MOST_HEADER], uint64_t unix_ns, const union relay_address *from,
                         const union relay_address *to, const uint8_t *data, uint32_t size, uint32_t kept);

#endif
