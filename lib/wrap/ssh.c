/* The connection up to the open channel, then four non-blocking calls.
 *
 * One thing about libssh2 shapes the second half: when it could send a packet only in part, the very same call has to be
 * made until the packet is out; another call that sends (a window adjustment while reading, say) fails. So the call that
 * owes the rest of a packet is remembered, and the others say SSH_AGAIN meanwhile. */
#include "wrap/ssh.h"

#include <errno.h>
#include <libssh2.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/ssh_internal.h"

enum { WINDOW = 4 << 20, MEMORY = 16 << 20, PACKET = 32768, BLOB = 4 + 11 + 4 + SSH_KEY };
/* ---- SSH ---- */

/* A server may send packets that nobody takes: what libssh2 keeps of them is bounded, so that it runs out, not the machine. */
static LIBSSH2_REALLOC_FUNC(memory_move) {
    struct ssh *s = *abstract;
    size_t had = malloc_usable_size(ptr);
    void *p = s->held - had + count <= MEMORY ? realloc(ptr, count) : NULL;
    if (p) s->held += malloc_usable_size(p) - had;
    return p;
}

static LIBSSH2_ALLOC_FUNC(memory_take) { return memory_move(NULL, count, abstract); }

static LIBSSH2_FREE_FUNC(memory_drop) {
    struct ssh *s = *abstract;
    s->held -= malloc_usable_size(ptr);
    free(ptr);
}

/* What libssh2 says last, as an error of ours. */
static int fail(const struct ssh *s, enum err_id id, struct err *e) {
    char *text = NULL, shown[256];
    int n = 0, code = libssh2_session_last_error(s->session, &text, &n, 0);
    text_escape(shown, sizeof shown, text ? text : "", n > 0 ? (size_t)n : 0);
    return err_set(e, id, s->name, "%s (libssh2 %d)", shown, code);
}

/* 1: try again; 0: done; <0: failed. */
static int again(struct ssh *s, int rc, enum err_id id, struct err *e) {
    if (rc == 0) return 0;
    if (rc != LIBSSH2_ERROR_EAGAIN) return fail(s, id, e);
    return ssh_wait(s, s->fd, ssh_wants(s), e) < 0 ? -1 : 1;
}

