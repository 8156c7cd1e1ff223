/* A hostile SSH server against lib/wrap/ssh.c and the libssh2 below it. The first byte says how far the server behaves; what
 * follows is its own:
 *
 *   0  bytes from the start            1  bytes after a good banner and KEXINIT
 *   2  packets after the key exchange  3  … after the user's authentication, 4  … after the command was started
 *   5  packets after a key exchange with another host key
 *
 * Packets are u16 length and payload each, and are encrypted as the exchange has agreed. Nobody may be asked for a signature,
 * and nothing may succeed, unless the server has proved the pinned key (stages 2 to 4). The server reads nothing that is
 * encrypted: it says everything beforehand, and libssh2 finds it when it looks. */
#include <assert.h>
#include <gcrypt.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "wrap/ssh.h"

/* faults: C13 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
const char *__lsan_default_suppressions(void);
const char *__asan_default_suppressions(void);

/* What libssh2 forgets after a broken handshake: link lives for one connection. */
const char *__lsan_default_suppressions(void) { return "leak:libcrypto\nleak:libssh2\n"; }
/* libssh2 1.10 reads past the end of a host key that is too short, and that may not be all; it is why link gives up
 * everything before the handshake. What is looked for is our own code, and hangs. */
const char *__asan_default_suppressions(void) { return "interceptor_via_lib:libssh2\n"; }

/* It has assertions about what a server sends, too. They end link, which is as good as an error; here they end the input. */
static jmp_buf asserted;
void __assert_fail(const char *what, const char *file, unsigned line, const char *function) {
    if (!strstr(file, "transport.c") && !strstr(file, "channel.c")) abort();
    (void)what, (void)line, (void)function;
    longjmp(asserted, 1);
}

enum { CLEAR, AFTER_BANNER, AFTER_KEX, AFTER_AUTH, AFTER_EXEC, OTHER_KEY, STAGES };
#define BANNER "SSH-2.0-OpenSSH_9.2p1 Debian-2"

static uint8_t host_pub[crypto_sign_PUBLICKEYBYTES], host_sec[crypto_sign_SECRETKEYBYTES];
static uint8_t other_pub[crypto_sign_PUBLICKEYBYTES], other_sec[crypto_sign_SECRETKEYBYTES];

struct server {
    int fd, stage;
    const uint8_t *p;
    size_t n;
    struct buf in, out; /* what the client has said; what is to be sent */
    size_t in_at;
    struct buf kexinit; /* ours */
    uint8_t session_id[32], mac_key[32];
    gcry_cipher_hd_t cipher;
    uint32_t sequence;
    bool encrypts;
};

/* ---- SSH's words ---- */

static void put_u32(struct buf *b, uint32_t v) {
    buf_put(b, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4);
}

static void put_string(struct buf *b, const void *p, size_t n) {
    put_u32(b, (uint32_t)n);
    buf_put(b, p, n);
}

static void put_text(struct buf *b, const char *s) { put_string(b, s, strlen(s)); }

static void put_mpint(struct buf *b, const uint8_t p[32]) {
    size_t zeros = 0;
    while (zeros < 32 && !p[zeros]) zeros++;
    bool sign = zeros < 32 && p[zeros] & 0x80;
    put_u32(b, (uint32_t)(32 - zeros + sign));
    if (sign) buf_u8(b, 0);
    buf_put(b, p + zeros, 32 - zeros);
}

static void put_key(struct buf *b, const uint8_t pub[32]) {
    put_u32(b, 51);
    put_text(b, "ssh-ed25519");
    put_string(b, pub, 32);
}

/* One packet, in clear or encrypted and with its MAC. */
static void packet(struct server *s, const void *payload, size_t n) {
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    size_t block = s->encrypts ? 16 : 8, pad = block - (5 + n) % block, at = s->out.len;
    static const uint8_t zeros[32];
    if (pad < 4) pad += block;
    put_u32(&s->out, (uint32_t)(1 + n + pad));
    buf_u8(&s->out, (uint8_t)pad);
    buf_put(&s->out, payload, n);
    buf_put(&s->out, zeros, pad);
    uint8_t sequence[4] = {0, 0, (uint8_t)(s->sequence >> 8), (uint8_t)s->sequence};
    s->sequence++;
    if (!s->encrypts || !buf_ok(&s->out)) return;
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, s->mac_key, 32);
    crypto_auth_hmacsha256_update(&h, sequence, 4);
    crypto_auth_hmacsha256_update(&h, s->out.p + at, s->out.len - at);
    crypto_auth_hmacsha256_final(&h, mac);
    if (gcry_cipher_encrypt(s->cipher, s->out.p + at, s->out.len - at, NULL, 0) != 0) abort();
    buf_put(&s->out, mac, sizeof mac);
}

/* ---- the honest part ---- */

