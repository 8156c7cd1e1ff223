/* Two bounded buffers and one poll. Each round moves what can move without waiting; only when nothing moved, poll waits for
 * exactly what would let something move: our input when there is room for it, our output when bytes wait for it, the
 * socket for what libssh2 says it wants. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "link.h"
#include "sys/file.h"
#include "wrap/ssh.h"

#define SIDE ((size_t)256 << 10) /* some SSH_READ */

struct side {
    uint8_t *p;
    size_t at, len; /* bytes at … at + len wait */
    bool ended;     /* nothing more comes in */
};

struct relay {
    int in, out, words;
    struct ssh *s;
    struct side up, down;
    bool told_end;
};

/* Room at the end of the buffer; the waiting bytes stay where they are until all are gone (ssh_write needs that). */
static size_t room(struct side *b) {
    if (b->len == 0) b->at = 0;
    return b->ended ? 0 : SIDE - b->at - b->len;
}

static int up_fill(struct relay *r) {
    size_t n = room(&r->up);
    if (n == 0) return 0;
    ssize_t got = read(r->in, r->up.p + r->up.at + r->up.len, n);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    r->up.ended = got == 0;
    r->up.len += (size_t)got;
    return 1;
}

static int up_drain(struct relay *r, struct err *e) {
    if (r->up.len) {
        ssize_t put = ssh_write(r->s, r->up.p + r->up.at, r->up.len, e);
        if (put < 0) return put == SSH_AGAIN ? 0 : -1;
        r->up.at += (size_t)put, r->up.len -= (size_t)put;
        return 1;
    }
    if (!r->up.ended || r->told_end) return 0;
    int rc = ssh_write_end(r->s, e);
    if (rc < 0) return rc == SSH_AGAIN ? 0 : -1;
    return r->told_end = true;
}

static int down_fill(struct relay *r, struct err *e) {
    if (room(&r->down) < SSH_READ) return 0;
    ssize_t got = ssh_read(r->s, r->down.p + r->down.at + r->down.len, e);
    if (got < 0) return got == SSH_AGAIN ? 0 : -1;
    r->down.ended = got == SSH_END;
    r->down.len += (size_t)got;
    return 1;
}

static int down_drain(struct relay *r) {
    if (!r->down.len) return 0;
    ssize_t put = write(r->out, r->down.p + r->down.at, r->down.len);
    if (put < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    r->down.at += (size_t)put, r->down.len -= (size_t)put;
    return 1;
}

/* What the command says on its standard error goes to ours, which may drop it. */
static int words_pass(struct relay *r, struct err *e) {
    char words[SSH_READ];
    ssize_t got = ssh_read_err(r->s, words, e);
    if (got == SSH_AGAIN || got == SSH_END) return 0;
    if (got < 0) return -1;
    (void)!write(r->words, words, (size_t)got);
    return 1;
}

static void wait_for_any(struct relay *r) {
    bool socket = room(&r->down) >= SSH_READ || r->up.len > 0 || (r->up.ended && !r->told_end);
    struct pollfd p[3] = {
        {.fd = room(&r->up) ? r->in : -1, .events = POLLIN},
        {.fd = r->down.len ? r->out : -1, .events = POLLOUT},
        {.fd = socket ? ssh_fd(r->s) : -1, .events = ssh_wants(r->s)},
    };
    (void)poll(p, 3, -1); /* an interruption is one more round */
}

int link_relay(int in, int out, int words, struct ssh *s, struct err *e) {
    CLEANUP_FREE uint8_t *memory = malloc(2 * SIDE);
    struct relay r = {.in = in, .out = out, .words = words, .s = s};
    if (!memory) return err_set(e, ZE_NOMEM, "link", "%zu", 2 * SIDE);
    r.up.p = memory, r.down.p = memory + SIDE;
    if (fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK) < 0 || fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK) < 0)
        return err_sys(e, "link", "fcntl");
    while (!r.down.ended || r.down.len) {
        int a = up_fill(&r), b = up_drain(&r, e), w = words_pass(&r, e);
        /* Last of all that reads the socket: what libssh2 takes off it for us while it looks for words wakes no poll. */
        int c = down_fill(&r, e), d = down_drain(&r);
        if (a < 0 || d < 0) return err_set(e, ZE_CUT, "link", _("the agent is gone"));
        if (b < 0 || c < 0 || w < 0) return -1;
        if (!(a | b | c | d | w)) wait_for_any(&r);
    }
    return 0;
}
