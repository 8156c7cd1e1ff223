/* `zaibei-vault control`: JSON lines in, JSON lines out. It holds no state and no right of its own: each line goes to
 * the keeper's control socket, which only the vault's user may open. When the keeper is started anew between two
 * lines, the next line finds it; a line that was under way gets an error, since it may or may not have been done. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "commands.h"
#include "door.h"
#include "keeper_proto.h"
#include "sys/file.h"
#include "wire/frame.h"
#include "wrap/json.h"

enum { KEEPER_WAIT_MS = 5000, LINE_MAX_BYTES = 1 << 20, PIECE = FRAME_MAX / 2, NEVER = -1 };

/* The keeper's answer, however many pieces it comes in, to standard output. */
static int answer_copy(struct frames *f, struct buf *out, struct err *e) {
    for (;;) {
        uint8_t type;
        struct rd r;
        int rc = frames_get(f, &type, &r, e);
        if (rc == 0) return err_set(e, ZE_CUT, "keeper", _("it has gone"));
        if (rc < 0) return -1;
        if (type == F_ERROR) return frames_take_error(&r, e);
        if (type != K_CONTROL) return err_set(e, ZE_PROTO, "keeper", _("an answer of type %02x"), type);
        buf_put(out, r.p, r.left);
        if (r.left < PIECE) return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, "keeper", _("its answer is too long"));
    }
}

static void error_print(const struct err *why) {
    struct js *a = js_object(), *j = js_object();
    js_set_int(j, "id", why->id);
    js_set_str(j, "object", why->object);
    js_set_str(j, "message", why->msg);
    js_set(a, "error", j);
    js_set_bool(a, "ok", false);
    char *text = js_dump(a);
    puts(text);
    free(text);
    js_free(a);
}

/* A connection to the keeper, which may be started anew at any time. */
struct keeper_line {
    struct frames f;
    int dir, fd; /* fd -1: there is none */
};

static void line_close(struct keeper_line *k) {
    if (k->fd >= 0) frames_free(&k->f), close(k->fd);
    k->fd = -1;
}

static int line_open(struct keeper_line *k, struct err *e) {
    if (k->fd >= 0) return 0;
    k->fd = door_connect(k->dir, CONTROL_SOCKET, KEEPER_WAIT_MS, e);
    if (k->fd < 0) return -1;
    frames_init(&k->f, k->fd, k->fd, NEVER, "keeper");
    return 0;
}

static int line_send(struct keeper_line *k, const char *line, size_t n, struct err *e) {
    return frames_put(&k->f, K_CONTROL, line, n, NULL, 0, e) < 0 ? -1 : frames_flush(&k->f, e);
}

/* A keeper that has gone takes nothing: then nothing was done, and the next one is asked. */
static int line_put(struct keeper_line *k, const char *line, size_t n, struct err *e) {
    bool old = k->fd >= 0;
    if (n > LINE_MAX_BYTES) return err_set(e, ZE_PROTO, "control", _("a line of %zu bytes"), n);
    if (line_open(k, e) < 0) return -1;
    if (line_send(k, line, n, e) == 0) return 0;
    if (!old) return -1;
    line_close(k);
    return line_open(k, e) < 0 ? -1 : line_send(k, line, n, e);
}

static int line_ask(struct keeper_line *k, const char *line, size_t n, struct err *e) {
    struct buf out;
    buf_init(&out, JS_BYTES_MAX);
    int rc = line_put(k, line, n, e);
    if (rc == 0) rc = answer_copy(&k->f, &out, e);
    if (rc == 0) printf("%.*s\n", (int)out.len, (const char *)out.p);
    buf_free(&out);
    return rc;
}

int command_control(const struct words *w, struct err *e) {
    CLEANUP_FD int dir = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FREE char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    struct keeper_line k = {.dir = dir, .fd = -1};
    signal(SIGPIPE, SIG_IGN);
    if (dir < 0) return err_sys(e, w->dir, _("open"));
    while ((n = getline(&line, &cap, stdin)) > 0) {
        struct err why = ERR_INIT;
        if (line[n - 1] == '\n') n--;
        if (!n) continue;
        if (line_ask(&k, line, (size_t)n, &why) < 0) {
            error_print(&why);
            line_close(&k);
        }
        if (fflush(stdout) != 0) break;
    }
    line_close(&k);
    return ferror(stdin) || ferror(stdout) ? err_sys(e, "control", _("standard input or output")) : 0;
}
