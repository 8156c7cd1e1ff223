/* Counted in the catalog at the moment a host asks, in the transaction that hands the job out, so limits hold whatever is killed
 * when; and asked twice, before its ticket is laid and when it is claimed, since others are claimed meanwhile. A job that has to
 * wait stays as it is and is asked for again with the host's next call. */
#include "turns.h"

#include <string.h>

enum { SPREAD_S = 5, HEARD_CALLS = 3 };

static int64_t count(struct db_rows *r) {
    int64_t n = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return n;
}

static int64_t running_of(struct db *db, const char *department) {
    return count(db_query(db,
        "SELECT count(*) FROM jobs j JOIN plans p ON p.name=j.plan AND p.version=j.plan_version "
        "WHERE j.state='running' AND p.department=?",
        "s", department));
}

/* Jobs that are due now, come before this one, and whose hosts will fetch them; counted up to ${most}. */
static int64_t before(struct daemon *d, const struct job *j, int64_t now_ns, int64_t most) {
    int64_t heard = now_ns - HEARD_CALLS * d->cfg->call_in_s * NS_PER_S;
    return count(db_query(d->db,
        "SELECT count(*) FROM (SELECT 1 FROM jobs q CROSS JOIN hosts h ON h.name=q.host WHERE q.state='queued' "
        "AND q.host<>?1 AND q.priority>?2 "
        "AND q.due_ns<=?3 AND q.not_before_ns<=?3 AND (q.window_end_ns=0 OR q.window_end_ns>?3 OR q.attempts>0) "
        "AND h.seen_ns>=?4 AND NOT EXISTS(SELECT 1 FROM jobs r WHERE r.host=q.host AND r.state='running') LIMIT ?5)",
        "siiii", j->host, j->priority, now_ns, heard, most));
}

bool turn_of(struct daemon *d, const struct job *j, const char *department, int64_t now_ns) {
    const struct config *c = d->cfg;
    if (j->system_point) return true;
    if (c->limit_department && *department && running_of(d->db, department) >= c->limit_department) return false;
    if (!c->limit_vault) return true;
    int64_t running = count(db_query(d->db, "SELECT count(*) FROM jobs WHERE state='running'", ""));
    int64_t free = c->limit_vault - running;
    return free > 0 && before(d, j, now_ns, free) < free;
}

int64_t turn_after_s(const char *host, const char *plan, size_t hosts_n, int64_t window_s) {
    uint8_t hash[SEAL_HASH];
    struct hash_state h;
    uint64_t number = 0;
    int64_t span = (int64_t)(hosts_n ? hosts_n - 1 : 0) * SPREAD_S;
    if (span > window_s / 4) span = window_s / 4;
    if (span <= 0) return 0;
    hash_init(&h, NULL);
    hash_update(&h, host, strlen(host) + 1);
    hash_update(&h, plan, strlen(plan));
    hash_final(&h, hash);
    for (int i = 0; i < 8; i++) number = number << 8 | hash[i];
    return (int64_t)(number % (uint64_t)span);
}
