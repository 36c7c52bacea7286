/* Bencode looked at as it was written. */
#include "relay_bencode_walk.h"

#include <string.h>

#define MAX_DEPTH 16
#define MAX_LENGTH_DIGITS 7

bool relay_read_string(struct relay_walk *in, struct relay_written *string)
{
    Py_ssize_t size = 0;
    const char *at = in->at;
    while (at < in->end && at - in->at < MAX_LENGTH_DIGITS && *at >= '0' && *at <= '9')
        size = size * 10 + (*at++ - '0');
    if (at == in->at || at >= in->end || *at != ':' || size > in->end - at - 1)
        return false;
    *string = (struct relay_written){at + 1, size};
    in->at = at + 1 + size;
    return true;
}

bool relay_skip_value(struct relay_walk *in, int depth)
{
    struct relay_written string;
    char kind = in->at < in->end ? *in->at : 0;
    if (kind == 'i') {
        const char *end = memchr(in->at, 'e', (size_t)(in->end - in->at));
        in->at = end != NULL ? end + 1 : in->end;
        return end != NULL;
    }
    if (kind != 'l' && kind != 'd')
        return relay_read_string(in, &string);
    for (in->at++; depth < MAX_DEPTH && !relay_at_end(in);)
        if (!relay_skip_value(in, depth + 1))
            return false;
    return in->at < in->end && *in->at++ == 'e';
}
