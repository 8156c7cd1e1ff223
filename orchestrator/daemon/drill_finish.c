/* The end of a drill: from its journal to its signed record, in one transaction with the row, the audit and the notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "drill/record.h"
#include "drills.h"
#include "base/i18n.h"
#include "outbox.h"
#include "sys/file.h"

/* What only the catalog knows. */
static struct js *facts_of(const struct drill *x) {
    struct js *f = js_object();
    js_set_int(f, "drill", x->id);
    js_set_str(f, "system", x->system);
    js_set(f, "departments", x->departments ? js_copy(x->departments) : js_array());
    js_set_str(f, "plan", x->plan);
    js_set_int(f, "plan_version", x->plan_version);
    js_set_str(f, "plan_hash", x->plan_hash);
    js_set_str(f, "origin", x->origin);
    js_set_str(f, "requested_by", x->requested_by);
    if (x->system_point) js_set_int(f, "system_point", x->system_point);
    js_set_str(f, "granted_by", x->granted_ns ? x->granted_by : NULL);
    drill_time_set(f, "granted", x->granted_ns);
    drill_time_set(f, "ended", x->ended_ns);
    js_set(f, "hosts", x->hosts ? js_copy(x->hosts) : js_array());
    js_set(f, "checks", js_get(x->recovery, "checks") ? js_copy(js_get(x->recovery, "checks")) : js_array());
    if (*x->cancel) js_set_str(f, "cancelled_by", x->cancel);
    return f;
}

/* What lists, trends and forecasts need of a record. */
static struct js *summary_of(const struct js *record) {
    static const char *const words[] = {"system", "requested", "ended", "verdict"}, *const maps[] = {"cause", "rto", "rpo", "restore"};
    struct js *s = js_object();
    for (int i = 0; i < 4; i++) js_set_str(s, words[i], js_str(record, words[i], NULL));
    for (int i = 0; i < 4; i++)
        if (js_get(record, maps[i])) js_set(s, maps[i], js_copy(js_get(record, maps[i])));
    js_set_int(s, "drill", js_int(record, "drill", 0));
    js_set_int(s, "level", js_int(record, "level", 0));
    return s;
}

static void tell(struct daemon *d, const struct drill *x) {
    struct js *detail = js_object();
    const struct js *c = js_get(x->summary, "cause");
    js_set_int(detail, "drill", x->id);
    js_set_str(detail, "verdict", x->verdict);
    js_set_str(detail, "cause", js_str(c, "what", ""));
    js_set_str(detail, "host", js_str(c, "host", ""));
    js_set_str(detail, "name", js_str(c, "name", ""));
    js_set_str(detail, "detail", js_str(c, "detail", ""));
    notice_add(d->db, x->ended_ns, "drill.red", x->system, x->plan, detail);
}

/* What others wrote into the row meanwhile. */
static void take_given(struct daemon *d, struct drill *x) {
    struct drill now;
    if (drill_get(d->db, x->id, &now)) {
        x->granted_ns = now.granted_ns;
        memcpy(x->granted_by, now.granted_by, sizeof x->granted_by);
        memcpy(x->cancel, now.cancel, sizeof x->cancel);
    }
    drill_free(&now);
}

int drill_finish(struct daemon *d, struct drill *x, struct err *e) {
    struct drill_request q = {.level = x->level, .requested_ns = x->requested_ns, .incident_ns = x->incident_ns,
        .rto_target_s = x->rto_target_s, .rpo_target_s = x->rpo_target_s, .hosts = x->hosts,
        .checks = js_get(x->recovery, "checks")};
    char hash[2 * SEAL_HASH + 1];
    x->ended_ns = x->since_ns = daemon_now(d);
    db_begin(d->db);
    take_given(d, x);
    CLEANUP_JS struct js *events = drill_events(d->db, x->id), *facts = facts_of(x);
    CLEANUP_JS struct js *record = drill_record(facts, &q, events);
    CLEANUP_FREE char *file = drill_record_seal(record, d->audit_key.pub, d->audit_key.sec);
    if (!file) return db_abort(d->db), err_set(e, ZE_NOMEM, x->system, "record");
    js_free(x->summary);
    x->summary = summary_of(record);
    snprintf(x->state, sizeof x->state, DRILL_ENDED);
    snprintf(x->verdict, sizeof x->verdict, "%s", js_str(record, "verdict", ""));
    drill_end(d->db, x, file);
    drill_record_hash(record, hash);
    struct js *detail = js_object();
    js_set_str(detail, "record", hash);
    drill_note(d->db, x, x->ended_ns, "zaibeid", "drill.ended", detail);
    if (!strcmp(x->verdict, "red") || !strcmp(x->verdict, "failed")) tell(d, x);
    /* If interrupted here nothing has happened: the drill is still running in the catalog, and the next start finds its journal
     * with or without an end. */
    return db_commit(d->db, e);
}
