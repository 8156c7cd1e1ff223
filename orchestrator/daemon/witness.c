/* A host's receipt tells that its own log was put back; a host that is silent, or gone with what it knew, tells nothing. So
 * zaibeid, which asks the vault anyway, remembers the number and hash of each log's last record. A log may only grow: the
 * record that was seen must still be there when more has come. While there is an alarm nothing is remembered anew, since
 * the state before the roll-back is what the vault has to come back to; when it does, the alarm ends by itself.
 *
 * It is as good as its memory: a thief of zaibeid can forget, not forge (an auditor's own copy of `zaibei witness list` is an
 * anchor for zaibei-verify), and what is cut between two looks was never seen. */
#include "witness.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "outbox.h"

struct seen {
    int64_t n, behind_ns;
    char hash[65];
};

static bool seen_get(struct db *db, const char *log, struct seen *s) {
    struct db_rows *r = db_query(db, "SELECT n, hash, behind_ns FROM witness WHERE log=?", "s", log);
    bool found = db_next(r);
    *s = (struct seen){.n = found ? db_int(r, 0) : -1, .behind_ns = found ? db_int(r, 2) : 0};
    snprintf(s->hash, sizeof s->hash, "%s", found ? db_text(r, 1) : "");
    db_done(r);
    return found;
}

struct js *witness_known(struct db *db) {
    struct js *j = js_object();
    struct db_rows *r = db_query(db, "SELECT log, n FROM witness LIMIT 10000", ""); /* a request has 1 MiB at most */
    while (db_next(r)) js_set_int(j, db_text(r, 0), db_int(r, 1));
    db_done(r);
    return j;
}

/* What is wrong with the log; "" when nothing is. */
static void judge(const struct seen *s, const struct js *log, char why[200]) {
    int64_t last = js_int(log, "records", 0) - 1;
    const char *known = last == s->n ? js_str(log, "head", "") : js_str(log, "known", "");
    *why = 0;
    if (!log) snprintf(why, 200, _("it is gone; record %lld was its last"), (long long)s->n);
    else if (last < s->n)
        snprintf(why, 200, _("its last record is %lld; record %lld was seen"), (long long)last, (long long)s->n);
    else if (strcmp(known, s->hash) != 0)
        snprintf(why, 200, _("its record %lld is not the one that was seen"), (long long)s->n);
}

static struct js *because(const char *why) {
    struct js *j = js_object();
    js_set_str(j, "why", why);
    return j;
}

static void alarm(struct daemon *d, const char *log, const struct seen *s, const char *why, int64_t now) {
    condition_set(d->db, now, "vault.behind", log, "", true, because(why));
    if (s->behind_ns) return;
    db_exec(d->db, "UPDATE witness SET behind_ns=?, why=? WHERE log=?", "iss", now, why, log);
    audit_add(d->db, now, "zaibeid", "vault.behind", log, because(why));
    daemon_log(d, "ZB-%u %s: %s: %s", (unsigned)ZE_BEHIND, err_text(ZE_BEHIND), log, why);
}

static void look(struct daemon *d, const struct js *asked, const char *name, const struct js *log, int64_t now) {
    struct seen s;
    char why[200];
    int64_t records = js_int(log, "records", 0);
    bool known = seen_get(d->db, name, &s);
    /* Another thread has looked since we asked: our answer is the older one. */
    if (known && js_int(asked, name, -1) != s.n) return;
    if (log && strcmp(js_str(log, "state", ""), "damaged") == 0) return;
    if (known) judge(&s, log, why);
    if (known && *why) return alarm(d, name, &s, why, now);
    if (!log || records < 1) return;
    if (s.behind_ns) audit_add(d->db, now, "zaibeid", "vault.again", name, NULL);
    condition_set(d->db, now, "vault.behind", name, "", false, NULL);
    db_exec(d->db, "INSERT OR REPLACE INTO witness(log,n,hash,behind_ns,why) VALUES(?,?,?,0,'')", "sis", name, records - 1,
        js_str(log, "head", ""));
}

static const struct js *log_of(const struct js *logs, const char *name) {
    for (size_t i = 0; i < js_count(logs); i++)
        if (strcmp(js_str(js_at(logs, i), "host", ""), name) == 0) return js_at(logs, i);
    return NULL;
}

/* Those that were seen and are not there any more. */
static void look_for_lost(struct daemon *d, const struct js *asked, const struct js *logs, int64_t now) {
    struct js *known = js_array();
    struct db_rows *r = db_query(d->db, "SELECT log FROM witness WHERE behind_ns=0", "");
    while (db_next(r)) js_push_str(known, db_text(r, 0));
    db_done(r);
    for (size_t i = 0; i < js_count(known); i++) {
        const char *name = js_text(js_at(known, i));
        if (!log_of(logs, name)) look(d, asked, name, NULL, now);
    }
    js_free(known);
}

int witness_look(struct daemon *d, const struct js *asked, const struct js *logs, struct err *e) {
    int64_t now = daemon_now(d);
    db_begin(d->db);
    for (size_t i = 0; i < js_count(logs); i++) {
        const char *name = js_str(js_at(logs, i), "host", "");
        if (*name && js_has(js_at(logs, i), "records")) look(d, asked, name, js_at(logs, i), now);
    }
    /* A vault that does not tell (an older one) has lost nothing. */
    if (js_count(logs) && js_has(js_at(logs, 0), "records")) look_for_lost(d, asked, logs, now);
    return db_commit(d->db, e);
}

bool witness_why(struct db *db, const char *host, char why[200]) {
    struct db_rows *r = db_query(db, "SELECT why FROM witness WHERE log=? AND behind_ns<>0", "s", host);
    bool found = db_next(r);
    snprintf(why, 200, "%s", found ? db_text(r, 0) : "");
    db_done(r);
    return found;
}

struct js *witness_list(struct db *db) {
    struct js *list = js_array();
    struct db_rows *r = db_query(db, "SELECT log, n, hash, behind_ns, why FROM witness ORDER BY log", "");
    while (db_next(r)) {
        struct js *j = js_object();
        js_set_str(j, "log", db_text(r, 0));
        js_set_int(j, "number", db_int(r, 1));
        js_set_str(j, "hash", db_text(r, 2));
        js_set_time(j, "behind", db_int(r, 3));
        js_set_str(j, "why", db_int(r, 3) ? db_text(r, 4) : NULL);
        js_push(list, j);
    }
    db_done(r);
    return list;
}

int64_t witness_accept(struct db *db, const char *host, const char *who, int64_t now_ns) {
    db_exec(db, "DELETE FROM witness WHERE behind_ns<>0 AND (?1 IS NULL OR log=?1)", "s", host);
    int64_t n = db_changes(db);
    if (n) audit_add(db, now_ns, who, "vault.accept", host ? host : "*", NULL);
    return n;
}
