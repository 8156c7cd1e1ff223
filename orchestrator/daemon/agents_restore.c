/* What agents ask and say of restores. An item begins in steps: the note that lets its host read is laid at the vault, then the item
 * is claimed, then the grant is handed over; an answer that is lost is asked for again under the same key and given again. The note
 * is made for two days, renewed while the item runs, and ended when it has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "reads.h"
#include "restores.h"
#include "sys/file.h"

enum { NOTE_S = 2 * 86400, PAUSE_S = 5, RESTORED_TEXT_MAX = 4000, RESTORED_A_DAY = 1000 };

static int64_t number_of(const struct js *q, const char *key) {
    uint64_t n = 0;
    const char *s = js_str(q, key, NULL);
    return !s ? js_int(q, key, 0) : text_u64(s, INT64_MAX, &n) ? (int64_t)n : 0;
}

/* An item that this host is the target of. What others are, nobody is told. */
static bool own_item(struct daemon *d, const char *host, const struct js *q, struct restore_item *i) {
    return restore_item_get(d->db, number_of(q, "restore"), number_of(q, "item"), i) && !strcmp(i->target_host, host);
}

static struct js *offer_of(const struct restore_item *i, const char *existing) {
    char number[24];
    struct js *o = js_object();
    snprintf(number, sizeof number, "%lld", (long long)i->restore);
    js_set_str(o, "restore", number);
    snprintf(number, sizeof number, "%lld", (long long)i->item);
    js_set_str(o, "item", number);
    js_set_str(o, "host", i->host);
    js_set_str(o, "host_id", i->host_id);
    js_set_int(o, "point", i->point);
    js_set_str(o, "target", i->dir);
    js_set_str(o, "existing", existing);
    return o;
}

struct js *agents_restores(struct daemon *d, const char *host, bool busy) {
    struct js *list = js_array();
    size_t n;
    struct err lost = ERR_INIT, e = ERR_INIT;
    db_begin(d->db);
    struct restore_item *all = restore_items(d->db, host, 0, &n);
    for (size_t i = 0; i < n && !busy; i++) {
        struct restore r;
        err_set(&lost, ZE_CUT, host, _("the agent does not know of this restore any more"));
        if (!strcmp(all[i].state, "running")) restore_item_again(d, &all[i], 0, &lost);
        if (!restore_open(all[i].state) || !restore_get(d->db, all[i].restore, &r)) continue;
        js_push(list, offer_of(&all[i], r.existing));
        restore_free(&r);
    }
    free(all);
    if (db_commit(d->db, &e) == 0) return list;
    js_free(list);
    return js_array();
}

static struct js *answer_key(bool go, bool cancel, const char *grant) {
    struct js *a = js_object();
    js_set_bool(a, "go", go);
    js_set_bool(a, "cancel", cancel);
    js_set_str(a, "grant", go && grant && *grant ? grant : NULL);
    return a;
}

/* Take down the key that is shown. A grant for another one is worthless: its process has ended. */
static void show(struct daemon *d, const struct js *q, struct restore_item *i) {
    const char *key = js_str(q, "public_key", "");
    bool same = !strcmp(key, i->public_key) && i->needs_grant == js_bool(q, "needs_grant", true);
    if (same && !strcmp(i->state, "waiting")) return; /* as nearly always: nothing to write */
    if (strcmp(key, i->public_key) != 0) {
        snprintf(i->public_key, sizeof i->public_key, "%s", key);
        restore_sealed_put(d->db, i, "");
    }
    i->needs_grant = js_bool(q, "needs_grant", true);
    CLEANUP_FREE char *sealed = restore_sealed(d->db, i);
    bool wants = i->needs_grant && (!sealed || !*sealed);
    if (wants && !strcmp(i->state, "running")) i->lease_ns = 0;
    if (wants || strcmp(i->state, "running") != 0)
        snprintf(i->state, sizeof i->state, "%s", wants ? "waiting" : "queued");
    restore_item_put(d->db, i);
    restore_settle(d, i->restore);
}

