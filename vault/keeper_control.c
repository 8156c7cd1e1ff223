/* The platform's requests (PROTOCOL.md §5): a table of operations on JSON. They come from zaibeid, which may be
 * stolen: what is here can add hosts, lay tickets, pin and revoke; it can neither remove nor shorten what is protected
 * (acts.h), nor read a byte of a pack. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "bounds.h"
#include "gc.h"
#include "keeper.h"
#include "quota.h"
#include "scrub_keep.h"
#include "stat.h"

enum { TOKEN_MIN_S = 60, TOKEN_MAX_S = 30 * 86400, TRIES = 16, TICKET_DAYS_MAX = 36600 };

static int host_of(struct keeper *k, const struct js *q, bool enrolled, struct err *e) {
    const char *host = js_str(q, "host", "");
    log_free(&k->log);
    if (log_open(&k->log, k->v, host, e) < 0) return -1;
    if (enrolled && !k->log.next) return err_set(e, ZE_NOTFOUND, host, _("no such host is enrolled here"));
    return log_settle(&k->log, e);
}

static int op_token(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    struct enrolment t = {0};
    struct system_object s;
    uint8_t seed[SEAL_SIGN_SEED], sec[SEAL_SIGN_SEC];
    char text[64];
    const char *host = js_str(q, "host", "");
    int64_t expires_s = js_int(q, "expires_s", 86400);
    if (expires_s < TOKEN_MIN_S || expires_s > TOKEN_MAX_S)
        return err_set(e, ZE_USAGE, "expires_s", _("from %d to %d seconds"), TOKEN_MIN_S, TOKEN_MAX_S);
    if (host_of(k, q, false, e) < 0) return -1;
    if (k->log.next) return err_set(e, ZE_EXISTS, host, _("a host of this name is or was enrolled"));
    if (bounds_token(k->v, host, js_str(q, "system", ""), e) < 0) return -1;
    if (system_make(k->v, js_str(q, "system", ""), &s, e) < 0) return -1;
    memcpy(t.system, s.name, sizeof t.system);
    t.expires = k->v->clock->now_ns(k->v->clock) + expires_s * NS_PER_S;
    seal_random(seed, sizeof seed);
    sign_from_seed(t.pub, sec, seed);
    int rc = enrolment_save(k->v, host, &t, e);
    /* If interrupted here, a token that nobody knows and that expires; asking again replaces it. */
    if (rc == 0) rc = authkeys_write(k->v, e);
    b64_encode(text, sizeof text, seed, sizeof seed);
    if (rc == 0) js_set_str(a, "seed", text);
    b64_encode(text, sizeof text, keychain_last(&k->v->keys), SEAL_SIGN_PUB);
    js_set_str(a, "vault_key", text);
    js_set_time(a, "expires", t.expires);
    seal_wipe(seed, sizeof seed);
    seal_wipe(sec, sizeof sec);
    return rc;
}

struct host_list {
    struct keeper *k;
    const struct js *known; /* {host: a record whose hash is asked for} */
    struct js *array;
};

static void head_json(struct js *j, uint64_t records, const uint8_t head[SEAL_HASH]) {
    char hex[HEX_HASH];
    text_hex(hex, head, SEAL_HASH);
    js_set_int(j, "records", (int64_t)records);
    js_set_str(j, "head", records ? hex : NULL);
}

/* The hash of a record that somebody has seen once; nothing where it is lost. */
static void known_json(struct js *j, struct record *r, int rc) {
    char hex[HEX_HASH];
    text_hex(hex, r->hash, SEAL_HASH);
    js_set_str(j, "known", rc == 0 ? hex : NULL);
    if (rc == 0) record_free(r);
}

