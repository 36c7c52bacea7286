/* Whether credentials are right and fresh (RFC 7616 section 3.4, RFC 3261 section 22). */
#include "sip_chars.h"
#include "sip_digest_type.h"
#include "sip_mac.h"

#define STAMP_DIGITS 8 /* a nonce's fields begin with the second it was issued, in hex */
#define MAX_SECRETS 4096 /* of each algorithm, kept */

/* --- freshness --- */

static bool read_stamp(struct sip_slice fields, long long *issued_s) {
    uint32_t number;
    if (fields.size < STAMP_DIGITS || !sip_hex((struct sip_slice){fields.at, STAMP_DIGITS}, &number)) return false;
    *issued_s = number;
    return true;
}

/* 1 when the nonce is one of ours for this realm, with the second it was issued; -1 with an exception. */
static int unseal(DigestObject *self, struct sip_slice nonce, long long *issued_s) {
    struct sip_py_view realm;
    struct sip_slice fields;
    if (!nonce.size || (unsigned char)*nonce.at & 0x80) return 0;
    PyObject *id = PyUnicode_FromStringAndSize(nonce.at, 1), *mac = id ? PyDict_GetItemWithError(self->macs, id) : NULL;
    Py_XDECREF(id);
    const uint8_t *key = mac ? sip_mac_key(mac) : NULL;
    if (!key) return PyErr_Occurred() ? -1 : 0;
    if (sip_py_view(self->realm, &realm) < 0) return -1;
    enum sip_error error = sip_unseal(key, (struct sip_slice){nonce.at + 1, nonce.size - 1}, realm.text, &fields);
    Py_XDECREF(realm.holder);
    if (error != SIP_OK) {
        PyErr_NoMemory();
        return -1;
    }
    return fields.at && read_stamp(fields, issued_s);
}

/* Not expired, and used with a higher count than ever before (RFC 7616 section 3.4, nc). */
static int is_fresh(DigestObject *self, const struct sip_claim *claim, double now) {
    struct sip_slice nonce = claim->fields[SIP_CLAIM_NONCE];
    long long issued_s;
    int ours = unseal(self, nonce, &issued_s);
    if (ours <= 0) return ours;
    int fresh = sip_nonces_use(&self->nonces, nonce.at + 1, issued_s, sip_claim_use_count(claim), now);
    if (fresh < 0) PyErr_NoMemory();
    return fresh;
}

/* --- the response --- */

/* The algorithm of ours that the credentials are of, borrowed; NULL for none. */
static PyObject *algorithm_of(DigestObject *self, const struct sip_claim *claim) {
    const char *name = sip_claim_hash_name(sip_claim_hash(claim));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->algorithms); i++)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(self->algorithms, i), name) == 0)
            return PyTuple_GET_ITEM(self->algorithms, i);
    return NULL;
}

/* credentials.ha1(username, realm, algorithm) */
static PyObject *stored_ha1(DigestObject *self, PyObject *username, PyObject *algorithm) {
    static struct sip_py_word word_ha1 = {"ha1", NULL};
    PyObject *args[] = {self->credentials, username, self->realm, algorithm};
    return sip_py_call_with(&word_ha1, args, 4);
}

/* As that. Who is unknown takes no room. */
static PyObject *known_ha1(DigestObject *self, PyObject *username, PyObject *algorithm, PyObject *secrets) {
    PyObject *known = PyDict_GetItemWithError(secrets, username);
    if (known || PyErr_Occurred()) return Py_XNewRef(known);
    PyObject *ha1 = stored_ha1(self, username, algorithm);
    if (!ha1 || ha1 == Py_None) return ha1;
    if (PyDict_GET_SIZE(secrets) >= MAX_SECRETS) PyDict_Clear(secrets);
    if (PyDict_SetItem(secrets, username, ha1) < 0) Py_CLEAR(ha1);
    return ha1;
}

/* An unknown user costs what a wrong password costs, and is answered alike. */
static int matches(const struct sip_claim *claim, PyObject *ha1, const struct sip_proof *proof) {
    static const char zeros[SIP_CLAIM_HEX_MAX] = {0};
    struct sip_py_view secret = {{zeros, sip_claim_hash(claim) == SIP_CLAIM_MD5 ? 32 : 64}, NULL};
    if (ha1 != Py_None && sip_py_view(ha1, &secret) < 0) return -1;
    int result = sip_claim_matches(claim, secret.text, proof->method, proof->body);
    Py_XDECREF(secret.holder);
    if (result < 0) PyErr_SetString(PyExc_MemoryError, "the digest can't be computed");
    return result > 0 && ha1 == Py_None ? 0 : result;
}

