/* Texts that were put there lately, as long as there is room: whether one of them is. In memory of its own, since strings that stay,
 * scattered among those that go, keep the interpreter from giving any of theirs back. */
#ifndef SIP_TEXTS_H
#define SIP_TEXTS_H

#include "sip_py.h"

typedef struct TextsObject TextsObject;

extern PyTypeObject sip_texts_type;

bool sip_texts_has(const TextsObject *self, PyObject *text);

#endif
