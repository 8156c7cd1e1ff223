/* The only file that includes OpenSSL's headers. XChaCha20-Poly1305 is ChaCha20-Poly1305 (RFC 8439) under a key that HChaCha20
 * makes of the key and the first 16 bytes of the nonce; its own nonce is four zeros and the other eight. */
#include "wrap/bulk.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

static EVP_CIPHER *cipher; /* fetched once: to look it up costs more than to seal a page */
static void fetch(void) { cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL); }

/* Ready for ${n} bytes after the associated data; NULL when OpenSSL is not. */
static EVP_CIPHER_CTX *start(const uint8_t *key, const uint8_t *nonce, const void *ad, size_t ad_len, size_t n, int seal) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t inner[SEAL_KEY], rest[12] = {0};
    int len;
    pthread_once(&once, fetch);
    EVP_CIPHER_CTX *x = cipher && n <= INT_MAX && ad_len <= INT_MAX ? EVP_CIPHER_CTX_new() : NULL;
    if (!x) return NULL;
    seal_xkey(inner, key, nonce);
    memcpy(rest + 4, nonce + 16, 8);
    bool ready = EVP_CipherInit_ex2(x, cipher, inner, rest, seal, NULL) == 1 &&
        (!ad_len || EVP_CipherUpdate(x, NULL, &len, ad, (int)ad_len) == 1);
    seal_wipe(inner, sizeof inner);
    if (ready) return x;
    EVP_CIPHER_CTX_free(x);
    return NULL;
}

static bool sealed(EVP_CIPHER_CTX *x, uint8_t *out, const void *in, size_t n) {
    int len, more;
    return EVP_CipherUpdate(x, out, &len, in, (int)n) == 1 && len == (int)n && EVP_CipherFinal_ex(x, out + n, &more) == 1 &&
        more == 0 && EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, out + n) == 1;
}

static bool opened(EVP_CIPHER_CTX *x, uint8_t *out, const uint8_t *in, size_t n) {
    uint8_t tag[SEAL_TAG], none[16];
    int len, more;
    memcpy(tag, in + n, sizeof tag); /* not const there */
    return EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) == 1 &&
        EVP_CipherUpdate(x, out, &len, in, (int)n) == 1 && len == (int)n && EVP_CipherFinal_ex(x, none, &more) == 1 && more == 0;
}

void bulk_seal(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) {
    EVP_CIPHER_CTX *x = start(key, nonce, ad, ad_len, n, 1);
    if (!x || !sealed(x, out, in, n)) aead_seal(out, key, nonce, ad, ad_len, in, n);
    EVP_CIPHER_CTX_free(x);
}

bool bulk_open(uint8_t *out, const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], const void *ad, size_t ad_len,
    const void *in, size_t n) {
    if (n < SEAL_TAG) return false;
    EVP_CIPHER_CTX *x = start(key, nonce, ad, ad_len, n - SEAL_TAG, 0);
    bool good = x ? opened(x, out, in, n - SEAL_TAG) : aead_open(out, key, nonce, ad, ad_len, in, n);
    EVP_CIPHER_CTX_free(x);
    if (!good) memset(out, 0, n - SEAL_TAG);
    return good;
}
