/* `zaibei-vault scrub`: the round at hand, now, with what was found and what is still to be mended. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "commands.h"
#include "scrub.h"
#include "scrub_keep.h"
#include "sys/file.h"

enum { MIB_MAX = 1 << 20, TOLD_S = 2 };

static volatile sig_atomic_t stop_asked;
static void on_stop(int sig) { stop_asked = 1; }

struct progress {
    struct clock *clock;
    int64_t told;
    bool shown;
};

static void pause_ns(void *arg, int64_t ns) {
    if (!stop_asked) nanosleep(&(struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S}, NULL);
}

static bool tick(void *arg, const char *host, const struct scrub_sum *sum) {
    struct progress *p = arg;
    int64_t now = p->clock->mono_ns(p->clock);
    if (p->shown && now - p->told >= TOLD_S * NS_PER_S) {
        char bytes[24];
        text_bytes(bytes, sum->bytes);
        fprintf(stderr, _("\r%s: %" PRIu64 " objects, %s read, %" PRIu64 " damaged "), host, sum->objects, bytes,
            sum->damaged);
        p->told = now;
    }
    return !stop_asked;
}

static int finding_print(void *arg, const char *host, const struct damage_item *d, struct err *e) {
    uint64_t *count = arg;
    char since[32];
    text_time(since, d->since);
    ++*count;
    printf("%s: %s\n", d->object, d->why);
    printf(_("    host %s, first seen %s, needed by "), *host ? host : "-", since);
    if (!d->points_n) printf(_("no restore point\n"));
    for (uint32_t i = 0; i < d->points_n && i < DAMAGE_POINTS; i++)
        printf(i ? ", %" PRIu32 : _("points %" PRIu32), d->points[i]);
    if (d->points_n > DAMAGE_POINTS) printf(_(" and %" PRIu32 " more"), d->points_n - DAMAGE_POINTS);
    if (d->points_n) puts("");
    return 0;
}

static int count_one(void *arg, const char *host, const struct damage_item *d, struct err *e) {
    ++*(uint64_t *)arg;
    return 0;
}

static int report_json(struct vault *v, const struct scrub_sum *sum, bool complete, struct err *e) {
    struct js *j = scrub_json(v, e);
    if (!j) return -1;
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "scrub");
    js_set_bool(j, "complete", complete);
    js_set_int(j, "bytes", (int64_t)sum->bytes);
    js_set_int(j, "objects", (int64_t)sum->objects);
    js_set_int(j, "healed", (int64_t)sum->healed);
    js_set_int(j, "busy", (int64_t)sum->busy);
    char *text = js_dump(j);
    puts(text);
    free(text);
    js_free(j);
    return 0;
}

static int report(struct vault *v, const struct scrub_sum *sum, bool complete, bool json, struct err *e) {
    uint64_t count = 0;
    char bytes[24];
    text_bytes(bytes, sum->bytes);
    if (damage_each(v, json ? count_one : finding_print, &count, e) < 0) return -1;
    if (json && report_json(v, sum, complete, e) < 0) return -1;
    if (!json)
        printf(complete ? _("Read %" PRIu64 " objects, %s: the round is complete.\n")
                        : _("Read %" PRIu64 " objects, %s: the next run goes on from here.\n"),
            sum->objects, bytes);
    if (!json && sum->healed)
        printf(_("Replaced %" PRIu64 " damaged objects; they are in store/quarantine.\n"), sum->healed);
    if (!json && sum->busy) printf(_("%" PRIu64 " were not replaced, since a session is at work.\n"), sum->busy);
    if (count)
        return err_set(e, ZE_DAMAGED, v->dir,
            _("%" PRIu64 " findings; the next backup of each host sends its part again, or see --heal-from"), count);
    return complete ? 0 : err_set(e, ZE_CANCELLED, v->dir, _("the round is not complete"));
}

static int scrub_now(struct vault *v, const struct words *w, struct err *e) {
    struct progress p = {.clock = v->clock, .shown = !w->json && isatty(STDERR_FILENO)};
    struct scrub_opts o = {.all = w->all, .heal_from = w->heal_from, .pause = pause_ns, .tick = tick, .arg = &p};
    struct scrub_sum sum;
    struct sigaction stop = {.sa_handler = on_stop};
    if (w->rate && (!text_u64(w->rate, MIB_MAX, &o.rate) || !o.rate))
        return err_set(e, ZE_USAGE, w->rate, _("--rate is a number of MiB a second"));
    o.rate <<= 20;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    CLEANUP_FD int lock = scrub_lock(v, true, e); /* a slice of the keeper's is over soon */
    if (lock < 0) return -1;
    int rc = scrub_run(v, &o, &sum, e);
    if (p.told) fputs("\n", stderr);
    return rc < 0 ? rc : report(v, &sum, rc == 1, w->json, e);
}

int command_scrub(const struct words *w, struct err *e) {
    struct vault v;
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc = scrub_now(&v, w, e);
    vault_close(&v);
    return rc;
}