static int host_json(void *arg, const char *host, struct err *e) {
    struct host_list *l = arg;
    struct host_log log;
    struct err why = ERR_INIT;
    char id[HEX_ID];
    int64_t points = 0;
    /* One host's damaged log must not hide the others: what of it can be read is shown. */
    bool damaged = log_open(&log, l->k->v, host, e) < 0;
    if (damaged || log.next) {
        struct js *j = js_object();
        for (size_t i = 0; i < log.commits_n; i++) points += !log.commits[i].removed;
        js_set_str(j, "host", host);
        text_hex(id, log.host_id, SEAL_ID);
        js_set_str(j, "host_id", id);
        js_set_str(j, "system", log.system);
        text_hex(id, log.system_id, SEAL_ID);
        js_set_str(j, "system_id", id);
        js_set_str(j, "state", damaged ? "damaged" : log.revoked ? "revoked" : "enrolled");
        js_set_time(j, "enrolled", log.enrolled);
        js_set_int(j, "points", damaged ? 0 : points);
        head_json(j, damaged ? 0 : log.next, log.head);
        int64_t n = js_int(l->known, host, -1);
        struct record r = {0};
        if (n >= 0 && !damaged) known_json(j, &r, log_load(&log, (uint64_t)n, &r, NULL, &why));
        js_push(l->array, j);
    }
    log_free(&log);
    return 0;
}

static struct js *own_log_json(struct keeper *k, int64_t known) {
    struct js *j = js_object();
    struct record r = {0};
    struct err why = ERR_INIT;
    bool whole = vaultlog_refresh(k->v, &why) == 0;
    js_set_str(j, "host", ".");
    js_set_str(j, "state", whole ? "" : "damaged");
    head_json(j, whole ? k->v->log.next : 0, k->v->log.head);
    if (known >= 0 && whole) known_json(j, &r, vaultlog_load(k->v, (uint64_t)known, &r, &why));
    return j;
}

static int op_hosts(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    struct host_list l = {k, js_get(q, "known"), js_array()};
    int rc = hosts_each(k->v, host_json, &l, e);
    js_set(a, "hosts", l.array);
    js_set(a, "log", own_log_json(k, js_int(l.known, ".", -1)));
    return rc;
}

static int op_revoke(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    struct record r = {.type = REC_REVOKE};
    struct rights rights;
    if (host_of(k, q, true, e) < 0) return -1;
    snprintf(r.revoke.reason, sizeof r.revoke.reason, "%s", js_str(q, "reason", ""));
    int rc = 0;
    for (unsigned i = 0; !k->log.revoked && rc >= 0 && i < TRIES; i++) rc = log_append(&k->log, &r, &k->raw, e);
    if (rc < 0) return rc;
    if (!k->log.revoked) return err_set(e, ZE_BUSY, k->log.host, _("others write to its log all the time"));
    /* If interrupted here, the host is revoked (its next session sees the log); asking again does the rest. */
    if (rights_load(k->v, k->log.host, &rights, e) < 0 && e->id != ZE_NOTFOUND) return -1;
    rights.revoked = true;
    if (rights_save(k->v, k->log.host, &rights, e) < 0 || authkeys_write(k->v, e) < 0) return -1;
    /* If interrupted here, its sessions end at their next word. */
    return presence_end(k->v, k->log.host, e);
}

static int op_ticket(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    struct ticket t = {0};
    bool doubt;
    const struct js *labels = js_get(q, "labels");
    const char *hash = js_str(q, "plan_hash", NULL);
    if (host_of(k, q, true, e) < 0) return -1;
    if (js_count(labels) > LABELS_MAX) return err_set(e, ZE_USAGE, "labels", _("at most %d"), LABELS_MAX);
    for (size_t i = 0; i < js_count(labels); i++) {
        const char *label = js_text(js_at(labels, i));
        if (!label || !text_name_ok(label) || strlen(label) >= sizeof t.labels.label[0])
            return err_set(e, ZE_USAGE, "labels", _("letters a-z, digits and - only, at most 31"));
        snprintf(t.labels.label[t.labels.n++], sizeof t.labels.label[0], "%s", label);
    }
    if (hash && *hash && !text_unhex(t.plan_hash, sizeof t.plan_hash, hash))
        return err_set(e, ZE_USAGE, "plan_hash", _("64 hex digits"));
    if (!civil_time_get(js_str(q, "retain_until", NULL), &t.retain_until))
        return err_set(e, ZE_USAGE, "retain_until", _("a time like 2026-11-22T01:02:03Z"));
    if (t.retain_until > log_time(&k->log, &doubt) + TICKET_DAYS_MAX * NS_PER_DAY)
        return err_set(e, ZE_TOOMUCH, "retain_until", _("at most %d days from now"), TICKET_DAYS_MAX);
    const char *name = js_str(q, "ticket", "");
    if (ticket_name_ok(name) && bounds_ticket(k->v, k->log.host, name, e) < 0) return -1;
    return ticket_save(k->v, k->log.host, name, &t, e);
}

