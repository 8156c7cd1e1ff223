/* The only file that includes <librsync.h>. A delta is one rs_job driven by hand: bytes in, bytes of the stream out, in a
 * fixed buffer, so that memory does not depend on how much is fed. */
#include "wrap/delta.h"

#include <stdio.h>
#include <librsync.h>
#include <stdlib.h>

struct delta_window {
    rs_signature_t *sig;
};

struct delta {
    rs_job_t *job;
    int (*out)(void *arg, const uint8_t *p, size_t n, struct err *e);
    void *arg;
    uint8_t buf[64 << 10];
};

static rs_result feed_sig(rs_job_t *job, const uint8_t *p, size_t n, int eof) {
    rs_buffers_t b = {.next_in = (char *)(uintptr_t)p, .avail_in = n, .eof_in = eof};
    rs_result r;
    do r = rs_job_iter(job, &b);
    while (r == RS_BLOCKED && b.avail_in);
    return r;
}

struct delta_window *delta_window_new(const uint8_t *head, const uint8_t *rows, size_t n) {
    struct delta_window *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    rs_job_t *job = rs_loadsig_begin(&w->sig);
    rs_result r = job ? feed_sig(job, head, 12, 0) : RS_MEM_ERROR;
    if (r == RS_BLOCKED && n) r = feed_sig(job, rows, n * 36, 0);
    if (r == RS_BLOCKED) r = feed_sig(job, NULL, 0, 1);
    if (job) rs_job_free(job);
    if (r == RS_DONE) r = rs_build_hash_table(w->sig);
    if (r != RS_DONE) {
        delta_window_free(w);
        return NULL;
    }
    return w;
}

void delta_window_free(struct delta_window *w) {
    if (!w) return;
    if (w->sig) rs_free_sumset(w->sig);
    free(w);
}

struct delta *delta_begin(struct delta_window *w, int (*out)(void *, const uint8_t *, size_t, struct err *), void *arg) {
    struct delta *d = malloc(sizeof *d);
    if (!d) return NULL;
    d->out = out, d->arg = arg;
    d->job = rs_delta_begin(w->sig);
    if (!d->job) free(d), d = NULL;
    return d;
}

static int drive(struct delta *d, const uint8_t *p, size_t n, int eof, struct err *e) {
    rs_buffers_t b = {.next_in = (char *)(uintptr_t)p, .avail_in = n, .eof_in = eof};
    for (;;) {
        b.next_out = (char *)d->buf, b.avail_out = sizeof d->buf;
        rs_result r = rs_job_iter(d->job, &b);
        size_t got = sizeof d->buf - b.avail_out;
        if (r != RS_BLOCKED && r != RS_DONE) return err_set(e, ZE_INTERNAL, "librsync", "%s", rs_strerror(r));
        if (got && d->out(d->arg, d->buf, got, e) < 0) return -1;
        if (r == RS_DONE) return 0;
        if (!eof && !b.avail_in && got < sizeof d->buf) return 0;
    }
}

int delta_feed(struct delta *d, const uint8_t *p, size_t n, struct err *e) { return n ? drive(d, p, n, 0, e) : 0; }
int delta_end(struct delta *d, struct err *e) { return drive(d, (const uint8_t *)"", 0, 1, e); }

void delta_free(struct delta *d) {
    if (!d) return;
    rs_job_free(d->job);
    free(d);
}
