/**
 * The catalog: what zaibeid knows, in SQLite. Plans and their versions, hosts as the vault last told, jobs, how far the
 * calendar was followed for each host; the audit (audit.h). All functions below the first two work inside the caller's transaction
 * (db_begin … db_commit), where errors stick.
 */
#ifndef DAEMON_CATALOG_H
#define DAEMON_CATALOG_H

#include "plan/plan.h"
#include "wrap/db.h"

struct db *catalog_open(const char *state_dir, struct err *e) MUST_CHECK;

enum { NS_PER_S = 1000000000, ATTEMPTS_MAX = 5, LEASE_S = 600, BACKOFF_S = 30, BACKOFF_MAX_S = 3600, PRIORITY = 5 };

/* ---- plans: what is active, and so may run; the life of versions is in catalog_life.h ---- */

/** catalog_plan_load: the text of ${version}, 0: the active one, parsed into ${p}; the version number, or 0 when there is
 * none (or the transaction failed). ${applied_ns} and ${text} (to be freed) may be NULL. */
int64_t catalog_plan_load(struct db *d, const char *name, int64_t version, const char *zone, struct plan *p,
    int64_t *applied_ns, char **text);
/** catalog_plan_names: the active plans' names, sorted; n of them, each and the array to be freed. */
char **catalog_plan_names(struct db *d, size_t *n);

/* ---- hosts ---- */

struct host {
    char name[64], host_id[40], system[64], state[16], agent_version[64], last_state[16];
    int64_t enrolled_ns, points, last_point, last_walk_ns, last_time_ns, seen_ns;
};
bool catalog_host_get(struct db *d, const char *name, struct host *h);
/** catalog_host_put: what the vault says (name, id, system, state, enrolled, points, last_*); last_walk_ns 0 keeps the old. */
void catalog_host_put(struct db *d, const struct host *h);
void catalog_host_seen(struct db *d, const char *name, const char *agent_version, int64_t now_ns);

/* ---- jobs ---- */

struct job {
    int64_t id, plan_version, due_ns, window_end_ns, not_before_ns, lease_ns, queued_ns, started_ns, ended_ns;
    int64_t attempts, point, files, bytes_read, bytes_sent, bytes_stored, retain_until_ns, err_id, cancel, priority;
    int64_t not_read, kept; /* entries that could not be read; of which the point before had something */
    int64_t system_point;   /* 0: of none */
    char host[64], plan[64], plan_hash[65], kind[16], labels[64], origin[16], state[16], ticket[64], phase[64];
    char err_object[256], err_msg[512];
    char left_out[1000]; /* JSON: what was left out on purpose, {reason: number}; "" for none */
};

/** job_add: queue it; its number (also in j->id). job_get: false when there is none. job_put: write every field back. */
int64_t job_add(struct db *d, struct job *j);
bool job_get(struct db *d, int64_t id, struct job *j);
void job_put(struct db *d, const struct job *j);
/** job_record: an audit record about the job as it is now; people are told when it is failed, partial or missed. */
void job_record(struct db *d, const struct job *j, int64_t now_ns, const char *who, const char *act);
/** job_pick: the job that the host is to do now: queued, due, its window (if it has one and was never tried) still open, and
 * no other job of the host is running. */
bool job_pick(struct db *d, const char *host, int64_t now_ns, struct job *j);
/** job_claim: queued → running with a lease and one more attempt; false when somebody else was faster. */
bool job_claim(struct db *d, struct job *j, int64_t now_ns);
/** job_again: a try that came to nothing: queued again after a pause that doubles, or failed after ATTEMPTS_MAX; cancelled
 * where that was asked for. */
void job_again(struct db *d, struct job *j, int64_t now_ns, const struct err *why);
/** job_list: the newest ${limit} jobs first, of one host or plan if not ""; an array to be freed. WINDOW_OVER: JOBS_A_TICK at most. */
enum { JOBS_A_TICK = 8 };
enum job_query { JOBS_NEWEST, JOBS_RUNNING_OF_HOST, JOBS_LEASE_OVER, JOBS_WINDOW_OVER, JOBS_QUEUED_OF };
struct job *job_list(struct db *d, enum job_query q, const char *host, const char *plan, int64_t number, size_t *n);

/* ---- the calendar's place ---- */

/** cursor_get: up to which instant the calendar was followed; 0: never. */
int64_t cursor_get(struct db *d, const char *plan, const char *host);
void cursor_put(struct db *d, const char *plan, const char *host, int64_t upto_s);

#endif
