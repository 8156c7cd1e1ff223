/* The collection for people and programs: `zaibei-vault gc`, the control operation, and the keeper's own daily run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "commands.h"
#include "gc.h"
#include "sys/file.h"

#define RAN_NOTE "keeper/gc"
enum { DAY_S = 86400 };

static struct js *why_json(const struct err *why) {
    struct js *j = js_object();
    js_set_int(j, "id", why->id);
    js_set_str(j, "object", why->object);
    js_set_str(j, "message", why->msg);
    return j;
}

struct gathering {
    struct js *generations, *skipped;
    uint64_t won, dead_later;
};

static int json_add(void *arg, const struct gc_report *r, struct err *e) {
    struct gathering *g = arg;
    struct js *j = js_object();
    js_set_str(j, "host", r->host);
    if (r->why.id) js_set(j, "why", why_json(&r->why));
    if (!*r->generation) return js_push(g->skipped, j), 0;
    const struct {
        const char *name;
        uint64_t n;
    } numbers[] = {{"packs", r->packs}, {"bytes", r->bytes}, {"deleted_packs", r->deleted},
        {"deleted_bytes", r->deleted_bytes}, {"rewritten_packs", r->rewritten}, {"rewritten_bytes", r->rewritten_bytes},
        {"used_pages", r->pages}, {"slack_bytes", r->slack_bytes}, {"grace_bytes", r->grace_bytes},
        {"upload_bytes", r->upload_bytes}};
    js_set_str(j, "generation", r->generation);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) js_set_int(j, numbers[i].name, (int64_t)numbers[i].n);
    js_set_time(j, "grace_until", r->grace_until);
    js_set_time(j, "upload_until", r->upload_until);
    js_set_bool(j, "stopped", r->stopped);
    js_push(g->generations, j);
    g->won += r->deleted_bytes + r->rewritten_bytes;
    g->dead_later += r->grace_bytes;
    return 0;
}

int gc_json(struct vault *v, const struct gc_options *o, struct js *out, struct err *e) {
    struct gathering g = {js_array(), js_array(), 0, 0};
    int rc = gc_run(v, o, json_add, &g, e);
    js_set_bool(out, "dry_run", o->dry_run);
    js_set_int(out, "bytes", (int64_t)g.won);
    js_set_int(out, "bytes_later", (int64_t)g.dead_later);
    js_set(out, "generations", g.generations);
    js_set(out, "skipped", g.skipped);
    return rc;
}

static void print_until(uint64_t bytes, int64_t until, const char *fmt) {
    char size[24], time[32];
    if (!bytes) return;
    text_bytes(size, bytes);
    text_time(time, until);
    printf("    ");
    printf(fmt, size, time);
    printf("\n");
}

struct printing {
    bool dry_run;
    uint64_t won;
};

static int print_report(void *arg, const struct gc_report *r, struct err *e) {
    struct printing *p = arg;
    char all[24], dead[24], moved[24];
    p->won += r->deleted_bytes + r->rewritten_bytes;
    if (!*r->generation) return printf(_("%s: passed over: %s\n"), r->host, r->why.msg) < 0;
    text_bytes(all, r->bytes);
    text_bytes(dead, r->deleted_bytes);
    text_bytes(moved, r->rewritten_bytes);
    printf(_("%s, generation %.8s: %" PRIu64 " packs, %s\n"), r->host, r->generation, r->packs, all);
    if (r->deleted_bytes)
        printf(p->dry_run ? _("    no point needs: %" PRIu64 " packs, %s\n") : _("    deleted: %" PRIu64 " packs, %s\n"),
            r->deleted, dead);
    if (r->rewritten)
        printf(p->dry_run ? _("    less than half is needed: %" PRIu64 " packs; rewriting them wins %s\n")
                          : _("    rewritten without what no point needs: %" PRIu64 " packs, %s won\n"),
            r->rewritten, moved);
    print_until(r->grace_bytes, r->grace_until, _("stays: %s of points removed not long ago, until %s"));
    print_until(r->upload_bytes, r->upload_until, _("stays: %s of an upload that is not finished, at most until %s"));
    print_until(r->slack_bytes, 0, _("stays: %s between what is needed, in packs of which half or more is"));
    if (r->stopped) printf(_("    the rest next time: a session of the host came\n"));
    if (r->why.id) printf(_("    left alone: %s: %s\n"), r->why.object, r->why.msg);
    return 0;
}

static int print_all(struct vault *v, const struct gc_options *o, struct err *e) {
    struct printing p = {.dry_run = o->dry_run};
    char size[24];
    int rc = gc_run(v, o, print_report, &p, e);
    text_bytes(size, p.won);
    if (rc == 0) printf(o->dry_run ? _("would win %s\n") : _("won %s\n"), size);
    return rc;
}

int command_gc(const struct words *w, struct err *e) {
    struct vault v;
    struct gc_options o = {.dry_run = w->dry_run, .grace_s = GC_GRACE_S};
    uint64_t days;
    if (w->grace && !text_u64(w->grace, GC_GRACE_MAX_S / DAY_S, &days))
        return err_set(e, ZE_USAGE, w->grace, _("--grace is a number of days"));
    if (w->grace) o.grace_s = (int64_t)days * DAY_S;
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc;
    if (w->json) {
        CLEANUP_JS struct js *j = js_object();
        js_set_int(j, "schema_version", 1);
        js_set_str(j, "message_type", "collection");
        rc = gc_json(&v, &o, j, e);
        CLEANUP_FREE char *text = rc == 0 ? js_dump(j) : NULL;
        if (text) puts(text);
    } else {
        rc = print_all(&v, &o, e);
    }
    vault_close(&v);
    return rc;
}

static void ran_save(struct vault *v, int64_t now_s) {
    char text[32];
    struct err e = ERR_INIT;
    snprintf(text, sizeof text, "%" PRId64, now_s);
    if (file_replace(v->fd, RAN_NOTE, text, strlen(text), 0600, &e) < 0) err_print("zaibei-vault keep", &e);
}

/* When the last collection began; 0: never. */
static int64_t ran_load(struct vault *v) {
    struct buf b;
    struct err ignored = ERR_INIT;
    uint64_t ran = 0;
    buf_init(&b, 64);
    if (file_load(v->fd, RAN_NOTE, 32, &b, &ignored) == 0) {
        buf_u8(&b, 0);
        if (!text_u64((const char *)b.p, INT64_MAX, &ran)) ran = 0;
    }
    buf_free(&b);
    return (int64_t)ran;
}

bool gc_due(struct vault *v, bool idle) {
    int64_t now = v->clock->now_ns(v->clock) / NS_PER_S, ran = ran_load(v);
    if (!ran) return ran_save(v, now), false; /* a new vault has nothing to collect */
    if (ran <= now + DAY_S && now - ran < (idle ? DAY_S : DAY_S + DAY_S / 2)) return false;
    /* Noted before: if it is interrupted, or fails, the next one is in a day and not in a second. */
    ran_save(v, now);
    return true;
}

static int said(void *arg, const struct gc_report *r, struct err *e) {
    if (r->why.id && r->why.id != ZE_BUSY) err_print("zaibei-vault keep: collection", &r->why);
    return 0;
}

void gc_daily(struct vault *v) {
    struct gc_options o = {.grace_s = GC_GRACE_S};
    struct err e = ERR_INIT;
    if (gc_run(v, &o, said, NULL, &e) < 0 && e.id != ZE_BUSY) err_print("zaibei-vault keep: collection", &e);
}
