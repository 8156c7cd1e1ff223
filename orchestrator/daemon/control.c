/* `zaibei-vault control` on a pipe, one line each way. After any trouble the helper is ended, so that an answer that comes
 * late can never be taken for the answer to the next question. */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "sys/file.h"

enum { ANSWER_MS = 60000 };

void control_init(struct control *c, const char *const *argv) {
    *c = (struct control){.argv = argv, .proc = PROC_NONE};
    pthread_mutex_init(&c->lock, NULL);
}

static void stop(struct control *c) {
    struct err ignored = ERR_INIT;
    (void)proc_wait(&c->proc, 1000, &ignored);
}

void control_release(struct control *c) {
    stop(c);
    pthread_mutex_destroy(&c->lock);
}

/* Read one line into ${b}, without its end. */
static int read_line(int fd, struct buf *b, struct err *e) {
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, ANSWER_MS);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return err_set(e, ZE_UNREACHABLE, "vault control", _("no answer in time"));
        uint8_t *at = buf_reserve(b, 4096);
        if (!at) return err_set(e, ZE_PROTO, "vault control", _("an answer of more than %d bytes"), JS_BYTES_MAX);
        ssize_t got = read(fd, at, 4096);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return err_set(e, ZE_UNREACHABLE, "vault control", _("the command has ended"));
        b->len += (size_t)got;
        uint8_t *end = memchr(at, '\n', (size_t)got);
        if (!end) continue;
        if (end != b->p + b->len - 1) return err_set(e, ZE_PROTO, "vault control", _("more than one line"));
        b->len--;
        return 0;
    }
}

static int once(struct control *c, const char *line, struct buf *b, struct err *e) {
    if (!c->proc.pid && proc_open(&c->proc, c->argv, e) < 0) {
        e->id = ZE_UNREACHABLE;
        return -1;
    }
    if (file_write_all(c->proc.in, line, strlen(line)) < 0)
        return err_set(e, ZE_UNREACHABLE, "vault control", _("the command has ended"));
    return read_line(c->proc.out, b, e);
}

/* The vault's own error, with a number that is only taken when it is known. */
static int take_error(const struct js *answer, struct err *e) {
    const struct js *x = js_get(answer, "error");
    int64_t id = js_int(x, "id", 0);
    return err_set(e, err_known(id > 0 && id < 10000 ? (unsigned)id : 0), js_str(x, "object", "vault"), "%s",
        js_str(x, "message", ""));
}

int control_call(struct control *c, const struct js *request, struct js **answer, struct err *e) {
    CLEANUP_FREE char *text = js_dump(request), *line = malloc(strlen(text) + 2);
    struct buf b;
    *answer = NULL;
    if (!line) return err_set(e, ZE_NOMEM, "vault control", "line");
    strcat(strcpy(line, text), "\n");
    buf_init(&b, JS_BYTES_MAX);
    pthread_mutex_lock(&c->lock);
    bool was_running = c->proc.pid != 0;
    int rc = once(c, line, &b, e);
    if (rc < 0) stop(c);
    if (rc < 0 && was_running) { /* it may have died long ago: try a new one */
        buf_reset(&b);
        rc = once(c, line, &b, e);
        if (rc < 0) stop(c);
    }
    if (rc == 0 && !(*answer = js_parse(b.p, b.len, "vault control", e))) stop(c), rc = -1;
    pthread_mutex_unlock(&c->lock);
    buf_free(&b);
    if (rc == 0 && !js_bool(*answer, "ok", false)) rc = take_error(*answer, e);
    if (rc < 0) js_free(*answer), *answer = NULL;
    return rc;
}
