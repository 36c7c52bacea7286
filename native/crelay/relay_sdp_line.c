/* Lines of a session description, and words of those. */
#include "relay_sdp.h"

#include <strings.h>

struct relay_span relay_sdp_trim(struct relay_span body)
{
    while (body.size > 0 && (body.at[body.size - 1] == '\n' || body.at[body.size - 1] == '\r'))
        body.size--;
    return body;
}

bool relay_sdp_next(struct relay_span *rest, struct relay_span *line)
{
    if (rest->size == 0)
        return false;
    const char *end = memchr(rest->at, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->at) : rest->size, taken = end != NULL ? size + 1 : size;
    *line = (struct relay_span){rest->at, size};
    if (end != NULL && size > 0 && end[-1] == '\r')
        line->size--;
    *rest = (struct relay_span){rest->at + taken, rest->size - taken};
    return true;
}

enum relay_sdp_problem relay_sdp_read_line(struct relay_span text, struct relay_sdp_line *line)
{
    if (text.size == 0)
        return RELAY_SDP_EMPTY_LINE;
    if (text.size < 2 || text.at[0] < 'a' || text.at[0] > 'z' || text.at[1] != '=')
        return RELAY_SDP_FORM;
    if (memchr(text.at, '\r', text.size) != NULL || memchr(text.at, 0, text.size) != NULL)
        return RELAY_SDP_CONTROL;
    *line = (struct relay_sdp_line){.text = text, .name = {text.at, 2}, .value = relay_span_from(text, 2)};
    if (text.at[0] == 'a') {
        const char *colon = memchr(line->value.at, ':', line->value.size);
        line->name = line->value;
        line->value = relay_span_from(line->value, line->value.size);
        if (colon != NULL) {
            line->value = relay_span_from(line->name, (size_t)(colon + 1 - line->name.at));
            line->name.size = (size_t)(colon - line->name.at);
        }
    }
    return RELAY_SDP_FINE;
}

struct relay_span relay_sdp_word(struct relay_span *rest)
{
    size_t start = 0, end;
    if (rest->size == 0)
        return *rest; /* which may be nowhere */
    while (start < rest->size && relay_is_space(rest->at[start]))
        start++;
    for (end = start; end < rest->size && !relay_is_space(rest->at[end]);)
        end++;
    struct relay_span word = {rest->at + start, end - start};
    *rest = relay_span_from(*rest, end);
    return word;
}

bool relay_span_has(struct relay_span span, const char *text)
{
    size_t size = strlen(text);
    for (; span.size >= size; span = relay_span_from(span, 1))
        if (strncasecmp(span.at, text, size) == 0)
            return true;
    return false;
}
