/* Jumps show as a change of the distance to the monotonic clock; across a restart as an audit whose last time has not come yet.
 *
 * Back by less than an hour nothing is done: what was noted is met again soon. Of the calendar only what lies more than a day ahead is
 * forgotten, since a run of the coming day that was queued too early was queued, and is not to run twice. Its windows stay: a
 * job that was queued for a day far off is taken over by the next run of its plan. */
#include "clock_jump.h"

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { SLEEP_S = 60, BACK_S = 3600, DAY_S = 86400 };

/* Until which time the audit tells of. */
static int64_t told_until(struct db *db) {
    struct db_rows *r = db_query(db, "SELECT max(time_ns) FROM audit", "");
    int64_t at = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return at;
}

static void back(struct daemon *d, int64_t now, int64_t from) {
    struct db *db = d->db;
    char then[32];
    text_time(then, from);
    db_exec(db, "UPDATE cursors SET upto_s=?1 WHERE upto_s>?1+?2", "ii", now / NS_PER_S, (int64_t)DAY_S);
    db_exec(db, "UPDATE due SET at_s=min(at_s,?), host=0", "i", now / NS_PER_S);
    db_exec(db, "UPDATE jobs SET lease_ns=min(lease_ns,?) WHERE state='running'", "i", now + LEASE_S * (int64_t)NS_PER_S);
    db_exec(db,
        "UPDATE jobs SET due_ns=min(due_ns,?1), not_before_ns=min(not_before_ns,?2) WHERE state='queued' AND window_end_ns=0",
        "ii", now, now + BACKOFF_MAX_S * (int64_t)NS_PER_S);
    db_exec(db, "UPDATE hosts SET seen_ns=?1 WHERE seen_ns>?1", "i", now);
    db_exec(db, "UPDATE conditions SET told_ns=?1 WHERE told_ns>?1", "i", now);
    db_exec(db, "UPDATE deliveries SET due_ns=?1 WHERE state='queued' AND due_ns>?1", "i", now);
    struct js *detail = js_object();
    js_set_str(detail, "from", then);
    audit_add(db, now, "zaibeid", "clock.back", "", detail);
    daemon_log(d, _("the clock went back from %s"), then);
}

int clock_jump_look(struct daemon *d, struct clock_jump *j, struct err *e) {
    int64_t now = daemon_now(d), offset = now - d->clock->mono_ns(d->clock), by = offset - j->offset_ns;
    bool slept = !j->begun || by > SLEEP_S * (int64_t)NS_PER_S;
    if (j->begun && !slept && by >= -BACK_S * (int64_t)NS_PER_S) {
        j->offset_ns = offset;
        return 0;
    }
    db_begin(d->db);
    int64_t until = j->begun ? now - by : told_until(d->db);
    if (until > now + BACK_S * (int64_t)NS_PER_S) back(d, now, until);
    if (slept)
        db_exec(d->db, "UPDATE jobs SET lease_ns=max(lease_ns,?) WHERE state='running'", "i",
            now + LEASE_S * (int64_t)NS_PER_S);
    /* If interrupted here, the next start finds the audit ahead of the clock. */
    if (db_commit(d->db, e) < 0) return -1;
    *j = (struct clock_jump){.begun = true, .offset_ns = offset};
    return 0;
}
