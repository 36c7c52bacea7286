/* Checks of slices, for the fuzz targets of native.sip. */
#ifndef SLICES_H
#define SLICES_H

#include "../check.h"
#include "sip_base.h"

static inline void inside(struct sip_slice part, struct sip_slice whole) {
    if (part.size) CHECK(part.at >= whole.at && part.at + part.size <= whole.at + whole.size);
}

#endif
