/* The outer process while the inner one works. What comes from inside may have been written by whoever took it over: it is passed
 * on as JSON of the few kinds that the journal knows, commands are started for hosts of the order only, and the end of the run
 * is judged here. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "command.h"
#include "sys/file.h"
#include "worker_outer.h"

enum { STEP_MS = 250, CHUNK = 64 << 10 };

int worker_line(struct buf *in, int fd, char **out) {
    uint8_t *end = in->len ? memchr(in->p, '\n', in->len) : NULL;
    static char line[LINE_MAX_BYTES + 1];
    if (!end) {
        uint8_t *at = buf_reserve(in, CHUNK);
        ssize_t n = at ? read(fd, at, CHUNK) : 0;
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
        if (n <= 0) return -1;
        in->len += (size_t)n;
        end = memchr(in->p, '\n', in->len);
    }
    if (!end) return 0;
    size_t n = (size_t)(end - in->p);
    memcpy(line, in->p, n);
    line[n] = 0;
    memmove(in->p, end + 1, in->len - n - 1);
    in->len -= n + 1;
    *out = line;
    return 1;
}

void outer_print(const struct js *j) {
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
    fflush(stdout);
}

/* ---- the journal ---- */

static void phase_note(struct outer *o, const struct js *j) {
    const char *phase = js_str(j, "phase", ""), *state = js_str(j, "state", ""), *host = js_str(j, "host", "");
    const char *start = js_str(j, "walk_start", NULL);
    if (!strcmp(state, "begin")) snprintf(o->phase, sizeof o->phase, "%s %s %s", host, phase, js_str(j, "name", ""));
    if (!strcmp(phase, "fetch") && start) js_set_str(o->walk_starts, host, start);
    if (!strcmp(phase, "egress") && strcmp(state, "begin") != 0) o->egress_tried = true;
    if (strcmp(state, "red") != 0) return;
    if (!strcmp(phase, "egress")) o->egress_open = true;
    if (o->first_red) return;
    o->first_red = js_object();
    js_set_str(o->first_red, "host", host);
    js_set_str(o->first_red, "phase", phase);
    js_set_str(o->first_red, "name", js_str(j, "name", ""));
    js_set_str(o->first_red, "detail", js_str(j, "detail", ""));
}

void outer_clock(struct outer *o) { o->wall_ns = o->clock->now_ns(o->clock) - o->clock->mono_ns(o->clock); }

void outer_event(struct outer *o, struct js *j) {
    static const char *const kinds[] = {"key", "error", "phase", "progress", "adapted", "console"};
    const char *event = js_str(j, "event", "");
    if (!strcmp(event, "phase")) js_set_time_ms(j, "at", o->wall_ns + o->clock->mono_ns(o->clock)), phase_note(o, j);
    if (!strcmp(event, "failed") && o->failed.id == ZE_NONE)
        err_set(&o->failed, err_known((unsigned)js_int(j, "id", 0)), js_str(j, "object", ""), "%s",
            js_str(j, "message", ""));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(event, kinds[i])) outer_print(j);
}

/* ---- commands that read points ---- */

static bool host_known(const struct outer *o, const char *host) {
    for (size_t i = 0; i < o->q->hosts; i++)
        if (!strcmp(o->q->host[i].host, host)) return true;
    return false;
}

/* ${word} with each %h as the host; the caller frees it. */
static char *word_of(const char *word, const char *host) {
    struct buf b;
    buf_init(&b, 64 << 10);
    for (; *word; word++)
        if (word[0] == '%' && word[1] == 'h') buf_put(&b, host, strlen(host)), word++;
        else buf_put(&b, word, 1);
    buf_u8(&b, 0);
    return (char *)b.p;
}

static int reader_start(struct outer *o, const char *host, struct transport *t, struct err *e) {
    char *argv[WORKER_READ_MAX + 1] = {NULL};
    int rc = 0;
    for (size_t i = 0; o->q->read[i] && rc == 0; i++)
        if (!(argv[i] = word_of(o->q->read[i], host))) rc = err_set(e, ZE_NOMEM, host, "argv");
    *t = (struct transport){.rfd = -1, .wfd = -1, .ctl = -1, .errfd = -1, .dirfd = -1, .child = PROC_NONE};
    if (rc == 0) rc = child_start((const char *const *)argv, -1, -1, t, e);
    for (size_t i = 0; argv[i]; i++) free(argv[i]);
    return rc;
}

static void reader_give(struct outer *o, const char *host) {
    struct err e = ERR_INIT;
    struct transport *t = &o->reader[o->readers];
    CLEANUP_JS struct js *answer = js_object();
    if (o->readers == READERS_MAX || !host_known(o, host))
        err_set(&e, ZE_REFUSED, host, _("this host is not of the order"));
    else if (reader_start(o, host, t, &e) == 0) o->readers++;
    if (e.id != ZE_NONE) {
        js_set_int(answer, "id", e.id);
        js_set_str(answer, "object", e.object);
        js_set_str(answer, "message", e.msg);
        (void)!sock_put(o->sock, answer, NULL, 0);
        return;
    }
    (void)!sock_put(o->sock, answer, (int[]){t->rfd, t->wfd}, 2);
    close(t->rfd), close(t->wfd);
    t->rfd = t->wfd = -1;
}

/* ---- serving ---- */

static bool inside_serve(struct outer *o) {
    int fds[SOCK_FDS_MAX];
    CLEANUP_JS struct js *j = sock_get(o->sock, fds);
    for (int i = 0; i < SOCK_FDS_MAX; i++) file_close_ptr(&fds[i]); /* nobody in there has anything to give */
    if (!j) return false;
    if (!strcmp(js_str(j, "want", ""), "read")) reader_give(o, js_str(j, "host", ""));
    else outer_event(o, j);
    return true;
}

static void order_take(struct outer *o, const char *line) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *j = js_parse(line, strlen(line), _("the order"), &e), *answer = js_object();
    const char *op = js_str(j, "op", "");
    if (!strcmp(op, "cancel")) o->cancelled = true;
    if (strcmp(op, "grant") != 0) return;
    o->granted_ns = o->clock->mono_ns(o->clock);
    outer_clock(o);
    js_set_str(answer, "grant", js_str(j, "grant", ""));
    (void)!sock_put(o->sock, answer, NULL, 0);
}

static void orders_serve(struct outer *o) {
    char *line;
    int rc = worker_line(&o->in, STDIN_FILENO, &line);
    for (; rc > 0; rc = memchr(o->in.p, '\n', o->in.len) ? worker_line(&o->in, STDIN_FILENO, &line) : 0)
        order_take(o, line);
    if (rc < 0) o->cancelled = true;
}

/* A department takes days to give a grant; its drill's time is not spent by that. */
static void time_look(struct outer *o) {
    if (command_cancelled(NULL)) o->cancelled = true;
    if (!o->q->time_ms || !o->granted_ns || o->clock->mono_ns(o->clock) - o->granted_ns < o->q->time_ms * 1000000) return;
    if (o->failed.id == ZE_NONE)
        err_set(&o->failed, ZE_DRILLTIME, o->q->id, _("%lld s, in: %s"), (long long)o->q->time_ms / 1000, o->phase);
}

void outer_serve(struct outer *o) {
    bool open = true;
    while (open && !o->cancelled && o->failed.id != ZE_DRILLTIME) {
        struct pollfd p[] = {{.fd = o->sock, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(p, 2, STEP_MS) < 0 && errno != EINTR) break;
        if (p[0].revents) open = inside_serve(o);
        if (p[1].revents) orders_serve(o);
        time_look(o);
    }
}