static bool fill(struct server *s) {
    uint8_t some[4096];
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    ssize_t got = poll(&p, 1, 2000) > 0 ? recv(s->fd, some, sizeof some, 0) : 0;
    if (got > 0) buf_put(&s->in, some, (size_t)got);
    return got > 0 && buf_ok(&s->in);
}

static bool flush(struct server *s) {
    size_t at = 0;
    for (ssize_t put; at < s->out.len; at += (size_t)put)
        if ((put = send(s->fd, s->out.p + at, s->out.len - at, MSG_NOSIGNAL)) <= 0) return false;
    buf_reset(&s->out);
    return true;
}

/* The payload of the client's next packet in clear. */
static const uint8_t *take(struct server *s, size_t *n) {
    for (;;) {
        const uint8_t *p = s->in.p + s->in_at;
        size_t have = s->in.len - s->in_at;
        size_t len = have >= 5 ? (size_t)p[2] << 8 | p[3] : SIZE_MAX - 4;
        if (have < 4 + len) {
            if (!fill(s)) return NULL;
            continue;
        }
        s->in_at += 4 + len;
        *n = len - 1 - p[4];
        return p + 5;
    }
}

static void kexinit_make(struct buf *b) {
    static const char *const lists[10] = {"curve25519-sha256", "ssh-ed25519", "aes256-ctr", "aes256-ctr",
        "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""};
    uint8_t cookie[16] = {20};
    buf_u8(b, 20);
    buf_put(b, cookie, 16);
    for (int i = 0; i < 10; i++) put_text(b, lists[i]);
    buf_put(b, "\0\0\0\0\0", 5);
}

static void derive(const struct server *s, const struct buf *k, const uint8_t hash[32], char letter, uint8_t out[32]) {
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, k->p, k->len);
    crypto_hash_sha256_update(&h, hash, 32);
    crypto_hash_sha256_update(&h, (const uint8_t *)&letter, 1);
    crypto_hash_sha256_update(&h, s->session_id, 32);
    crypto_hash_sha256_final(&h, out);
}

static void keys_use(struct server *s, const struct buf *k, const uint8_t hash[32]) {
    uint8_t key[32], iv[32];
    memcpy(s->session_id, hash, 32);
    derive(s, k, hash, 'B', iv);
    derive(s, k, hash, 'D', key);
    derive(s, k, hash, 'F', s->mac_key);
    if (gcry_cipher_open(&s->cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CTR, 0) != 0 ||
        gcry_cipher_setkey(s->cipher, key, 32) != 0 || gcry_cipher_setctr(s->cipher, iv, 16) != 0)
        abort();
}

/* RFC 8731: the hash over everything said so far, signed by the host key. */
static void reply(
    struct server *s, const uint8_t *banner, size_t banner_n, const uint8_t *init, size_t init_n, const uint8_t *qc) {
    uint8_t secret[32] = {9, 9}, qs[32], shared[32], hash[32], sig[crypto_sign_BYTES];
    bool other = s->stage == OTHER_KEY;
    struct buf b, k;
    buf_init(&b, 65536), buf_init(&k, 64);
    if (crypto_scalarmult_base(qs, secret) != 0 || crypto_scalarmult(shared, secret, qc) != 0) abort();
    put_mpint(&k, shared);
    put_string(&b, banner, banner_n);
    put_text(&b, BANNER);
    put_string(&b, init, init_n);
    put_string(&b, s->kexinit.p, s->kexinit.len);
    put_key(&b, other ? other_pub : host_pub);
    put_string(&b, qc, 32);
    put_string(&b, qs, 32);
    buf_put(&b, k.p, k.len);
    crypto_hash_sha256(hash, b.p, b.len);
    crypto_sign_detached(sig, NULL, hash, sizeof hash, other ? other_sec : host_sec);
    buf_reset(&b);
    buf_u8(&b, 31);
    put_key(&b, other ? other_pub : host_pub);
    put_string(&b, qs, 32);
    put_u32(&b, 4 + 11 + 4 + sizeof sig);
    put_text(&b, "ssh-ed25519");
    put_string(&b, sig, sizeof sig);
    packet(s, b.p, b.len);
    packet(s, "\25", 1); /* NEWKEYS */
    keys_use(s, &k, hash);
    s->encrypts = true;
    buf_free(&b), buf_free(&k);
}

static bool exchange(struct server *s) {
    size_t init_n, first_n;
    const uint8_t *end;
    while (!(end = s->in.len ? memchr(s->in.p, '\n', s->in.len) : NULL))
        if (!fill(s)) return false;
    size_t banner_n = (size_t)(end - s->in.p) - 1;
    s->in_at = banner_n + 2;
    if (!take(s, &init_n)) return false;
    size_t init_at = s->in_at;
    const uint8_t *first = take(s, &first_n);
    if (!first || first_n != 1 + 4 + 32 || first[0] != 30) return false;
    const uint8_t *init = s->in.p + banner_n + 2 + 5; /* the buffer may have moved */
    if (init + init_n > s->in.p + init_at) return false;
    reply(s, s->in.p, banner_n, init, init_n, first + 5);
    return true;
}

