/* A message as a table of its header lines over the bytes received, and the edits to it.
 *
 * `raw` is borrowed and must outlive the message. An edited or new line lives in `text`, a buffer the message owns; the
 * table says which of the two a line is in. So every read sees the edits, and a line nobody touched leaves as it came.
 * Table and text begin within the message and go to the heap when they outgrow it, so a message must not be moved.
 * `body` is borrowed too: of `raw`, or whatever sip_set_body was given. */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#include "sip_addr.h"
#include "sip_names.h"

enum { SIP_LINE_EDITED = 1, SIP_LINE_FOLDED = 2, SIP_LINE_BARE_LF = 4 };

struct sip_line {
    uint32_t at;         /* in raw, or in text when edited */
    uint16_t size;       /* folding and line ends included */
    uint16_t name_size;  /* the name begins the line */
    uint16_t value_at;   /* from `at`; the value is trimmed but still folded */
    uint16_t value_size;
    uint8_t id;          /* enum sip_name */
    uint8_t flags;
};

/* What is asked for again and again, once it was parsed. Its slices lie in raw or text, so an edit of such a line ends it, and
 * so does `text` when it moves. Not part of what the message says: readers fill it in. */
struct sip_known {
    bool via, from, to, uri, cseq, contact; /* whether it is known; the rest is not read else */
    struct sip_via top_via;
    struct sip_slice from_tag;
    struct sip_slice from_uri;
    struct sip_slice to_tag;
    struct sip_uri to_uri;
    struct sip_uri request_uri;
    uint32_t cseq_number;
    struct sip_slice cseq_method;
    struct sip_addr first_contact;
};

enum { SIP_OWN_LINES = 24, SIP_OWN_TEXT = 768 }; /* of most messages, with what a proxy adds */

struct sip_message {
    const char *raw;
    uint32_t raw_size;
    uint32_t start_at;   /* behind leading empty lines */
    uint32_t start_size; /* with line end */
    uint32_t uri_at;     /* in raw, or in text when uri_edited */
    uint32_t uri_size;
    uint32_t raw_uri_at; /* as received, both */
    uint32_t raw_uri_size;
    uint32_t method_size; /* request: the method begins the start line */
    uint32_t reason_at;
    uint32_t reason_size;
    uint32_t version_at; /* behind "SIP/" */
    uint32_t version_size;
    uint32_t end_at; /* the empty line */
    uint32_t end_size;
    uint32_t trailing; /* bytes behind the body */
    uint16_t status;   /* 0 for a request */
    bool uri_edited;
    bool edited;
    bool bare_lf; /* a line before the body ends without CR */
    const char *body;
    uint32_t body_size;
    uint32_t line_count;
    uint32_t line_room;
    struct sip_line *lines;
    char *text;
    uint32_t text_size;
    uint32_t text_room;
    struct sip_known known;
    struct sip_line own_lines[SIP_OWN_LINES];
    char own_text[SIP_OWN_TEXT];
};

/* Which header, or SIP_OTHER for start line and framing. */
struct sip_fault {
    enum sip_error error;
    enum sip_name header;
};

/* Scans one datagram, or one framed message. On failure nothing is owned and sip_message_free is allowed but not needed. */
struct sip_fault sip_message_scan(struct sip_message *message, const char *raw, size_t size);

/* A message with a bare LF as it is to be kept: its lines end with CRLF. Readers that know no other line end would take the header
 * behind an LF for a part of the one before, and miss what we put there. `out` has room for that size. */
size_t sip_with_crlf_size(const struct sip_message *message);
void sip_with_crlf(const struct sip_message *message, char *out);

/* Takes what can be read of bytes sip_message_scan refused: bad lines, limits and lengths are passed over. SIP_NOT_SIP when it
 * can't have been a request. The start line may be empty then. */
enum sip_error sip_message_salvage(struct sip_message *message, const char *raw, size_t size);

/* On failure `copy` owns nothing. */
enum sip_error sip_message_copy(struct sip_message *copy, const struct sip_message *message);
void sip_message_free(struct sip_message *message);

/* Without lines and text. */
void sip_message_clear(struct sip_message *message);

/* Of lines in `text`, which is going to be elsewhere. */
void sip_forget_known_in(struct sip_message *message, const char *text, size_t size);

/* Length of the message at the front of a stream's bytes, in *length. SIP_INCOMPLETE: nothing wrong so far. */
struct sip_fault sip_frame(const char *data, size_t size, size_t *length);

/* Reading. Slices point into raw or text and die with the next edit. */
static inline const char *sip_line_start(const struct sip_message *message, const struct sip_line *line) {
    return (line->flags & SIP_LINE_EDITED ? message->text : message->raw) + line->at;
}
static inline struct sip_slice sip_line_name(const struct sip_message *message, const struct sip_line *line) {
    return (struct sip_slice){sip_line_start(message, line), line->name_size};
}
static inline struct sip_slice sip_line_value(const struct sip_message *message, const struct sip_line *line) {
    return (struct sip_slice){sip_line_start(message, line) + line->value_at, line->value_size};
}
struct sip_slice sip_message_uri(const struct sip_message *message);

/* A header name somebody asks for: id, and the text when the id is SIP_OTHER. */
struct sip_wanted {
    enum sip_name id;
    struct sip_slice name;
};
struct sip_wanted sip_want(struct sip_slice name);
static inline struct sip_wanted sip_known(enum sip_name id) { return (struct sip_wanted){id, sip_name_text(id)}; }

/* Index of the first line from `from` on with that name, or line_count. */
uint32_t sip_line_find(const struct sip_message *message, struct sip_wanted wanted, uint32_t from);

static inline bool sip_has_line(const struct sip_message *message, enum sip_name id) {
    return sip_line_find(message, (struct sip_wanted){.id = id}, 0) < message->line_count;
}

#define SIP_EACH_LINE(i, message, wanted) \
    for (uint32_t i = sip_line_find(message, wanted, 0); i < (message)->line_count; i = sip_line_find(message, wanted, i + 1))

/* Editing (sip_edit.c). SIP_NO_MEMORY and SIP_LINE_TOO_LONG leave the message as it was. */
enum sip_error sip_line_insert(struct sip_message *message, uint32_t index, struct sip_wanted name, struct sip_slice value);
void sip_line_remove(struct sip_message *message, uint32_t index);
/* Replaces `old`, a slice of the value of that line, by `new`. */
enum sip_error sip_line_splice(struct sip_message *message, uint32_t index, struct sip_slice old, struct sip_slice new);
enum sip_error sip_push(struct sip_message *message, struct sip_wanted name, struct sip_slice value);
enum sip_error sip_append(struct sip_message *message, struct sip_wanted name, struct sip_slice value);
enum sip_error sip_set(struct sip_message *message, struct sip_wanted name, struct sip_slice value);
enum sip_error sip_set_number(struct sip_message *message, enum sip_name id, uint32_t number);
void sip_remove(struct sip_message *message, struct sip_wanted wanted);
enum sip_error sip_pop_first(struct sip_message *message, enum sip_name id); /* SIP_MISSING when there is no value */
enum sip_error sip_pop_last(struct sip_message *message, enum sip_name id);
enum sip_error sip_set_uri(struct sip_message *message, struct sip_slice uri);
void sip_set_body(struct sip_message *message, const char *body, size_t size);

/* Writing (sip_write.c): sip_written_size bytes into `out`. */
size_t sip_written_size(const struct sip_message *message, bool add_length);
void sip_write(const struct sip_message *message, bool add_length, char *out);

#endif
