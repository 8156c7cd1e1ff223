/* The journal. A phase is timed by the monotonic clock and dated by the outer process (outer_event); a line never grows past one packet, since
 * what a service prints is cut before it gets here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "worker.h"

void js_set_time_ms(struct js *j, const char *key, int64_t ns) {
    char text[48], out[48];
    text_time(text, ns);
    snprintf(out, sizeof out, "%.*s.%03dZ", (int)strcspn(text, "Z"), text, (int)(ns / 1000000 % 1000));
    js_set_str(j, key, out);
}

/* The outer process ends this one when it wants no more: that a line does not arrive is nothing to act on. */
static void put(const struct worker *w, struct js *j) {
    (void)!sock_put(w->sock, j, NULL, 0);
    js_free(j);
}

static struct js *event(const char *what, const char *host) {
    struct js *j = js_object();
    js_set_str(j, "event", what);
    js_set_str(j, "host", host);
    return j;
}

static void state_put(const struct phase *p, struct js *more, const char *state, const char *detail) {
    struct js *j = event("phase", p->host);
    const struct js *v;
    js_set_str(j, "phase", p->phase);
    js_set_str(j, "name", p->name);
    js_set_str(j, "state", state);
    if (detail) js_set_str(j, "detail", detail);
    if (strcmp(state, "begin") != 0)
        js_set_ms(j, "seconds", (p->w->clock->mono_ns(p->w->clock) - p->began_ns) / 1000000);
    for (size_t i = 0; i < js_count(more); i++) {
        const char *key = js_member(more, i, &v);
        js_set(j, key, js_copy(v));
    }
    js_free(more);
    put(p->w, j);
}

struct phase phase_begin(const struct worker *w, const char *host, const char *phase, const char *name) {
    struct phase p = {.w = w, .host = host, .phase = phase, .name = name, .began_ns = w->clock->mono_ns(w->clock)};
    state_put(&p, NULL, "begin", NULL);
    return p;
}

void phase_ok(const struct phase *p, struct js *more) { state_put(p, more, "ok", NULL); }

void phase_red(const struct phase *p, struct js *more, const char *fmt, ...) {
    char detail[1500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    state_put(p, more, "red", detail);
}

void journal_adapted(const struct worker *w, const char *host, const char *fmt, ...) {
    char what[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct js *j = event("adapted", host);
    js_set_str(j, "what", what);
    put(w, j);
}

void journal_console(const struct worker *w, const char *host, const char *text, size_t n) {
    enum { TAIL = 4096 };
    char out[4 * TAIL];
    if (n > TAIL) text += n - TAIL, n = TAIL;
    size_t at = 0;
    for (size_t i = 0; i < n && at + 8 < sizeof out; i++) /* lines stay lines; what is in them is made fit for people */
        if (text[i] == '\n') out[at++] = '\n';
        else {
            size_t len = 1;
            while (i + len < n && text[i + len] != '\n') len++;
            at += text_escape(out + at, sizeof out - at - 2, text + i, len);
            i += len - 1;
        }
    out[at] = 0;
    struct js *j = event("console", host);
    js_set_str(j, "text", out);
    put(w, j);
}

void journal_progress(const struct worker *w, const char *host, const char *phase, uint64_t files, uint64_t bytes,
    uint64_t files_total, uint64_t bytes_total) {
    struct js *j = event("progress", host);
    js_set_str(j, "phase", phase);
    js_set_int(j, "files", (int64_t)files);
    js_set_int(j, "bytes", (int64_t)bytes);
    js_set_int(j, "files_total", (int64_t)files_total);
    js_set_int(j, "bytes_total", (int64_t)bytes_total);
    put(w, j);
}

void journal_failed(const struct worker *w, const struct err *e) {
    struct js *j = event("failed", "");
    js_set_int(j, "id", e->id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", e->msg);
    put(w, j);
}
