/* Three tables: notices (what happened), conditions (what lasts), deliveries (to whom, how often tried). Old notices whose
 * deliveries are all done stay: they are the history that `zaibei notify list` shows; what is older than a year goes.
 *
 * One channel never holds up another: when its server is away, all that is for it waits together, and one delivery at a time
 * finds out whether it is back. One recipient never holds up another: where a server refuses a mail to several, each gets
 * a delivery of its own. */
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "sys/file.h"

static void add(struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, bool resolved,
    struct js *detail) {
    CLEANUP_FREE char *text = detail ? js_dump(detail) : NULL;
    js_free(detail);
    db_exec(d, "INSERT INTO notices(time_ns,kind,object,plan,resolved,detail,spread) VALUES(?,?,?,?,?,?,0)", "isssis",
        now_ns, kind, object, plan, (int64_t)resolved, text ? text : "{}");
}

void notice_add(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, struct js *detail) {
    add(d, now_ns, kind, object, plan, false, detail);
}

void notice_end(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, struct js *detail) {
    add(d, now_ns, kind, object, plan, true, detail);
}

/* When it was last told of; 0: it does not hold. */
static int64_t told(struct db *d, const char *kind, const char *object) {
    struct db_rows *r = db_query(d, "SELECT told_ns FROM conditions WHERE kind=? AND object=?", "ss", kind, object);
    int64_t at = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return at;
}

bool condition_holds(struct db *d, const char *kind, const char *object) { return told(d, kind, object) != 0; }

void condition_set(
    struct db *d, int64_t now_ns, const char *kind, const char *object, const char *plan, bool on, struct js *detail) {
    int64_t at = told(d, kind, object);
    bool again = on && at && now_ns - at >= (int64_t)OUTBOX_AGAIN_S * NS_PER_S;
    if ((on && at && !again) || (!on && !at)) return js_free(detail);
    if (on)
        db_exec(d,
            "INSERT INTO conditions(kind,object,since_ns,told_ns) VALUES(?1,?2,?3,?3) ON CONFLICT(kind,object) DO "
            "UPDATE SET "
            "told_ns=?3",
            "ssi", kind, object, now_ns);
    else db_exec(d, "DELETE FROM conditions WHERE kind=? AND object=?", "ss", kind, object);
    add(d, now_ns, kind, object, plan, !on, detail);
}

/* A row of "id,time_ns,kind,object,plan,resolved,detail" from ${c} on; false for a kind that this version does not know. */
static bool read_notice(struct db_rows *r, int c, struct notice *n, char plan[64]) {
    struct err ignored = ERR_INIT;
    *n = (struct notice){.id = db_int(r, c), .time_ns = db_int(r, c + 1), .kind = notice_kind_of(db_text(r, c + 2))};
    snprintf(n->object, sizeof n->object, "%s", db_text(r, c + 3));
    snprintf(plan, 64, "%s", db_text(r, c + 4));
    n->resolved = db_int(r, c + 5);
    n->detail = js_parse(db_text(r, c + 6), strlen(db_text(r, c + 6)), "notice", &ignored);
    return n->kind;
}

static void deliver_to(struct db *d, int64_t now_ns, const struct notice *n, const char *channel, const char *to) {
    db_exec(d, "INSERT INTO deliveries(notice,channel,state,tries,due_ns,why,recipients) VALUES(?,?,'queued',0,?,'',?)",
        "isis", n->id, channel, now_ns, to);
}

static void spread(
    struct db *d, int64_t now_ns, const struct notify_config *cfg, const struct notice *n, const char *contacts) {
    for (size_t i = 0; n->kind && i < cfg->channels_n; i++) {
        const struct channel *ch = &cfg->channel[i];
        if (channel_wants(cfg, ch, n)) deliver_to(d, now_ns, n, ch->name, "");
        if (*contacts && channel_contacts(cfg, ch, n)) deliver_to(d, now_ns, n, ch->name, contacts);
    }
    db_exec(d, "UPDATE notices SET spread=1, department=? WHERE id=?", "si", n->department, n->id);
}