/* Claim it, if it may still begin; the sealed grant, to be freed, or NULL. */
static char *claim(struct daemon *d, struct restore_item *i, const char *key, int64_t until_ns) {
    if (!restore_item_get(d->db, i->restore, i->item, i) || strcmp(i->public_key, key) != 0) return NULL;
    bool again = !strcmp(i->state, "running");
    if (!again && (strcmp(i->state, "queued") != 0 || !restore_ready(d, i))) return NULL;
    int64_t now = daemon_now(d);
    if (!again) i->attempts++, i->started_ns = i->started_ns ? i->started_ns : now;
    snprintf(i->state, sizeof i->state, "running");
    i->lease_ns = now + (int64_t)LEASE_S * NS_PER_S, i->note_ns = until_ns;
    restore_item_put(d->db, i);
    restore_settle(d, i->restore);
    return restore_sealed(d->db, i);
}

static struct js *on_key(
    struct daemon *d, const char *host, const struct js *q, struct restore_item *i, struct err *e) {
    const char *key = js_str(q, "public_key", "");
    uint8_t pub[SEAL_KEY];
    if (b64_decode(pub, sizeof pub, key, strlen(key)) != sizeof pub || strlen(key) >= sizeof i->public_key)
        return err_set(e, ZE_PROTO, host, _("not a public key")), NULL;
    db_begin(d->db);
    bool mine = own_item(d, host, q, i), open = mine && restore_open(i->state);
    if (open) show(d, q, i);
    bool may = open && (!strcmp(i->state, "running") || (!strcmp(i->state, "queued") && restore_ready(d, i)));
    if (db_commit(d->db, e) < 0) return NULL;
    if (!mine) return err_set(e, ZE_NOTFOUND, host, _("this host has no such restore")), NULL;
    if (!may) return answer_key(false, !open, NULL);
    int64_t until = daemon_now(d) + (int64_t)NOTE_S * NS_PER_S;
    struct err why = ERR_INIT;
    if (reads_let(d, i->target_host, i->host, until, "restore", i->restore, &why) < 0) {
        daemon_log(
            d, _("restore %lld to %s: the vault does not let it read: %s"), (long long)i->restore, host, why.msg);
        return answer_key(false, false, NULL);
    }
    /* If interrupted here, a note that nobody uses; it ends by itself. */
    db_begin(d->db);
    CLEANUP_FREE char *sealed = claim(d, i, key, until);
    if (db_commit(d->db, e) < 0) return NULL;
    if (sealed) daemon_log(d, _("restore %lld: %s is restored to %s"), (long long)i->restore, i->host, host);
    return answer_key(sealed != NULL, false, sealed);
}

static int64_t count_of(const struct js *q, const char *key) {
    int64_t v = js_int(q, key, 0);
    return v > 0 ? v : 0;
}

static struct js *on_progress(
    struct daemon *d, const char *host, const struct js *q, struct restore_item *i, struct err *e) {
    int64_t now = daemon_now(d);
    bool cancel = true, renew = false; /* one that is not running here any more is not to be finished */
    db_begin(d->db);
    if (own_item(d, host, q, i) && !strcmp(i->state, "running")) {
        snprintf(i->phase, sizeof i->phase, "%s", js_str(q, "phase", ""));
        i->files = count_of(q, "files"), i->bytes = count_of(q, "bytes");
        i->files_total = count_of(q, "files_total"), i->bytes_total = count_of(q, "bytes_total");
        i->lease_ns = now + (int64_t)LEASE_S * NS_PER_S;
        cancel = restore_cancelled(d->db, i->restore);
        renew = i->note_ns - now < (int64_t)NOTE_S / 2 * NS_PER_S;
        if (renew) i->note_ns = now + (int64_t)NOTE_S * NS_PER_S;
        restore_item_put(d->db, i);
    }
    if (db_commit(d->db, e) < 0) return NULL;
    struct err why = ERR_INIT;
    if (renew && !cancel && reads_let(d, i->target_host, i->host, i->note_ns, "restore", i->restore, &why) < 0) daemon_log(d, "%s: %s", host, why.msg);
    struct js *a = js_object();
    js_set_bool(a, "cancel", cancel);
    return a;
}

static bool passing(int64_t id) {
    return (id >= 1500 && id <= 1503) || id == ZE_BUSY || id == ZE_CHILD || id == ZE_NOGRANT;
}

