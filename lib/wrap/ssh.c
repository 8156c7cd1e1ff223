/* The connection up to the open channel, then four non-blocking calls.
 *
 * One thing about libssh2 shapes the second half: when it could send a packet only in part, the very same call has to be
 * made until the packet is out; another call that sends (a window adjustment while reading, say) fails. So the call that
 * owes the rest of a packet is remembered, and the others say SSH_AGAIN meanwhile. */
#include "wrap/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh2.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"

enum { WINDOW = 4 << 20, PACKET = 32768, BLOB = 4 + 11 + 4 + SSH_KEY };
enum owed { OWED_NOTHING, OWED_READ, OWED_WRITE, OWED_END };

struct ssh {
    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    enum owed owed;
    char name[320];
};

struct attempt {
    struct ssh *s;
    const struct ssh_target *to;
    int64_t until_ms;
};

/* The watchdog counts real seconds of this process; no decision about data hangs on it. */
static int64_t mono_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(const struct attempt *a, int fd, short events, struct err *e) {
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = a->until_ms - mono_ms();
        int rc = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (rc > 0) return 0;
        if (rc == 0) return err_set(e, ZE_TIMEOUT, a->s->name, _("no connection within %d s"), a->to->timeout_ms / 1000);
        if (errno != EINTR) return err_sys(e, a->s->name, "poll");
    }
}

/* ---- TCP ---- */

static void tune(int fd) {
    const int on = 1, idle = 30, every = 10, times = 3, dead_ms = 90000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* a silent network ends the connection too */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static int connect_one(const struct attempt *a, const struct addrinfo *ai, struct err *e) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return err_sys(e, a->s->name, "socket");
    int why = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    if (why == EINPROGRESS) {
        socklen_t len = sizeof why;
        if (wait_for(a, fd, POLLOUT, e) < 0) goto failed;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0) why = errno;
    }
    if (why == 0) {
        tune(fd);
        a->s->fd = fd;
        return 0;
    }
    err_set(e, ZE_UNREACHABLE, a->s->name, "%s", strerror(why));
failed:
    close(fd);
    return -1;
}

static int tcp_connect(const struct attempt *a, struct err *e) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    char port[16];
    snprintf(port, sizeof port, "%u", a->to->port);
    int rc = getaddrinfo(a->to->host, port, &hints, &list);
    if (rc != 0) return err_set(e, ZE_UNREACHABLE, a->s->name, _("the name cannot be resolved: %s"), gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next) rc = connect_one(a, ai, e);
    freeaddrinfo(list);
    return rc;
}

/* ---- SSH ---- */

/* What libssh2 says last, as an error of ours. */
static int fail(const struct ssh *s, enum err_id id, struct err *e) {
    char *text = NULL, shown[256];
    int n = 0, code = libssh2_session_last_error(s->session, &text, &n, 0);
    text_escape(shown, sizeof shown, text ? text : "", n > 0 ? (size_t)n : 0);
    return err_set(e, id, s->name, "%s (libssh2 %d)", shown, code);
}

/* 1: try again; 0: done; <0: failed. */
static int again(const struct attempt *a, int rc, enum err_id id, struct err *e) {
    if (rc == 0) return 0;
    if (rc != LIBSSH2_ERROR_EAGAIN) return fail(a->s, id, e);
    return wait_for(a, a->s->fd, ssh_wants(a->s), e) < 0 ? -1 : 1;
}

