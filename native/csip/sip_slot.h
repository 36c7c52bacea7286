/* Which of several processes a message is for, read from its bytes before anything is parsed. */
#ifndef SIP_SLOT_H
#define SIP_SLOT_H

#include "sip_base.h"

/* CRC-32 of the Call-ID, so that all messages of a call agree; of a REGISTER that of the user in its To, so that the
 * bindings of an address-of-record have one writer, however the address is written. -1 when the header is not there. */
int64_t sip_call_slot(struct sip_slice message);

#endif
