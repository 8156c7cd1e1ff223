/* Frames: a bounded input buffer from which whole frames are cut, and an output buffer that is written when it is large
 * or when an answer is awaited. While output waits for a slow peer, input is taken in as far as it fits, so that two sides
 * that both write do not block each other for ever. */
#include "wire/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/clock.h"

enum { MAGIC_LEN = 8, HEAD = 4, OUT_FLUSH = 256 << 10, READ_STEP = 256 << 10, WRITE_STEP = 64 << 10, PACE = 4096, NS_PER_MS = 1000000 };

void frames_init(struct frames *f, int rfd, int wfd, int timeout_ms, const char *peer) {
    *f = (struct frames){.rfd = rfd, .wfd = wfd, .timeout_ms = timeout_ms, .peer = peer, .alert_fd = -1};
    buf_init(&f->in, 2 * (size_t)FRAME_MAX + READ_STEP);
    buf_init(&f->out, FRAME_MAX + OUT_FLUSH + 64);
    buf_put(&f->out, FRAME_MAGIC, MAGIC_LEN);
}

void frames_free(struct frames *f) {
    buf_free(&f->in);
    buf_free(&f->out);
}

/* Until one of p[0…n-1] is ready: 1, or 0 when the time is over, or <0. p[n] is for the alert. */
static int wait_for(struct frames *f, struct pollfd *p, nfds_t n, int timeout_ms, struct err *e) {
    for (;;) {
        p[n] = (struct pollfd){.fd = f->alert_fd, .events = POLLIN};
        int rc = poll(p, n + 1, timeout_ms);
        if (rc == 0) return 0;
        if (rc < 0 && errno != EINTR) return err_sys(e, f->peer, "poll");
        if (rc < 0) continue;
        if (p[n].revents && f->alert(f->alert_arg, e) < 0) return -1;
        if (rc > (p[n].revents != 0)) return 1;
    }
}

static int late(struct frames *f, struct err *e) {
    return err_set(e, ZE_TIMEOUT, f->peer, _("nothing for %d s"), f->timeout_ms / 1000);
}

/* How long to wait for more of a message that has begun: the rest of the present span, or 0 when a span has brought too
 * little. A peer that sends a byte now and then does not go on; a slow line does. */