static int op_points(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    if (host_of(k, q, true, e) < 0) return -1;
    struct js *points = points_json(&k->log, js_int(q, "after", 0), e);
    if (!points) return -1;
    js_set(a, "points", points);
    return 0;
}

/* The grace can be longer than the default, not shorter: that is for the administrator of the machine. */
static int op_gc(struct keeper *k, const struct js *q, struct js *a, struct err *e) {
    struct gc_options o = {.dry_run = js_bool(q, "dry_run", false), .grace_s = js_int(q, "grace_s", GC_GRACE_S)};
    if (o.grace_s < GC_GRACE_S || o.grace_s > GC_GRACE_MAX_S)
        return err_set(e, ZE_USAGE, "grace_s", _("from %d to %d seconds"), GC_GRACE_S, GC_GRACE_MAX_S);
    return gc_json(k->v, &o, a, e);
}

/* The members of stat stand in the answer itself. */
static struct js *op_stat(struct keeper *k, struct err *e) {
    struct vault_stat s;
    return vault_stat(k->v, &s, e) < 0 ? NULL : stat_json(k->v, &s);
}

static const struct op {
    const char *name;
    int (*run)(struct keeper *k, const struct js *q, struct js *a, struct err *e);
} ops[] = {
    {"token", op_token},
    {"hosts", op_hosts},
    {"revoke", op_revoke},
    {"ticket", op_ticket},
    {"points", op_points},
    {"gc", op_gc},
};

static struct js *op_run(struct keeper *k, const struct js *q, struct err *e) {
    const char *name = js_str(q, "op", "");
    if (strcmp(name, "stat") == 0) return op_stat(k, e);
    if (strcmp(name, "quota") == 0) return quota_control(k->v, q, e);
    if (strcmp(name, "scrub") == 0) return scrub_json(k->v, e);
    act_run *act = act_find(name);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i].name, name) != 0 && !act) continue;
        struct js *a = js_object();
        if ((act ? act(k->v, q, a, e) : ops[i].run(k, q, a, e)) == 0) return a;
        js_free(a);
        return NULL;
    }
    err_set(e, ZE_PROTO, name, _("no such operation"));
    return NULL;
}

static struct js *error_json(const struct err *e) {
    struct js *a = js_object(), *j = js_object();
    js_set_int(j, "id", e->id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", e->msg);
    js_set(a, "error", j);
    return a;
}

int keeper_control(struct keeper *k, struct rd *r, struct err *e) {
    struct err why = ERR_INIT;
    struct js *q = js_parse(r->p, r->left, "control", &why);
    struct js *a = q ? op_run(k, q, &why) : NULL;
    bool ok = a != NULL;
    js_free(q);
    if (!a) a = error_json(&why);
    js_set_bool(a, "ok", ok);
    char *text = js_dump(a);
    js_free(a);
    size_t n = strlen(text), at = 0;
    int rc = 0;
    /* A long list goes in pieces; the one that is not full ends it. */
    do {
        size_t piece = n - at < FRAME_MAX / 2 ? n - at : FRAME_MAX / 2;
        rc = frames_put(&k->f, K_CONTROL, text + at, piece, NULL, 0, e);
        at += piece;
        if (piece < FRAME_MAX / 2) break;
    } while (rc == 0);
    seal_wipe(text, n);
    free(text);
    return rc;
}