static int methods_set(struct ssh *s, struct err *e) {
    static const struct {
        int type;
        const char *list;
    } rows[] = {
        {LIBSSH2_METHOD_KEX, "curve25519-sha256,curve25519-sha256@libssh.org"},
        {LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519"},
        {LIBSSH2_METHOD_CRYPT_CS, "aes256-ctr,aes128-ctr"},
        {LIBSSH2_METHOD_CRYPT_SC, "aes256-ctr,aes128-ctr"},
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
static int host_key_check(const struct attempt *a, struct err *e) {
    size_t n = 0;
    int type = LIBSSH2_HOSTKEY_TYPE_UNKNOWN;
    uint8_t want[BLOB];
    blob_make(want, a->to->host_key);
    const char *got = libssh2_session_hostkey(a->s->session, &n, &type);
    if (got && type == LIBSSH2_HOSTKEY_TYPE_ED25519 && n == BLOB && memcmp(got, want, BLOB) == 0) return 0;
    return err_set(e, ZE_HOSTKEY, a->s->name, _("the server showed another key"));
}

static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(sign_cb) {
    const struct ssh_target *to = *abstract;
    (void)session;
    unsigned char *out = malloc(SSH_SIG); /* libssh2 frees it with its own free, which is ours */
    if (!out) return -1;
    if (to->sign(to->arg, data, data_len, out) < 0) {
        free(out);
        return -1;
    }
    *sig = out, *sig_len = SSH_SIG;
    return 0;
}

static int handshake(const struct attempt *a, struct err *e) {
    struct ssh *s = a->s;
    if (libssh2_init(0) != 0 || !(s->session = libssh2_session_init())) return err_set(e, ZE_NOMEM, s->name, "libssh2");
    libssh2_session_set_blocking(s->session, 0);
    if (methods_set(s, e) < 0) return -1;
    int rc;
    while ((rc = again(a, libssh2_session_handshake(s->session, s->fd), ZE_UNREACHABLE, e)) > 0) {}
    if (rc == 0) return host_key_check(a, e);
    int code = libssh2_session_last_errno(s->session);
    if (e->id == ZE_UNREACHABLE && (code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_HOSTKEY_INIT ||
                                       code == LIBSSH2_ERROR_HOSTKEY_SIGN))
        err_set(e, ZE_HOSTKEY, s->name, _("the server offers no ed25519 host key, or no method this program accepts"));
    return -1;
}

static int authenticate(const struct attempt *a, struct err *e) {
    uint8_t blob[BLOB];
    blob_make(blob, a->to->user_key);
    void *arg = (void *)(uintptr_t)a->to;
    int rc, got;
    do {
        got = libssh2_userauth_publickey(a->s->session, a->to->user, blob, sizeof blob, sign_cb, &arg);
        rc = again(a, got, ZE_AUTH, e);
    } while (rc > 0);
    if (rc < 0 && e->id == ZE_AUTH) err_set(e, ZE_AUTH, a->s->name, _("the server does not take this host's key"));
    return rc;
}

static int channel_open(const struct attempt *a, struct err *e) {
    struct ssh *s = a->s;
    int rc;
    for (;;) {
        s->channel = libssh2_channel_open_ex(s->session, "session", 7, WINDOW, PACKET, NULL, 0);
        if (s->channel) break;
        if (again(a, libssh2_session_last_errno(s->session), ZE_REFUSED, e) <= 0) return -1;
    }
    while ((rc = again(a, libssh2_channel_exec(s->channel, "zaibei"), ZE_REFUSED, e)) > 0) {}
    return rc;
}

int ssh_open(const struct ssh_target *to, struct ssh **out, struct err *e) {
    struct ssh *s = calloc(1, sizeof *s);
    if (!s) return err_set(e, ZE_NOMEM, to->host, "ssh");
    s->fd = -1;
    snprintf(s->name, sizeof s->name, "%s:%u", to->host, to->port);
    struct attempt a = {.s = s, .to = to, .until_ms = mono_ms() + to->timeout_ms};
    if (tcp_connect(&a, e) < 0 || handshake(&a, e) < 0 || authenticate(&a, e) < 0 || channel_open(&a, e) < 0) {
        ssh_free(s);
        return -1;
    }
    *out = s;
    return 0;
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
    short events = (short)((d & LIBSSH2_SESSION_BLOCK_INBOUND ? POLLIN : 0) |
                           (d & LIBSSH2_SESSION_BLOCK_OUTBOUND ? POLLOUT : 0));
    return events ? events : POLLIN;
}

/* Note what a call owes, and turn its result into ours. */
static ssize_t judge(struct ssh *s, ssize_t rc, enum owed mine, struct err *e) {
    bool unsent = rc == LIBSSH2_ERROR_EAGAIN && libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
    s->owed = unsent ? mine : OWED_NOTHING;
    if (rc == LIBSSH2_ERROR_EAGAIN) return SSH_AGAIN;
    if (rc < 0) return fail(s, ZE_CUT, e), SSH_FAIL;
    return rc;
}

static bool blocked(const struct ssh *s, enum owed mine) { return s->owed != OWED_NOTHING && s->owed != mine; }

static ssize_t read_stream(struct ssh *s, int stream, void *p, size_t n, struct err *e) {
    if (blocked(s, OWED_READ)) return SSH_AGAIN;
    ssize_t got = judge(s, libssh2_channel_read_ex(s->channel, stream, p, n), OWED_READ, e);
    return got == 0 && !libssh2_channel_eof(s->channel) ? SSH_AGAIN : got;
}

ssize_t ssh_read(struct ssh *s, void *p, size_t n, struct err *e) { return read_stream(s, 0, p, n, e); }

ssize_t ssh_read_err(struct ssh *s, void *p, size_t n, struct err *e) {
    return read_stream(s, SSH_EXTENDED_DATA_STDERR, p, n, e);
}

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
