/* The same of what native.sip read. */
#ifndef REQUIRE_SIP_H
#define REQUIRE_SIP_H

#include "require.h"
#include "sip_base.h"

static inline void inside(struct sip_slice part, struct sip_slice whole) {
    if (part.size) REQUIRE(part.at >= whole.at && part.at + part.size <= whole.at + whole.size);
}

#endif