static void finish(struct daemon *d, struct restore_item *i, const struct js *q, const char *state) {
    struct err why = agents_error(q);
    bool failed = !strcmp(state, "failed");
    if (failed && passing(why.id)) return restore_item_again(d, i, (int64_t)PAUSE_S << i->attempts, &why);
    i->err_id = why.id;
    snprintf(i->err_object, sizeof i->err_object, "%s", why.object);
    snprintf(i->err_msg, sizeof i->err_msg, "%s", why.msg);
    restore_sealed_put(d->db, i, "");
    i->lease_ns = 0;
    bool cancelled = restore_cancelled(d->db, i->restore) && failed;
    if (failed && why.id == ZE_GRANT && !cancelled) { /* another one may be given */
        snprintf(i->state, sizeof i->state, "waiting");
    } else {
        snprintf(i->state, sizeof i->state, "%s", cancelled ? "cancelled" : state);
        i->ended_ns = daemon_now(d);
        i->missed = count_of(q, "missed"), i->attributes = count_of(q, "attributes");
        if (!failed) i->files = count_of(q, "files"), i->bytes = count_of(q, "bytes");
    }
    restore_item_put(d->db, i);
    restore_settle(d, i->restore);
}

static struct js *on_result(
    struct daemon *d, const char *host, const struct js *q, struct restore_item *i, struct err *e) {
    const char *state = js_str(q, "state", "");
    if (strcmp(state, "ok") != 0 && strcmp(state, "partial") != 0 && strcmp(state, "failed") != 0)
        return err_set(e, ZE_PROTO, host, _("a result without a state")), NULL;
    db_begin(d->db);
    bool mine = own_item(d, host, q, i), counts = mine && restore_open(i->state);
    /* Done without having been let begin: only a refusal can come so. */
    if (counts && strcmp(i->state, "running") != 0 && !i->attempts && strcmp(state, "failed") != 0) counts = false;
    if (counts) finish(d, i, q, state);
    if (db_commit(d->db, e) < 0) return NULL;
    if (!mine) return err_set(e, ZE_NOTFOUND, host, _("this host has no such restore")), NULL;
    if (counts)
        daemon_log(
            d, _("restore %lld of %s to %s is %s %s"), (long long)i->restore, i->host, host, i->state, i->err_msg);
    if (counts && !restore_open(i->state)) reads_end(d, i->target_host, i->host);
    return js_object();
}

struct js *agents_restore(struct daemon *d, const char *host, const char *op, const struct js *q, struct err *e) {
    struct restore_item *i = calloc(1, sizeof *i);
    struct js *a = NULL;
    if (!i) err_set(e, ZE_NOMEM, host, _("no memory"));
    else if (!strcmp(op, "restore-key")) a = on_key(d, host, q, i, e);
    else if (!strcmp(op, "progress")) a = on_progress(d, host, q, i, e);
    else if (!strcmp(op, "result")) a = on_result(d, host, q, i, e);
    else err_set(e, ZE_PROTO, host, _("an operation that this version does not know"));
    free(i);
    return a;
}

/* What somebody has restored on a host, as the host tells it. Whoever holds a host's key could tell a lot: a day has a bound, and
 * what is beyond it the host keeps. */
struct js *agents_restored(struct daemon *d, const char *host, const struct js *q, struct err *e) {
    static const char *const texts[] = {"state", "at", "target"}, *const numbers[] = {"point", "files", "bytes", "missed"};
    int64_t n, now = daemon_now(d);
    struct js *detail = js_object();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = js_str(q, texts[i], "");
        if (*text && strlen(text) <= RESTORED_TEXT_MAX) js_set_str(detail, texts[i], text);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) js_set_int(detail, numbers[i], (n = js_int(q, numbers[i], 0)) > 0 ? n : 0);
    db_begin(d->db);
    struct db_rows *r = db_query(d->db, "SELECT count(*) FROM audit WHERE act='restore.own' AND object=? AND time_ns>?", "si", host,
        now - 86400 * (int64_t)NS_PER_S);
    bool many = db_next(r) && db_int(r, 0) >= RESTORED_A_DAY;
    db_done(r);
    if (many) js_free(detail);
    else audit_add(d->db, now, "zaibeid", "restore.own", host, detail);
    if (db_commit(d->db, e) < 0) return NULL;
    if (many) return err_set(e, ZE_TOOFAST, host, _("it has told of %d restores within a day"), RESTORED_A_DAY), NULL;
    return js_object();
}
