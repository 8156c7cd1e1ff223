/* Counting. Bytes are those of the packs; logs and used pages are small beside them. How full it is, is asked of the file system:
 * others may fill it too, and it is full when nothing more can be written. The points of a host whose log cannot
 * be read are not counted, and that there is such a host is said: it must not hide the others. */
#include "stat.h"

#include <stdio.h>

#include "base/text.h"
#include "packs.h"
#include "recovery.h"
#include "retention.h"

struct counting {
    struct vault *v;
    struct vault_stat *s;
    char dir[STORE_NAME_MAX];
};

static int bytes_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct vault_stat *s = arg;
    s->bytes += size;
    return 0;
}

static int generation_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct counting *c = arg;
    char dir[STORE_NAME_MAX + 64];
    snprintf(dir, sizeof dir, "%s/%.40s", c->dir, name);
    return store_list(&c->v->store, dir, bytes_add, c->s, e);
}

/* The commits of the last days, the newest first. */
static void recent_add(struct counting *c, struct host_log *l) {
    int64_t since = c->v->clock->now_ns(c->v->clock) - STAT_DAYS * NS_PER_DAY;
    for (size_t i = l->commits_n; i; i--) {
        struct record r;
        struct err ignored = ERR_INIT;
        if (log_load(l, l->commits[i - 1].n, &r, NULL, &ignored) < 0) return;
        bool old = r.time < since;
        if (!old) c->s->recent += r.commit.bytes_stored;
        if (!old && (!c->s->oldest || r.time < c->s->oldest)) c->s->oldest = r.time;
        record_free(&r);
        if (old) return;
    }
}

/* The day it fills: a vault that is younger than 30 days is judged by its age, of a day at least. */
static void forecast(struct vault *v, struct vault_stat *s) {
    int64_t now = v->clock->now_ns(v->clock), span = STAT_DAYS * NS_PER_DAY;
    if (s->oldest && now - s->oldest < span) span = now - s->oldest < NS_PER_DAY ? NS_PER_DAY : now - s->oldest;
    s->capacity = s->used + s->free;
    s->percent = s->capacity ? (unsigned)((double)s->used / (double)s->capacity * 100) : 0;
    double left = s->recent ? (double)s->free / (double)s->recent * (double)span : 0;
    if (s->recent && left < 100.0 * 366 * (double)NS_PER_DAY) s->fills_on = now + (int64_t)left;
}

static int host_add(void *arg, const char *host, struct err *e) {
    struct counting *c = arg;
    struct host_log l;
    bool damaged = log_open(&l, c->v, host, e) < 0;
    for (size_t i = 0; !damaged && i < l.commits_n; i++) c->s->points += !l.commits[i].removed;
    if (!damaged) recent_add(c, &l);
    log_free(&l);
    snprintf(c->dir, sizeof c->dir, "hosts/%s/packs", host);
    c->s->hosts++;
    c->s->damaged += damaged;
    return store_list(&c->v->store, c->dir, generation_add, c, e);
}

int vault_stat(struct vault *v, struct vault_stat *s, struct err *e) {
    struct counting c = {.v = v, .s = s};
    *s = (struct vault_stat){0};
    int rc = hosts_each(v, host_add, &c, e);
    if (rc == 0) rc = store_space(&v->store, &s->free, &s->used, e);
    if (rc == 0) forecast(v, s);
    return rc;
}

static struct js *alert_push(struct js *list, const char *what) {
    struct js *j = js_object();
    js_set_str(j, "what", what);
    js_push(list, j);
    return j;
}

struct js *stat_alerts(struct vault *v, const struct vault_stat *s) {
    struct err e = ERR_INIT;
    struct js *list = js_array(), *j;
    if (s->percent >= STAT_ALERT) {
        j = alert_push(list, "capacity");
        js_set_int(j, "percent", s->percent);
        js_set_int(j, "free", (int64_t)s->free);
        js_set_time(j, "fills_on", s->fills_on);
    }
    if (s->damaged) js_set_int(alert_push(list, "damaged-logs"), "hosts", (int64_t)s->damaged);
    bool unread = vaultlog_refresh(v, &e) < 0;
    if (vaultlog_doubtful(&v->log)) {
        j = alert_push(list, "clock");
        js_set_str(j, "why", unread ? e.msg : v->log.why);
        js_set_time(j, "since", unread ? 0 : v->log.jumped_at);
    }
    e = (struct err)ERR_INIT;
    if (recovery_fresh(v, &e) < 1) js_set_str(alert_push(list, "recovery"), "why", *e.msg ? e.msg : NULL);
    return list;
}

