/* Objects that are their fields: made from keywords, compared, shown, and written as MessagePack, all by one table. */
#ifndef SIP_FIELDS_H
#define SIP_FIELDS_H

#include "sip_buffer.h"
#include "sip_py.h"
#include "structmember.h"

/* What a field holds at first: an object of the same type is all that the constructor takes, but for SIP_NONE. */
enum sip_default { SIP_ZERO, SIP_NONE, SIP_TEXT_FIELD, SIP_LIST, SIP_TUPLE, SIP_OWN };

struct sip_field {
    const char *name;
    int kind; /* of PyMemberDef: T_OBJECT_EX for all but SIP_ZERO, else T_INT, T_LONGLONG, T_DOUBLE or T_BOOL */
    size_t offset;
    enum sip_default first;
    PyObject *(*own)(void); /* of SIP_OWN: makes it */
};

/* In the order they are stored in: new ones come last. Records end with the last field that holds another value than at first. */
struct sip_fields {
    const struct sip_field *all;
    size_t count;
    PyMemberDef *members;  /* room for count + 1 */
    PyObject **firsts;     /* room for count */
    PyTypeObject *type;
};

/* Fills tp_members, tp_new, tp_dealloc, tp_setattro, tp_richcompare and tp_repr, and the type's FIELDS, a tuple of names. -1 with an
 * exception. */
int sip_fields_ready(struct sip_fields *fields);

/* All fields as they are at first. */
PyObject *sip_fields_new(const struct sip_fields *fields);
/* What sip_fields_ready made known, of an object. NULL: it has none. */
const struct sip_fields *sip_fields_of(PyObject *object);

/* A dict of what isn't as at first. */
PyObject *sip_fields_as_dict(PyObject *self, PyObject *unused);
/* Bytes: an array of the fields. Text that isn't UTF-8 is written as bytes. TypeError for what has no form there. */
PyObject *sip_fields_packed(PyObject *self, PyObject *unused);

bool sip_field_is_first(const struct sip_fields *fields, PyObject *self, size_t i);
int sip_fields_pack(struct sip_buffer *out, PyObject *self); /* sip_fields_pack.c */

#endif
