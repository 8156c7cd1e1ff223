/* One note stands at the vault for a pair of hosts, whoever asked for it: so a note is only made longer, and taken back only when
 * nobody is left who reads by it. If interrupted between, it ends by itself. */
#include "reads.h"

#include <stdio.h>

#include "catalog.h"
#include "control.h"

static int ask(struct daemon *d, const char *reader, const char *source, int64_t until_ns, const char *reason, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "grant");
    js_set_str(q, "reader", reader);
    js_set_str(q, "source", source);
    js_set_time(q, "until", until_ns);
    js_set_str(q, "reason", reason);
    js_set_str(q, "who", "zaibeid");
    return control_call(&d->control, q, &a, e);
}

int reads_let(struct daemon *d, const char *reader, const char *source, int64_t until_ns, const char *what, int64_t id,
    struct err *e) {
    char reason[64];
    snprintf(reason, sizeof reason, "%s %lld", what, (long long)id);
    return ask(d, reader, source, until_ns, reason, e);
}

static bool needed(struct db *d, const char *reader, const char *source) {
    struct db_rows *r = db_query(d,
        "SELECT 1 FROM restore_items WHERE target_host=?1 AND host=?2 AND state IN('queued','waiting','running') UNION ALL "
        "SELECT 1 FROM drills, json_each(drills.hosts) WHERE state<>'ended' AND granted_ns>0 AND ?1=?2 AND "
        "json_extract(value,'$.host')=?2 LIMIT 1",
        "ss", reader, source);
    bool found = db_next(r);
    db_done(r);
    return found;
}

void reads_end(struct daemon *d, const char *reader, const char *source) {
    struct err e = ERR_INIT;
    db_begin(d->db);
    bool stays = needed(d->db, reader, source);
    if (db_commit(d->db, &e) == 0 && stays) return;
    if (!e.id) (void)(ask(d, reader, source, daemon_now(d) - NS_PER_S, "over", &e) == 0);
    if (e.id) daemon_log(d, "%s: %s", reader, e.msg);
}
