/* The record is MessagePack: an array of one array, the fields of sipcore.location.Binding in their order. */
#include "sip_binding.h"

#define SCHEMA 2
#define FIELDS 16

enum { FIXSTR = 0xa0, STR8 = 0xd9, STR16 = 0xda, UINT8 = 0xcc, FLOAT64 = 0xcb, FALSE = 0xc2, TRUE = 0xc3 };
static const char head[] = {(char)0x91, (char)0xdc, 0, FIELDS};
static const char plain_end[] = {0, 1, (char)FIXSTR, 0, (char)0x90}; /* connection_id, q, instance, reg_id, path */

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
    if (kind == STR8 || kind == STR16)
        size = take_number(in, kind == STR8 ? 1 : 2);
    else if ((kind & 0xe0) != FIXSTR)
        in->failed = true;
    struct sip_slice text = {(const char *)in->at, (size_t)size};
    if (in->failed || (size_t)(in->end - in->at) < size) {
        in->failed = true;
        return (struct sip_slice){NULL, 0};
    }
    in->at += size;
    return text;
}

/* What isn't negative, up to 64 bits; of a float its whole part. */
static uint64_t take_unsigned(struct reader *in) {
    uint64_t kind = take_number(in, 1);
    if (kind < 0x80) return kind;
    if (kind >= UINT8 && kind <= UINT8 + 3) return take_number(in, (size_t)1 << (kind - UINT8));
    if (kind == FLOAT64) {
        uint64_t bits = take_number(in, 8);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (number >= 0 && number < 9e15) return (uint64_t)number;
    }
    in->failed = true;
    return 0;
}

static bool take_flag(struct reader *in) {
    uint64_t kind = take_number(in, 1);
    in->failed |= kind != FALSE && kind != TRUE;
    return kind == TRUE;
}

bool sip_binding_read(struct sip_slice record, struct sip_binding *binding) {
    if (record.size < sizeof head || memcmp(record.at, head, sizeof head)) return false;
    const uint8_t *from = (const uint8_t *)record.at;
    struct reader in = {from + sizeof head, from + record.size, false};
    binding->contact = take_text(&in);
    binding->call_id = take_text(&in);
    uint64_t cseq = take_unsigned(&in);
    binding->cseq = (uint32_t)cseq;
    binding->expires_at = take_unsigned(&in);
    if (take_unsigned(&in) != SCHEMA) return false;
    binding->registered_at = take_unsigned(&in);
    binding->listener = (uint32_t)take_unsigned(&in);
    binding->remote_host = take_text(&in);
    binding->remote_port = (uint32_t)take_unsigned(&in);
    binding->user_agent = take_text(&in);
    binding->natted = take_flag(&in);
    if (in.failed || cseq > UINT32_MAX) return false;
    return (size_t)(in.end - in.at) == sizeof plain_end && !memcmp(in.at, plain_end, sizeof plain_end);
}

/* --- writing --- */

static char *put_number(char *out, uint64_t number, size_t size) {
    for (size_t i = size; i--; number >>= 8) out[i] = (char)number;
    return out + size;
}

static char *put_unsigned(char *out, uint64_t number) {
    if (number < 0x80) return put_number(out, number, 1);
    int power = number <= UINT8_MAX ? 0 : number <= UINT16_MAX ? 1 : number <= UINT32_MAX ? 2 : 3;
    *out = (char)(UINT8 + power);
    return put_number(out + 1, number, (size_t)1 << power);
}

static char *put_text(char *out, struct sip_slice text) {
    if (text.size < 32) {
        *out++ = (char)(FIXSTR | text.size);
    } else {
        *out++ = (char)(text.size <= UINT8_MAX ? STR8 : STR16);
        out = put_number(out, text.size, text.size <= UINT8_MAX ? 1 : 2);
    }
    if (text.size) memcpy(out, text.at, text.size);
    return out + text.size;
}

size_t sip_binding_write(const struct sip_binding *binding, char *out) {
    char *at = out;
    memcpy(at, head, sizeof head);
    at = put_text(at + sizeof head, binding->contact);
    at = put_text(at, binding->call_id);
    at = put_unsigned(at, binding->cseq);
    at = put_unsigned(at, binding->expires_at);
    at = put_unsigned(at, SCHEMA);
    at = put_unsigned(at, binding->registered_at);
    at = put_unsigned(at, binding->listener);
    at = put_text(at, binding->remote_host);
    at = put_unsigned(at, binding->remote_port);
    at = put_text(at, binding->user_agent);
    *at++ = (char)(binding->natted ? TRUE : FALSE);
    memcpy(at, plain_end, sizeof plain_end);
    return (size_t)(at - out) + sizeof plain_end;
}