static int methods_set(struct ssh *s, struct err *e) {
    static const struct {
        int type;
        const char *list;
    } rows[] = {
        {LIBSSH2_METHOD_KEX, "curve25519-sha256,curve25519-sha256@libssh.org"},
        {LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519"},
        {LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr,aes256-ctr"},
        {LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr,aes256-ctr"},
        {LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"},
        {LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"},
        {LIBSSH2_METHOD_COMP_CS, "none"},
        {LIBSSH2_METHOD_COMP_SC, "none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (libssh2_session_method_pref(s->session, rows[i].type, rows[i].list) != 0) return fail(s, ZE_INTERNAL, e);
    return 0;
}

static void blob_make(uint8_t out[BLOB], const uint8_t key[SSH_KEY]) {
    static const uint8_t head[19] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9', 0, 0, 0, 32};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, key, SSH_KEY);
}

/* Fail closed: only an ed25519 key of the right length with the pinned bytes is good. */
static int host_key_check(struct ssh *s, struct err *e) {
    size_t n = 0;
    int type = LIBSSH2_HOSTKEY_TYPE_UNKNOWN;
    uint8_t want[BLOB];
    blob_make(want, s->to->host_key);
    const char *got = libssh2_session_hostkey(s->session, &n, &type);
    if (got && type == LIBSSH2_HOSTKEY_TYPE_ED25519 && n == BLOB && memcmp(got, want, BLOB) == 0) return 0;
    return err_set(e, ZE_HOSTKEY, s->name, _("the server showed another key"));
}

static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(sign_cb) {
    const struct ssh_target *to = *abstract;
    void **memory = libssh2_session_abstract(session);
    unsigned char *out = memory_take(SSH_SIG, memory); /* libssh2 frees it */
    if (!out) return -1;
    if (to->sign(to->arg, data, data_len, out) < 0) {
        memory_drop(out, memory);
        return -1;
    }
    *sig = out, *sig_len = SSH_SIG;
    return 0;
}

/* libssh2 has one number for a key exchange that was cut and for one that proved nothing; only the first leaves the stream at
 * its end. */
static bool ended(const struct ssh *s) {
    char c;
    ssize_t n = recv(s->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Nobody has been sent anything about the user when this fails. What was agreed on tells which kind of method was missing:
 * libssh2 chooses key exchange and host key together, then the others. */
static int handshake(struct ssh *s, struct err *e) {
    if (methods_set(s, e) < 0) return -1;
    int rc;
    while ((rc = again(s, libssh2_session_handshake(s->session, s->fd), ZE_UNREACHABLE, e)) > 0) {}
    if (rc == 0) return host_key_check(s, e);
    if (e->id != ZE_UNREACHABLE) return -1;
    switch (libssh2_session_last_errno(s->session)) {
    case LIBSSH2_ERROR_KEX_FAILURE:
        if (libssh2_session_methods(s->session, LIBSSH2_METHOD_HOSTKEY))
            return err_set(e, ZE_METHODS, s->name, _("no cipher or MAC that this program accepts"));
        return err_set(
            e, ZE_HOSTKEY, s->name, _("the server offers no ed25519 host key, or no curve25519 key exchange"));
    case LIBSSH2_ERROR_HOSTKEY_INIT:
    case LIBSSH2_ERROR_HOSTKEY_SIGN:
    case LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE:
        if (ended(s)) return err_set(e, ZE_UNREACHABLE, s->name, _("it closed the connection in the key exchange"));
        return err_set(e, ZE_HOSTKEY, s->name, _("the server did not prove an ed25519 host key"));
    default: return -1;
    }
}

static int authenticate(struct ssh *s, struct err *e) {
    uint8_t blob[BLOB];
    blob_make(blob, s->to->user_key);
    void *arg = (void *)(uintptr_t)s->to;
    int rc, got;
    do {
        got = libssh2_userauth_publickey(s->session, s->to->user, blob, sizeof blob, sign_cb, &arg);
        rc = again(s, got, ZE_AUTH, e);
    } while (rc > 0);
    if (rc < 0 && e->id == ZE_AUTH) err_set(e, ZE_AUTH, s->name, _("the server does not take this host's key"));
    return rc;
}

static int channel_open(struct ssh *s, struct err *e) {
    int rc;
    for (;;) {
        s->channel = libssh2_channel_open_ex(s->session, "session", 7, WINDOW, PACKET, NULL, 0);
        if (s->channel) break;
        if (again(s, libssh2_session_last_errno(s->session), ZE_REFUSED, e) <= 0) return -1;
    }
    while ((rc = again(s, libssh2_channel_exec(s->channel, "zaibei"), ZE_REFUSED, e)) > 0) {}
    return rc;
}

static struct ssh *ssh_new(const struct ssh_target *to, struct err *e) {
    struct ssh *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ZE_NOMEM, to->host, "ssh");
        return NULL;
    }
    s->fd = -1, s->to = to, s->until_ms = ssh_clock_ms() + to->timeout_ms;
    snprintf(s->name, sizeof s->name, "%s:%u", to->host, to->port);
    if (libssh2_init(0) == 0) s->session = libssh2_session_init_ex(memory_take, memory_drop, memory_move, s);
    if (s->session) {
        libssh2_session_set_blocking(s->session, 0);
        return s;
    }
    err_set(e, ZE_NOMEM, s->name, "libssh2");
    ssh_free(s);
    return NULL;
}

int ssh_connect(const struct ssh_target *to, struct ssh **out, struct err *e) {
    struct ssh *s = ssh_new(to, e);
    if (!s) return -1;
    if (ssh_dial(s, e) == 0) return *out = s, 0;
    ssh_free(s);
    return -1;
}

int ssh_adopt(int fd, const struct ssh_target *to, struct ssh **out, struct err *e) {
    struct ssh *s = ssh_new(to, e);
    if (!s) return -1;
    s->fd = fd;
    return *out = s, 0;
}

int ssh_open(struct ssh *s, struct err *e) {
    return handshake(s, e) < 0 || authenticate(s, e) < 0 || channel_open(s, e) < 0 ? -1 : 0;
}

void ssh_free(struct ssh *s) {
    if (!s) return;
    if (s->fd >= 0) close(s->fd); /* first: nothing can be sent, so nothing can block */
    if (s->channel) libssh2_channel_free(s->channel);
    if (s->session) libssh2_session_free(s->session);
    free(s);
}

/* ---- the open channel ---- */

int ssh_fd(const struct ssh *s) { return s->fd; }

short ssh_wants(const struct ssh *s) {
    int d = libssh2_session_block_directions(s->session);
    short events =
        (short)((d & LIBSSH2_SESSION_BLOCK_INBOUND ? POLLIN : 0) | (d & LIBSSH2_SESSION_BLOCK_OUTBOUND ? POLLOUT : 0));
    return events ? events : POLLIN;
}

/* Note what a call owes, and turn its result into ours. */
static ssize_t judge(struct ssh *s, ssize_t rc, enum owed mine, struct err *e) {
    bool unsent =
        rc == LIBSSH2_ERROR_EAGAIN && libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
    s->owed = unsent ? mine : OWED_NOTHING;
    if (rc == LIBSSH2_ERROR_EAGAIN) return SSH_AGAIN;
    if (rc < 0) return fail(s, ZE_CUT, e), SSH_FAIL;
    return rc;
}

static bool blocked(const struct ssh *s, enum owed mine) { return s->owed != OWED_NOTHING && s->owed != mine; }

/* Of both streams the same number of bytes is asked for, each time. libssh2 widens the window by what a read asks for, and where that
 * has to wait (keys are being exchanged) it sends the first read's number and adds the last one's: with another number there the
 * two sides disagree, and it drops what comes beyond its own idea of the window, without a word. */
static ssize_t read_stream(struct ssh *s, int stream, void *p, struct err *e) {
    if (blocked(s, OWED_READ)) return SSH_AGAIN;
    ssize_t got = judge(s, libssh2_channel_read_ex(s->channel, stream, p, SSH_READ), OWED_READ, e);
    return got == 0 && !libssh2_channel_eof(s->channel) ? SSH_AGAIN : got;
}

ssize_t ssh_read(struct ssh *s, void *p, struct err *e) { return read_stream(s, 0, p, e); }

ssize_t ssh_read_err(struct ssh *s, void *p, struct err *e) { return read_stream(s, SSH_EXTENDED_DATA_STDERR, p, e); }

ssize_t ssh_write(struct ssh *s, const void *p, size_t n, struct err *e) {
    if (blocked(s, OWED_WRITE)) return SSH_AGAIN;
    ssize_t got = judge(s, libssh2_channel_write(s->channel, p, n), OWED_WRITE, e);
    return got == 0 ? SSH_AGAIN : got;
}

int ssh_write_end(struct ssh *s, struct err *e) {
    if (blocked(s, OWED_END)) return SSH_AGAIN;
    ssize_t rc = judge(s, libssh2_channel_send_eof(s->channel), OWED_END, e);
    return rc == 0 ? 1 : (int)rc;
}

int ssh_status(struct ssh *s) {
    return libssh2_channel_eof(s->channel) ? libssh2_channel_get_exit_status(s->channel) : -1;
}