struct js *stat_json(struct vault *v, const struct vault_stat *s) {
    struct js *j = js_object();
    char id[HEX_ID], key[64];
    text_hex(id, v->header.id, SEAL_ID);
    b64_encode(key, sizeof key, keychain_last(&v->keys), SEAL_SIGN_PUB);
    js_set_int(j, "hosts", (int64_t)s->hosts);
    js_set_int(j, "damaged", (int64_t)s->damaged);
    js_set_int(j, "points", (int64_t)s->points);
    js_set_int(j, "bytes", (int64_t)s->bytes);
    js_set_int(j, "free", (int64_t)s->free);
    js_set_int(j, "used", (int64_t)s->used);
    js_set_int(j, "capacity", (int64_t)s->capacity);
    js_set_int(j, "percent", s->percent);
    js_set_bool(j, "alert", s->percent >= STAT_ALERT);
    js_set_time(j, "fills_on", s->fills_on);
    js_set(j, "alerts", stat_alerts(v, s));
    js_set_str(j, "vault_id", id);
    js_set_str(j, "vault_key", key);
    js_set_time(j, "time", v->clock->now_ns(v->clock));
    return j;
}

static struct js *point_json(const struct record *r) {
    const struct rec_commit *c = &r->commit;
    char generation[HEX_ID], plan[HEX_HASH];
    struct js *j = js_object(), *labels = js_array();
    text_hex(generation, c->generation, SEAL_ID);
    text_hex(plan, c->plan_hash, SEAL_HASH);
    for (unsigned i = 0; i < c->labels.n; i++) js_push_str(labels, c->labels.label[i]);
    js_set_int(j, "point", c->point);
    js_set_time(j, "time", r->time);
    js_set_str(j, "kind", kind_word(c->kind));
    js_set(j, "labels", labels);
    js_set_str(j, "state", c->state == STATE_COMPLETE ? "complete" : "partial");
    js_set_int(j, "files", (int64_t)c->files);
    js_set_int(j, "bytes", (int64_t)c->bytes);
    js_set_int(j, "bytes_read", (int64_t)c->bytes_read);
    js_set_int(j, "bytes_sent", (int64_t)c->bytes_sent);
    js_set_int(j, "bytes_stored", (int64_t)c->bytes_stored);
    js_set_str(j, "generation", generation);
    js_set_int(j, "parent", c->parent);
    js_set_str(j, "plan_hash", plan);
    js_set_str(j, "ticket", c->ticket);
    js_set_time(j, "walk_start", c->walk_start);
    js_set_time(j, "retain_until", c->retain_until);
    js_set_bool(j, "time_uncertain", r->flags & 1);
    return j;
}

static void protection_json(struct js *j, const struct retention *f, const struct log_commit *c) {
    struct verdict v = retention_until(f, c);
    js_set_time(j, "protected_until", v.until);
    js_set_str(j, "protected_by", retained_word(v.why));
    js_set_time(j, "pinned_until", c->pinned);
}

struct js *points_json(struct host_log *l, int64_t after, struct err *e) {
    struct rights rights;
    struct err ignored = ERR_INIT;
    bool known = rights_load(l->v, l->host, &rights, &ignored) == 0;
    struct retention f = retention_facts(l, known ? &rights : NULL);
    struct js *list = js_array();
    log_small(l);
    for (size_t i = 0; i < l->commits_n; i++) {
        struct record r;
        if (l->commits[i].removed || (int64_t)l->commits[i].point <= after) continue;
        if (log_load(l, l->commits[i].n, &r, NULL, e) < 0) {
            js_free(list);
            return NULL;
        }
        struct js *j = point_json(&r);
        protection_json(j, &f, &l->commits[i]);
        js_push(list, j);
        record_free(&r);
    }
    log_small_end(l, false);
    return list;
}