static int message_wait(struct frames *f) {
    struct clock *clock = clock_real();
    int64_t now = clock->mono_ns(clock), span = (int64_t)f->message_ms * NS_PER_MS;
    if (f->begun_ns && now - f->begun_ns >= span && f->received - f->begun_bytes < PACE) return 0;
    if (!f->begun_ns || now - f->begun_ns >= span) f->begun_ns = now, f->begun_bytes = f->received;
    return (int)((f->begun_ns + span - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* Drop consumed input, so that the buffer stays bounded by one frame and one read. */
static void compact(struct frames *f) {
    if (!f->in_at) return;
    f->in.len -= f->in_at;
    memmove(f->in.p, f->in.p + f->in_at, f->in.len);
    f->in_at = 0;
}

/* One read(2) into the input buffer: 1 when bytes came, 0 at the end, <0 on error. */
static int read_some(struct frames *f, size_t want, struct err *e) {
    uint8_t *at = buf_reserve(&f->in, want);
    if (!at) return err_set(e, ZE_NOMEM, f->peer, "%zu", want);
    ssize_t got;
    do got = read(f->rfd, at, want);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 1;
    if (got < 0 && errno == ECONNRESET) return 0;
    if (got < 0) return err_sys(e, f->peer, "read");
    f->in.len += (size_t)got;
    f->received += (uint64_t)got;
    return got > 0;
}

static int greet(struct frames *f, struct err *e);
static int take_frame(struct frames *f, uint8_t *type, struct rd *r, struct err *e);

/* The peer is gone while we write. It may have said why, or have been no peer at all but a banner: that is the better error. */
static int cut(struct frames *f, const char *what, struct err *e) {
    struct err why = ERR_INIT;
    uint8_t type = 0;
    struct rd r = {.p = NULL};
    f->timeout_ms = f->message_ms = 0; /* only what has arrived */
    int rc = f->greeted_in ? 1 : greet(f, &why);
    while (rc == 1 && (rc = take_frame(f, &type, &r, &why)) == 1)
        if (type == F_ERROR) return frames_take_error(&r, e);
    if (why.id != ZE_NOTZAIBEI) return err_set(e, ZE_CUT, f->peer, "%s", what);
    *e = why;
    return -1;
}

/* What is queued, and ${body} after it. */
static int write_out(struct frames *f, const void *body, size_t body_len, struct err *e) {
    for (size_t at = 0; at < f->out.len + body_len;) {
        bool room = f->in.len - f->in_at < FRAME_MAX;
        struct pollfd p[3] = {{.fd = f->wfd, .events = POLLOUT}, {.fd = room ? f->rfd : -1, .events = POLLIN}};
        int ready = wait_for(f, p, 2, f->timeout_ms, e);
        if (ready <= 0) return ready < 0 ? -1 : late(f, e);
        if (p[0].revents) {
            bool queued = at < f->out.len;
            const uint8_t *from = queued ? f->out.p + at : (const uint8_t *)body + (at - f->out.len);
            size_t n = queued ? f->out.len - at : f->out.len + body_len - at;
            ssize_t got = write(f->wfd, from, n > WRITE_STEP ? WRITE_STEP : n);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno != EAGAIN) {
                if (errno == EPIPE || errno == ECONNRESET) return cut(f, _("it does not take more"), e);
                return err_sys(e, f->peer, "write");
            }
            if (got > 0) at += (size_t)got, f->sent += (uint64_t)got;
        } else if (p[1].revents) {
            int rc = read_some(f, READ_STEP, e);
            if (rc < 0) return -1;
            if (rc == 0) return cut(f, _("it closed the connection"), e);
        }
    }
    f->out.len = 0;
    return 0;
}

int frames_flush(struct frames *f, struct err *e) { return write_out(f, NULL, 0, e); }

int frames_put(struct frames *f, uint8_t type, const void *head, size_t head_len, const void *body, size_t body_len,
    struct err *e) {
    size_t n = 1 + head_len + body_len;
    if (head_len > FRAME_MAX || body_len > FRAME_MAX || n > FRAME_MAX)
        return err_set(e, ZE_INTERNAL, f->peer, "frame of %zu bytes", n);
    buf_u32(&f->out, (uint32_t)n);
    buf_u8(&f->out, type);
    buf_put(&f->out, head, head_len);
    bool large = f->out.len + body_len >= OUT_FLUSH;
    if (!large) buf_put(&f->out, body, body_len);
    if (!buf_ok(&f->out)) return err_set(e, ZE_NOMEM, f->peer, "%zu", n);
    return large ? write_out(f, body, body_len, e) : 0;
}

int frames_put_buf(struct frames *f, uint8_t type, const struct buf *b, struct err *e) {
    if (!buf_ok(b)) return err_set(e, ZE_INTERNAL, f->peer, "frame buffer");
    return frames_put(f, type, NULL, 0, b->p, b->len, e);
}

/* Bytes of the peer that were to be our magic: show their first line. */
static int not_zaibei(struct frames *f, struct err *e) {
    const char *p = (const char *)f->in.p + f->in_at;
    size_t n = f->in.len - f->in_at, line = 0;
    while (line < n && line < 60 && p[line] != '\n') line++;
    char shown[256];
    text_escape(shown, sizeof shown, p, line);
    return err_set(e, ZE_NOTZAIBEI, f->peer, _("it sent \"%s\""), shown);
}

/* Have at least ${n} unread bytes: 1, or 0 at the end of the stream, or <0. */
static int fill(struct frames *f, size_t n, struct err *e) {
    while (f->in.len - f->in_at < n) {
        if (f->in_at > FRAME_MAX || (f->in_at && f->in_at == f->in.len)) compact(f);
        struct pollfd p[2] = {{.fd = f->rfd, .events = POLLIN}};
        bool begun = f->message_ms && f->in.len > f->in_at;
        int wait = begun ? message_wait(f) : f->timeout_ms;
        if (begun && !wait) return err_set(e, ZE_TIMEOUT, f->peer, _("a message that does not go on"));
        int rc = wait_for(f, p, 1, wait, e);
        if (rc == 0 && begun) continue;
        if (rc <= 0) return rc < 0 ? -1 : late(f, e);
        rc = read_some(f, READ_STEP, e);
        if (rc <= 0) return rc;
    }
    return 1;
}

static int greet(struct frames *f, struct err *e) {
    int rc = fill(f, MAGIC_LEN, e);
    if (rc < 0) return -1;
    size_t have = f->in.len - f->in_at;
    if (rc == 0 && have == 0) return 0;
    if (rc == 0 || memcmp(f->in.p + f->in_at, FRAME_MAGIC, MAGIC_LEN) != 0) return not_zaibei(f, e);
    f->in_at += MAGIC_LEN;
    f->greeted_in = true;
    return 1;
}

static int take_frame(struct frames *f, uint8_t *type, struct rd *r, struct err *e) {
    f->begun_ns = 0;
    int rc = fill(f, HEAD, e);
    if (rc < 0) return -1;
    if (rc == 0) return f->in.len == f->in_at ? 0 : err_set(e, ZE_CUT, f->peer, _("it ended within a frame"));
    struct rd head = rd_of(f->in.p + f->in_at, HEAD);
    uint32_t n = rd_u32(&head);
    if (n < 1 || n > FRAME_MAX) return err_set(e, ZE_PROTO, f->peer, _("a frame of %u bytes"), n);
    rc = fill(f, HEAD + (size_t)n, e);
    if (rc < 0) return -1;
    if (rc == 0) return err_set(e, ZE_CUT, f->peer, _("it ended within a frame"));
    const uint8_t *p = f->in.p + f->in_at + HEAD;
    *type = p[0];
    *r = rd_of(p + 1, n - 1);
    f->in_at += HEAD + (size_t)n;
    return 1;
}

int frames_get(struct frames *f, uint8_t *type, struct rd *r, struct err *e) {
    if (frames_flush(f, e) < 0) return -1;
    int rc = f->greeted_in ? 1 : greet(f, e);
    return rc <= 0 ? rc : take_frame(f, type, r, e);
}

bool frames_ready(struct frames *f) {
    size_t have = f->in.len - f->in_at;
    if (have >= HEAD && f->greeted_in) {
        struct rd head = rd_of(f->in.p + f->in_at, HEAD);
        if (have >= HEAD + (size_t)rd_u32(&head)) return true;
    }
    struct pollfd p = {.fd = f->rfd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

int frames_error(struct frames *f, const struct err *err, struct err *e) {
    struct buf b;
    buf_init(&b, 4096);
    buf_u32(&b, (uint32_t)err->id);
    buf_str(&b, err->object);
    buf_str(&b, err->msg);
    int rc = frames_put_buf(f, F_ERROR, &b, e);
    if (rc == 0) rc = frames_flush(f, e);
    buf_free(&b);
    return rc;
}

int frames_take_error(struct rd *r, struct err *e) {
    struct err got = ERR_INIT;
    uint32_t id = rd_u32(r);
    rd_str(r, got.object, sizeof got.object);
    rd_str(r, got.msg, sizeof got.msg);
    if (!rd_ok(r)) return err_set(e, ZE_PROTO, "", _("an error message that cannot be read"));
    return err_set(e, err_known(id), got.object, "%s", got.msg);
}
