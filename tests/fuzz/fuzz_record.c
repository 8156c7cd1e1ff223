/* Log records, vault header, system object, enrol token: the input as it is, and the input as a body that the vault's
 * own key has signed, since the parsers of bodies are reached only behind a signature. What decodes must encode
 * again. */
#include <stdlib.h>
#include <string.h>

#include "wire/record.h"
#include "wire/token.h"

/* faults: B10 B11 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t vault_id[SEAL_ID] = {1}, seed[SEAL_SIGN_SEED] = {2};

static void decode(const uint8_t *p, size_t n, const uint8_t *pub, const uint8_t *sec) {
    struct err e = ERR_INIT;
    struct record r;
    if (record_decode(&r, p, n, vault_id, pub, &e) < 0) return;
    struct buf out;
    buf_init(&out, 2 * ZB_RECORD_MAX);
    if (record_known(r.type) && record_encode(&r, vault_id, sec, &out, &e) < 0) abort();
    buf_free(&out);
    record_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
    struct vault_header v;
    struct system_object s;
    struct token t;
    struct buf m;
    if (seal_init(&e) < 0 || size < 2) return 0;
    sign_from_seed(pub, sec, seed);
    decode(data, size, pub, sec);
    (void)!vault_header_decode(&v, data, size, &e);
    (void)!system_object_decode(&s, data, size, vault_id, pub, &e);
    buf_init(&m, size + 512);
    /* domain and vault id are signed with the record but do not stand in it */
    buf_put(&m, "zaibei log record", 18);
    buf_put(&m, vault_id, SEAL_ID);
    size_t at = m.len;
    buf_put(&m, "ZBLR\1", 6);
    buf_u8(&m, data[0] % 16);
    buf_u8(&m, data[1]);
    buf_u64(&m, 7);
    for (int i = 0; i < SEAL_HASH + 8 + SEAL_ID; i++) buf_u8(&m, 0);
    buf_u32(&m, (uint32_t)(size - 2));
    buf_put(&m, data + 2, size - 2);
    uint8_t sig[SEAL_SIG];
    sign_make(sig, sec, m.p, m.len);
    buf_put(&m, sig, sizeof sig);
    decode(m.p + at, m.len - at, pub, sec);
    buf_reset(&m);
    buf_put(&m, data, size);
    buf_u8(&m, 0);
    (void)!token_get(&t, (const char *)m.p, &e);
    buf_free(&m);
    return 0;
}