static PyObject *username_of(DigestObject *self, const struct sip_claim *claim) {
    static struct sip_py_word decode_username = {"decode_username", NULL};
    struct sip_slice plain = claim->fields[SIP_CLAIM_USERNAME], extended = claim->fields[SIP_CLAIM_EXTENDED_USERNAME];
    if (!extended.at) return sip_py_str(plain.at ? plain : SIP_TEXT(""));
    PyObject *first = sip_py_str(extended), *second = first ? sip_py_str_or_none(plain) : NULL;
    PyObject *username = second ? sip_py_call((PyObject *)self, &decode_username, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    if (!username || PyUnicode_Check(username)) return username;
    Py_DECREF(username);
    return PyErr_Format(PyExc_TypeError, "decode_username: a str expected");
}

static int judge(DigestObject *self, const struct sip_claim *claim, PyObject *algorithm, const struct sip_proof *proof, PyObject *username) {
    const char *fault = sip_claim_fault(claim);
    if (fault) {
        sip_py_refuse(fault);
        return -1;
    }
    PyObject *ha1 = known_ha1(self, username, algorithm, self->secrets[sip_claim_hash(claim)]);
    int right = ha1 ? matches(claim, ha1, proof) : -1;
    Py_XDECREF(ha1);
    if (right <= 0) return right < 0 ? -1 : SIP_WORTH_REFUSED;
    int fresh = is_fresh(self, claim, proof->now);
    return fresh < 0 ? -1 : fresh ? SIP_WORTH_ACCEPTED : SIP_WORTH_STALE;
}

static int is_of_realm(DigestObject *self, const struct sip_claim *claim) {
    struct sip_py_view realm;
    struct sip_slice named = claim->fields[SIP_CLAIM_REALM];
    if (sip_py_view(self->realm, &realm) < 0) return -1;
    bool same = named.at && sip_same(named, realm.text);
    Py_XDECREF(realm.holder);
    return same;
}

/* Other schemes, realms and algorithms are passed over: they are for somebody else (RFC 3261 section 22.3). */
static int weigh_claim(DigestObject *self, const struct sip_claim *claim, const struct sip_proof *proof, PyObject **username) {
    int ours = is_of_realm(self, claim);
    if (ours < 0) return -1;
    if (!claim->count) {
        sip_py_refuse("digest without parameters");
        return -1;
    }
    PyObject *algorithm = ours ? algorithm_of(self, claim) : NULL;
    if (!algorithm) return SIP_WORTH_NONE;
    if (!(*username = username_of(self, claim))) return -1;
    int worth = judge(self, claim, algorithm, proof, *username);
    if (worth < 0) Py_CLEAR(*username);
    return worth;
}

int sip_digest_weigh(DigestObject *self, struct sip_slice value, const struct sip_proof *proof, PyObject **username) {
    SIP_STACK_BUFFER(text); /* of its own, since it is written to */
    struct sip_claim claim;
    struct sip_slice params;
    *username = NULL;
    if (!sip_digest_scheme(value, &params)) return SIP_WORTH_NONE;
    sip_add(&text, params);
    int worth = -1;
    enum sip_error error = text.failed ? SIP_NO_MEMORY : sip_claim_read(text.at, text.size, &claim);
    if (error == SIP_OK)
        worth = weigh_claim(self, &claim, proof, username);
    else
        sip_py_fault((struct sip_fault){error, SIP_OTHER}, "digest parameter");
    sip_buffer_free(&text);
    return worth;
}

PyObject *sip_digest_accepted(DigestObject *self, MessageObject *request, enum sip_name header, double now) {
    struct sip_scratch scratch;
    const struct sip_message *core = &request->core;
    struct sip_wanted wanted = {.id = header};
    uint32_t line = sip_line_find(core, wanted, 0);
    if (line == core->line_count || sip_line_find(core, wanted, line + 1) < core->line_count) return NULL;
    struct sip_proof proof = {{core->raw + core->start_at, core->method_size}, {core->body, core->body_size}, now};
    PyObject *username;
    int worth = sip_digest_weigh(self, sip_line_text(core, &core->lines[line], &scratch), &proof, &username);
    if (worth == SIP_WORTH_ACCEPTED) return username;
    Py_XDECREF(username);
    if (worth < 0 && PyErr_ExceptionMatches(PyExc_ValueError)) PyErr_Clear(); /* to be said by who looks closer */
    return NULL;
}