static void authenticated(struct server *s) {
    struct buf b;
    buf_init(&b, 256);
    buf_u8(&b, 6); /* SERVICE_ACCEPT */
    put_text(&b, "ssh-userauth");
    packet(s, b.p, b.len);
    packet(s, "\64", 1); /* USERAUTH_SUCCESS */
    buf_free(&b);
}

static void started(struct server *s) {
    packet(s, "\133\0\0\0\0\0\0\0\0\0\40\0\0\0\0\200\0", 17); /* CHANNEL_OPEN_CONFIRMATION: 2 MiB, packets of 32 KiB */
    packet(s, "\143\0\0\0\0", 5);                             /* CHANNEL_SUCCESS */
}

static void *serve(void *arg) {
    struct server *s = arg;
    if (s->stage == CLEAR) {
        buf_put(&s->out, s->p, s->n);
    } else {
        buf_put(&s->out, BANNER "\r\n", sizeof BANNER + 1);
        packet(s, s->kexinit.p, s->kexinit.len);
        if (s->stage == AFTER_BANNER) buf_put(&s->out, s->p, s->n);
    }
    bool good = flush(s) && (s->stage < AFTER_KEX || exchange(s));
    if (good && s->stage >= AFTER_KEX) {
        if (s->stage == AFTER_AUTH || s->stage == AFTER_EXEC) authenticated(s);
        if (s->stage == AFTER_EXEC) started(s);
        for (size_t at = 0; at + 2 <= s->n;) {
            size_t len = s->p[at] | (size_t)s->p[at + 1] << 8;
            at += 2;
            if (len > s->n - at) len = s->n - at;
            packet(s, s->p + at, len);
            at += len;
        }
        good = buf_ok(&s->out) && flush(s);
    }
    shutdown(s->fd, SHUT_WR);
    while (fill(s)) s->in.len = 0;
    return NULL;
}

/* ---- the client ---- */

static int sign(void *arg, const uint8_t *p, size_t n, uint8_t sig[SSH_SIG]) {
    const struct server *s = arg;
    (void)p, (void)n;
    if (s->stage < AFTER_KEX || s->stage == OTHER_KEY) abort();
    memset(sig, 7, SSH_SIG);
    return 0;
}

/* Read and write as link does, until the stream ends or there is an error. */
static void use(struct ssh *ssh) {
    static uint8_t some[SSH_READ];
    struct err e = ERR_INIT;
    ssize_t read, words, put;
    for (int i = 0; i < 1000; i++) {
        read = ssh_read(ssh, some, &e);
        words = ssh_read_err(ssh, some, &e);
        put = i < 2 ? ssh_write(ssh, some, 512, &e) : ssh_write_end(ssh, &e);
        if (read == SSH_END || read == SSH_FAIL || words == SSH_FAIL || put == SSH_FAIL) return;
        struct pollfd p = {.fd = ssh_fd(ssh), .events = ssh_wants(ssh)};
        if (read < 0 && words < 0 && poll(&p, 1, 100) == 0) return;
    }
}

static void set_up(void) {
    static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{1}, {2}};
    if (sodium_init() < 0 || !gcry_check_version(NULL)) abort();
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    crypto_sign_seed_keypair(host_pub, host_sec, seeds[0]);
    crypto_sign_seed_keypair(other_pub, other_sec, seeds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static bool ready;
    struct err e = ERR_INIT;
    struct ssh *ssh = NULL;
    pthread_t thread;
    int pair[2];
    if (!ready) set_up(), ready = true;
    if (n == 0) return 0;
    struct server s = {.stage = p[0] % STAGES, .p = p + 1, .n = n - 1};
    struct ssh_target to = {.host = "fuzz", .user = "zaibei", .port = 22, .timeout_ms = 3000, .sign = sign, .arg = &s};
    memcpy(to.host_key, host_pub, SSH_KEY);
    memcpy(to.user_key, other_pub, SSH_KEY);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) abort();
    s.fd = pair[1];
    buf_init(&s.in, 8 << 20), buf_init(&s.out, 8 << 20), buf_init(&s.kexinit, 1024);
    kexinit_make(&s.kexinit);
    if (ssh_adopt(pair[0], &to, &ssh, &e) < 0 || pthread_create(&thread, NULL, serve, &s) != 0) abort();
    if (setjmp(asserted) == 0) {
        int rc = ssh_open(ssh, &e);
        if (rc == 0 && (s.stage < AFTER_KEX || s.stage == OTHER_KEY)) abort();
        if (rc < 0 && e.id == ZE_NONE) abort();
        if (rc == 0) use(ssh);
    }
    ssh_free(ssh);
    pthread_join(thread, NULL);
    close(pair[1]);
    gcry_cipher_close(s.cipher);
    buf_free(&s.in), buf_free(&s.out), buf_free(&s.kexinit);
    return 0;
}
