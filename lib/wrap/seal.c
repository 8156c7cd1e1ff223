/* The only file that includes <sodium.h>. Each function is one call with our names, sizes checked at compile time. */
#include "wrap/seal.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

_Static_assert(SEAL_HASH == crypto_generichash_BYTES && SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "sizes");
_Static_assert(SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES && SEAL_BOX_EXTRA == crypto_box_SEALBYTES, "extra");
_Static_assert(SEAL_SIG == crypto_sign_BYTES && SEAL_SIGN_SEC == crypto_sign_SECRETKEYBYTES, "sign");
_Static_assert(SEAL_PASSWORD == crypto_pwhash_STRBYTES, "password");
_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hash_state), "hash state");

int seal_init(struct err *e) {
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (sodium_init() < 0) return err_set(e, ZE_INTERNAL, "libsodium", "cannot be initialised");
    return 0;
}

bool seal_aes_is_fast(void) { return crypto_aead_aes256gcm_is_available() == 1; }
void seal_random(void *out, size_t n) { randombytes_buf(out, n); }
void seal_wipe(void *p, size_t n) { sodium_memzero(p, n); }
bool seal_equal(const void *a, const void *b, size_t n) { return sodium_memcmp(a, b, n) == 0; }
void *secret_alloc(size_t n) { return sodium_malloc(n); }
void secret_free(void *p) { sodium_free(p); }

void seal_hash(uint8_t out[SEAL_HASH], const void *p, size_t n) { crypto_generichash(out, SEAL_HASH, p, n, NULL, 0); }

void seal_mac(uint8_t out[SEAL_HASH], const uint8_t key[SEAL_KEY], const void *p, size_t n) {
    crypto_generichash(out, SEAL_HASH, p, n, key, SEAL_KEY);
}

void seal_sha256(uint8_t out[SEAL_SHA256], const void *p, size_t n) { crypto_hash_sha256(out, p, n); }
void seal_hmac_sha256(uint8_t out[SEAL_SHA256], const void *key, size_t key_len, const void *p, size_t n) {
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, key, key_len);
    crypto_auth_hmacsha256_update(&h, p, n);
    crypto_auth_hmacsha256_final(&h, out);
}

void seal_sha512(uint8_t out[SEAL_SHA512], const void *p, size_t n) { crypto_hash_sha512(out, p, n); }

void hash_init(struct hash_state *h, const uint8_t *key) {
    crypto_generichash_init((crypto_generichash_state *)(void *)h->opaque, key, key ? SEAL_KEY : 0, SEAL_HASH);
}

void hash_update(struct hash_state *h, const void *p, size_t n) {
    crypto_generichash_update((crypto_generichash_state *)(void *)h->opaque, p, n);
}

void hash_final(struct hash_state *h, uint8_t out[SEAL_HASH]) {
    crypto_generichash_final((crypto_generichash_state *)(void *)h->opaque, out, SEAL_HASH);
}

void seal_derive(uint8_t out[SEAL_KEY], const uint8_t key[SEAL_KEY], const char *purpose, const void *ctx, size_t n) {
    struct hash_state h;
    hash_init(&h, key);
    hash_update(&h, "zaibei-v1", sizeof "zaibei-v1");
    hash_update(&h, purpose, strlen(purpose) + 1);
    hash_update(&h, ctx, n);
    hash_final(&h, out);
    seal_wipe(&h, sizeof h);
}

void aead_seal(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, in, n, ad, ad_len, NULL, nonce, key);
}

bool aead_open(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) {
    return n >= SEAL_TAG && crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in, n, ad, ad_len, nonce, key) == 0;
}

void seal_xkey(uint8_t out[SEAL_KEY], const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE]) {
    (void)!crypto_core_hchacha20(out, nonce, key, NULL);
}

void box_keypair(uint8_t pub[SEAL_KEY], uint8_t sec[SEAL_KEY]) { crypto_box_keypair(pub, sec); }
void box_public(uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY]) { (void)!crypto_scalarmult_base(pub, sec); }
void box_seal(uint8_t *out, const uint8_t pub[SEAL_KEY], const void *in, size_t n) {
    if (crypto_box_seal(out, in, n, pub) != 0) memset(out, 0, n + SEAL_BOX_EXTRA); /* a weak public key opens nothing */
}

bool box_open(uint8_t *out, const uint8_t pub[SEAL_KEY], const uint8_t sec[SEAL_KEY], const void *in, size_t n) {
    return n >= SEAL_BOX_EXTRA && crypto_box_seal_open(out, in, n, pub, sec) == 0;
}

void sign_from_seed(uint8_t pub[SEAL_SIGN_PUB], uint8_t sec[SEAL_SIGN_SEC], const uint8_t seed[SEAL_SIGN_SEED]) {
    crypto_sign_seed_keypair(pub, sec, seed);
}

void sign_make(uint8_t sig[SEAL_SIG], const uint8_t sec[SEAL_SIGN_SEC], const void *p, size_t n) {
    crypto_sign_detached(sig, NULL, p, n, sec);
}

bool sign_check(const uint8_t sig[SEAL_SIG], const uint8_t pub[SEAL_SIGN_PUB], const void *p, size_t n) {
    return crypto_sign_verify_detached(sig, p, n, pub) == 0;
}

static pthread_mutex_t password_turn = PTHREAD_MUTEX_INITIALIZER;

bool password_hash(char out[SEAL_PASSWORD], const char *password, size_t n) {
    pthread_mutex_lock(&password_turn);
    int rc = crypto_pwhash_str(out, password, n, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE);
    pthread_mutex_unlock(&password_turn);
    return rc == 0;
}

bool password_check(const char *line, const char *password, size_t n) {
    char unused[SEAL_PASSWORD], copy[SEAL_PASSWORD] = "";
    if (!*line) return (void)!password_hash(unused, password, n), false;
    memcpy(copy, line, strnlen(line, sizeof copy - 1));
    pthread_mutex_lock(&password_turn);
    int rc = crypto_pwhash_str_verify(copy, password, n);
    pthread_mutex_unlock(&password_turn);
    return rc == 0;
}

void b64_encode(char *out, size_t cap, const void *p, size_t n) {
    sodium_bin2base64(out, cap, p, n, sodium_base64_VARIANT_ORIGINAL);
}

int b64_decode(void *out, size_t cap, const char *text, size_t len) {
    size_t n;
    if (sodium_base642bin(out, cap, text, len, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) return -1;
    return (int)n;
}