void outbox_spread(struct db *d, int64_t now_ns, const struct notify_config *cfg,
    void (*about)(void *arg, const char *plan, struct about *out), void *arg) {
    /* After weeks without zaibeid a host has missed many runs of a plan at once: one mail says so, of the last. */
    db_exec(d,
        "UPDATE notices SET spread=1 WHERE spread=0 AND kind='job.missed' AND id NOT IN "
        "(SELECT max(id) FROM notices WHERE spread=0 AND kind='job.missed' GROUP BY object,plan)",
        "");
    for (;;) {
        struct notice n;
        struct about of = {.department = ""};
        char plan[64];
        struct db_rows *r = db_query(d,
            "SELECT id,time_ns,kind,object,plan,resolved,detail FROM notices WHERE spread=0 ORDER BY id LIMIT 1", "");
        bool found = db_next(r);
        if (found) (void)read_notice(r, 0, &n, plan);
        db_done(r);
        if (!found) return;
        if (*plan) about(arg, plan, &of);
        snprintf(n.department, sizeof n.department, "%s", of.department);
        spread(d, now_ns, cfg, &n, of.contacts);
        js_free(n.detail);
    }
}

bool outbox_next(struct db *d, int64_t now_ns, struct delivery *x) {
    char plan[64];
    struct db_rows *r = db_query(d,
        "SELECT d.id,d.tries,d.channel,n.id,n.time_ns,n.kind,n.object,n.plan,n.resolved,n.detail,n.department,d.recipients FROM "
        "deliveries d "
        "JOIN notices n ON n.id=d.notice WHERE d.state='queued' AND d.due_ns<=? ORDER BY d.due_ns, d.id LIMIT 1",
        "i", now_ns);
    bool found = db_next(r);
    if (found) {
        *x = (struct delivery){.id = db_int(r, 0), .tries = db_int(r, 1)};
        snprintf(x->channel, sizeof x->channel, "%s", db_text(r, 2));
        found = read_notice(r, 3, &x->notice, plan);
        snprintf(x->notice.department, sizeof x->notice.department, "%s", db_text(r, 10));
        if (found && *db_text(r, 11)) x->to = strdup(db_text(r, 11));
    }
    db_done(r);
    return found;
}

void outbox_done(struct db *d, const struct delivery *x, int64_t now_ns, const struct err *why) {
    char text[1200] = "";
    int64_t pause = OUTBOX_PAUSE_S;
    if (why) snprintf(text, sizeof text, "ZB-%u %s: %s", (unsigned)why->id, why->object, why->msg);
    for (int64_t i = 0; i < x->tries && pause < OUTBOX_PAUSE_MAX_S; i++) pause *= 2;
    if (pause > OUTBOX_PAUSE_MAX_S) pause = OUTBOX_PAUSE_MAX_S;
    if (why && (why->id == ZE_UNREACHABLE || why->id == ZE_TIMEOUT))
        db_exec(d, "UPDATE deliveries SET due_ns=max(due_ns,?) WHERE state='queued' AND channel=?", "is",
            now_ns + (int64_t)OUTBOX_PAUSE_S * NS_PER_S, x->channel);
    db_exec(d, "UPDATE deliveries SET state=?, tries=tries+1, due_ns=?, done_ns=?, why=? WHERE id=?", "siisi",
        !why                               ? "sent"
            : x->tries + 1 >= OUTBOX_TRIES ? "failed"
                                           : "queued",
        now_ns + pause * NS_PER_S, now_ns, text, x->id);
}

void outbox_each(struct db *d, const struct delivery *x, int64_t now_ns, const char *const *to, size_t n) {
    db_exec(d, "UPDATE deliveries SET recipients=?, due_ns=? WHERE id=?", "sii", to[0], now_ns, x->id);
    for (size_t i = 1; i < n; i++) deliver_to(d, now_ns, &x->notice, x->channel, to[i]);
}

void outbox_forget(struct db *d, int64_t now_ns) {
    struct db_rows *r = db_query(d,
        "SELECT max(id) FROM (SELECT id,time_ns FROM notices ORDER BY id LIMIT ?1) WHERE time_ns<?2", "ii",
        (int64_t)OUTBOX_FORGET, now_ns - (int64_t)OUTBOX_KEPT_S * NS_PER_S);
    int64_t upto = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    if (!upto) return;
    db_exec(d, "DELETE FROM deliveries WHERE notice<=?", "i", upto);
    db_exec(d, "DELETE FROM notices WHERE id<=?", "i", upto);
}

bool outbox_retry(struct db *d, int64_t id, int64_t now_ns) {
    db_exec(
        d, "UPDATE deliveries SET state='queued', tries=0, due_ns=? WHERE id=? AND state!='sent'", "ii", now_ns, id);
    return db_changes(d) == 1;
}
