/* A record is MessagePack: an array of arrays, which hold the fields of sipcore.location.Binding in their order. */
#include "sip_binding.h"

#include "sip_pack.h"

#define SCHEMA 2
#define FIELDS 16

static const char head[] = {(char)0xdc, 0, FIELDS};
static const char no_path[] = {(char)SIP_PACK_FIXARRAY};

/* --- reading --- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t take_number(struct reader *in, size_t size) {
    uint64_t number = 0;
    if ((size_t)(in->end - in->at) < size) in->failed = true;
    for (size_t i = 0; i < size && !in->failed; i++) number = number << 8 | *in->at++;
    return number;
}

static struct sip_slice take_text(struct reader *in) {
    uint64_t kind = take_number(in, 1), size = kind & 31;
    if (kind == SIP_PACK_STR8 || kind == SIP_PACK_STR16)
        size = take_number(in, kind == SIP_PACK_STR8 ? 1 : 2);
    else if ((kind & 0xe0) != SIP_PACK_FIXSTR)
        in->failed = true;
    struct sip_slice text = {(const char *)in->at, (size_t)size};
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return (struct sip_slice){NULL, 0};
    }
    in->at += size;
    return text;
}

/* What isn't negative, up to 64 bits; `kind` is its first byte. */
static uint64_t take_rest(struct reader *in, uint64_t kind) {
    if (kind >= SIP_PACK_UINT8 && kind <= SIP_PACK_UINT8 + 3) return take_number(in, (size_t)1 << (kind - SIP_PACK_UINT8));
    in->failed |= kind >= 0x80;
    return kind;
}

static uint64_t take_unsigned(struct reader *in) { return take_rest(in, take_number(in, 1)); }

/* Such a number, or a float. */
static double take_time(struct reader *in) {
    double number;
    uint64_t kind = take_number(in, 1), bits;
    if (kind != SIP_PACK_FLOAT64) return (double)take_rest(in, kind);
    bits = take_number(in, 8);
    memcpy(&number, &bits, sizeof number);
    in->failed |= !(number >= 0 && number < 9e15); /* NaN too */
    return number;
}

static bool take_flag(struct reader *in) {
    uint64_t kind = take_number(in, 1);
    in->failed |= kind != SIP_PACK_FALSE && kind != SIP_PACK_TRUE;
    return kind == SIP_PACK_TRUE;
}

static void take_exactly(struct reader *in, const char *bytes, size_t size) {
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, bytes, size))
        in->failed = true;
    else
        in->at += size;
}

static void take_path(struct reader *in, struct sip_binding *binding) {
    uint64_t kind = take_number(in, 1);
    const char *from = (const char *)in->at;
    binding->path_count = kind & 15;
    in->failed |= (kind & ~(uint64_t)15) != SIP_PACK_FIXARRAY;
    for (uint32_t i = 0; i < binding->path_count && !in->failed; i++) take_text(in);
    binding->path = sip_slice_of(from, (const char *)in->at);
}

bool sip_binding_next_path(struct sip_slice *rest, struct sip_slice *value) {
    struct reader in = {(const uint8_t *)rest->at, (const uint8_t *)rest->at + rest->size, false};
    if (!rest->size) return false;
    *value = take_text(&in);
    *rest = sip_slice_of((const char *)in.at, (const char *)in.end);
    return !in.failed;
}

static void take_binding(struct reader *in, struct sip_binding *binding) {
    const char *from = (const char *)in->at;
    take_exactly(in, head, sizeof head);
    binding->contact = take_text(in);
    binding->call_id = take_text(in);
    uint64_t cseq = take_unsigned(in);
    binding->cseq = (uint32_t)cseq;
    binding->expires_at = take_time(in);
    in->failed |= take_unsigned(in) != SCHEMA || cseq > UINT32_MAX;
    binding->registered_at = take_time(in);
    binding->listener = (uint32_t)take_unsigned(in);
    binding->remote_host = take_text(in);
    binding->remote_port = (uint32_t)take_unsigned(in);
    binding->user_agent = take_text(in);
    binding->natted = take_flag(in);
    binding->connection_id = take_unsigned(in);
    in->failed |= take_time(in) != 1.0; /* q */
    binding->instance = take_text(in);
    binding->reg_id = (uint32_t)take_unsigned(in);
    take_path(in, binding);
    binding->whole = sip_slice_of(from, (const char *)in->at);
}

/* How many bindings the record begins with; 0 when they are too many. */
static size_t take_count(struct reader *in) {
    uint64_t kind = take_number(in, 1);
    return (kind & ~(uint64_t)SIP_RECORD_MAX) == SIP_PACK_FIXARRAY ? kind & SIP_RECORD_MAX : 0;
}

bool sip_record_read(struct sip_slice text, struct sip_record *record) {
    struct reader in = {(const uint8_t *)text.at, (const uint8_t *)text.at + text.size, false};
    record->count = take_count(&in);
    for (size_t i = 0; i < record->count && !in.failed; i++) take_binding(&in, &record->bindings[i]);
    return record->count && !in.failed && in.at == in.end;
}

/* --- writing --- */

static char *put_text(char *out, struct sip_slice text) {
    out = sip_pack_text(out, text.size);
    if (text.size) memcpy(out, text.at, text.size);
    return out + text.size;
}

static char *put_binding(char *at, const struct sip_binding *binding) {
    memcpy(at, head, sizeof head);
    at = put_text(at + sizeof head, binding->contact);
    at = put_text(at, binding->call_id);
    at = sip_pack_unsigned(at, binding->cseq);
    at = sip_pack_unsigned(at, (uint64_t)binding->expires_at);
    at = sip_pack_unsigned(at, SCHEMA);
    at = binding->instance.size ? sip_pack_double(at, binding->registered_at) : sip_pack_unsigned(at, (uint64_t)binding->registered_at);
    at = sip_pack_unsigned(at, binding->listener);
    at = put_text(at, binding->remote_host);
    at = sip_pack_unsigned(at, binding->remote_port);
    at = put_text(at, binding->user_agent);
    *at++ = (char)(binding->natted ? SIP_PACK_TRUE : SIP_PACK_FALSE);
    at = sip_pack_unsigned(sip_pack_unsigned(at, binding->connection_id), 1); /* q */
    at = sip_pack_unsigned(put_text(at, binding->instance), binding->reg_id);
    memcpy(at, no_path, sizeof no_path);
    return at + sizeof no_path;
}

size_t sip_record_room(const struct sip_record *record, size_t changed) {
    const struct sip_binding *new = &record->bindings[changed];
    size_t room = 1 + SIP_BINDING_MAX_HEAD;
    room += new->contact.size + new->call_id.size + new->remote_host.size + new->user_agent.size + new->instance.size;
    for (size_t i = 0; i < record->count; i++)
        if (i != changed) room += record->bindings[i].whole.size;
    return room;
}

size_t sip_record_write(const struct sip_record *record, size_t changed, char *out) {
    char *at = out;
    *at++ = (char)(SIP_PACK_FIXARRAY | record->count);
    for (size_t i = 0; i < record->count; i++) {
        const struct sip_binding *binding = &record->bindings[i];
        if (i == changed) {
            at = put_binding(at, binding);
        } else {
            memcpy(at, binding->whole.at, binding->whole.size);
            at += binding->whole.size;
        }
    }
    return (size_t)(at - out);
}
