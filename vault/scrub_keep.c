/* The keeper's own slices. A slice is a process that may be killed at any instruction; the cursor says where the next
 * one goes on. It asks the disk and the processor only when nobody else does. */
#include "scrub_keep.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "scrub.h"
#include "sys/file.h"
#include "sys/proc.h"

enum { EVERY_S = 60, AT_LEAST_S = 600, SLICE_S = 30, ROUND_S = 86400, SETTINGS_MAX = 8192, MIB_MAX = 1 << 20 };

uint64_t scrub_rate(struct vault *v) {
    struct buf b;
    struct err ignored = ERR_INIT;
    uint64_t rate = SCRUB_MIB_S;
    buf_init(&b, SETTINGS_MAX + 1);
    int rc = file_load(v->fd, "keeper/settings", SETTINGS_MAX, &b, &ignored);
    buf_u8(&b, 0);
    char *save = NULL;
    for (char *s = rc == 0 ? strtok_r((char *)b.p, "\n", &save) : NULL; s; s = strtok_r(NULL, "\n", &save))
        if (strncmp(s, "scrub_mib_s ", 12) == 0 && !text_u64(s + 12, MIB_MAX, &rate)) rate = SCRUB_MIB_S;
    buf_free(&b);
    return rate << 20;
}

static void pause_ns(void *arg, int64_t ns) {
    nanosleep(&(struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S}, NULL);
}

static _Noreturn void slice(struct vault *v, uint64_t rate) {
    struct err e = ERR_INIT;
    struct scrub_sum sum;
    struct scrub_opts o = {.rate = rate, .slice_ns = SLICE_S * NS_PER_S, .pause = pause_ns};
    proc_step_back(true);
    CLEANUP_FD int lock = scrub_lock(v, false, &e);
    int rc = lock < 0 ? 0 : scrub_run(v, &o, &sum, &e); /* busy: somebody asked for a round */
    if (rc < 0 || (lock >= 0 && sum.damaged > sum.healed && !e.id))
        fprintf(stderr, _("zaibei-vault keep: scrubbing: %s\n"),
            rc < 0 ? e.msg : _("damaged objects were found; zaibei-vault scrub DIR names them"));
    _exit(0);
}

/* A round a day is enough: the one before ended less than a day ago. */
static bool due(struct vault *v) {
    struct scrub_cursor c;
    struct err ignored = ERR_INIT;
    if (scrub_cursor_load(v, &c, &ignored) < 0) return false;
    int64_t since = v->clock->now_ns(v->clock) - c.finished;
    return *c.host || since < 0 || since >= ROUND_S * NS_PER_S;
}

unsigned scrub_tick(struct vault *v, unsigned children, const int *close_too, size_t n) {
    static int64_t last;
    int64_t now = v->clock->mono_ns(v->clock);
    pid_t parent = getpid();
    if (!last) last = now;
    if (now - last < (children ? AT_LEAST_S : EVERY_S) * NS_PER_S) return 0;
    last = now;
    uint64_t rate = scrub_rate(v);
    if (!rate || !due(v)) return 0;
    pid_t pid = fork();
    if (pid != 0) return pid > 0; /* without a process there is none now; the next minute comes */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (size_t i = 0; i < n; i++) close(close_too[i]);
    slice(v, rate);
}

static int finding_json(void *arg, const char *host, const struct damage_item *d, struct err *e) {
    struct js *j = js_object(), *points = js_array();
    uint32_t shown = d->points_n < DAMAGE_POINTS ? d->points_n : DAMAGE_POINTS;
    js_set_str(j, "host", *host ? host : NULL);
    js_set_str(j, "object", d->object);
    if (d->slot != DAMAGE_WHOLE) js_set_int(j, "slot", d->slot);
    js_set_str(j, "why", d->why);
    js_set_time(j, "since", d->since);
    for (uint32_t i = 0; i < shown; i++) {
        char number[16];
        snprintf(number, sizeof number, "%" PRIu32, d->points[i]);
        struct js *p = js_parse(number, strlen(number), "point", e);
        if (p) js_push(points, p);
    }
    js_set(j, "points", points);
    js_set_int(j, "points_count", d->points_n);
    js_push(arg, j);
    return 0;
}

struct js *scrub_json(struct vault *v, struct err *e) {
    struct scrub_cursor c;
    struct js *j = js_object(), *findings = js_array();
    int rc = scrub_cursor_load(v, &c, e);
    if (rc == 0) rc = damage_each(v, finding_json, findings, e);
    js_set_int(j, "round", (int64_t)c.round);
    js_set_time(j, "started", c.started);
    js_set_time(j, "last_round_finished", c.finished);
    js_set_str(j, "at", *c.host ? c.host : NULL);
    js_set(j, "findings", findings);
    if (rc == 0) return j;
    js_free(j);
    return NULL;
}
