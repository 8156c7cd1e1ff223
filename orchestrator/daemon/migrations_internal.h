/** What the parts of migrations share: migrations.c (acts), _judge.c (ready), _vault.c (what the vault is asked),
 * _work.c (ticks), _back.c (the way back). */
#ifndef DAEMON_MIGRATIONS_INTERNAL_H
#define DAEMON_MIGRATIONS_INTERNAL_H

#include "calendar/zone.h"
#include "migrations.h"

/* ---- the catalog ---- */

/** migration_move(d, m, act, to, who, text, detail): the next state with its step and its audit record migrate.ACT,
 * in the caller's transaction. ${detail} is taken; NULL: none. */
void migration_move(struct daemon *d, struct migration *m, enum case_act act, int to, const char *who, const char *text,
    struct js *detail);
/** migration_audit: a record migrate.${what} without a change of state. */
void migration_audit(struct daemon *d, const struct migration *m, const char *what, const char *who, struct js *detail);
/** migration_same(d, m): whether the row is still the one that was read; else ${m} becomes what it is now. In a
 * transaction. */
bool migration_same(struct daemon *d, struct migration *m);
/** migration_plan: a plan of its first original, for the department of notices; "" where there is none. In a
 * transaction. */
void migration_plan(struct daemon *d, const struct migration *m, char plan[64]);

/** jobs_ask(d, list, who, e): a backup of each host of ${list} ([{host}]), whose number becomes its member "job"; in
 * the caller's transaction. ZE_NOTFOUND: no active plan backs the host up. */
int jobs_ask(struct daemon *d, struct js *list, const char *who, struct err *e) MUST_CHECK;
/** originals_ask(d, m, who, e): the same of its originals, as one system point where they are a whole system;
 * ZE_EXISTS while another is under way. */
int originals_ask(struct daemon *d, struct migration *m, const char *who, struct err *e) MUST_CHECK;
/** jobs_done(d, list, partial, why): 1: each has ended well, and "point" is set; 0: not yet; <0: one has not, and
 * ${why} says so (ZE_LASTPOINT). ${partial}: a partial point is good enough. In the caller's transaction. */
int jobs_done(struct daemon *d, struct js *list, bool partial, struct err *why);

/* ---- the vault; no transaction may be open ---- */

/** vault_ask(d, op, host, e): one question without further fields; the answer, to be freed. */
struct js *vault_ask(struct daemon *d, const char *op, const char *host, struct err *e) MUST_CHECK;
/** vault_time(d, now_ns, e): the vault's time; ${now_ns} 0 while it is in doubt. */
int vault_time(struct daemon *d, int64_t *now_ns, struct err *e) MUST_CHECK;
/** vault_gone(e): the vault could not be asked, as opposed to: it said no. */
bool vault_gone(const struct err *e);

/** points_pin(d, list, months, until_ns, who, reason, e): have the vault pin "point" of each host of ${list}, for
 * months or until an instant (months 0), and read back what it holds into "pinned_until". ZE_PINSHORT when that is
 * before ${least_ns}. */
struct pin_wish {
    int64_t months, until_ns, least_ns;
    const char *who, *reason;
};
int points_pin(struct daemon *d, struct js *list, const struct pin_wish *w, struct err *e) MUST_CHECK;

/** points_look(d, list, least_ns, found, e): whether each "point" of ${list} is there, complete, pinned until
 * ${least_ns} (0: need not be), and without a finding of the scrub. ${found}: [{host, point, ok, why}], to be freed;
 * the number of bad ones, or <0. "walk_start" and "pinned_until" of ${list} are set. */
int points_look(struct daemon *d, struct js *list, int64_t least_ns, struct js **found, struct err *e) MUST_CHECK;

/* ---- work under way, without a transaction ---- */

/** migration_break(d, m, why, e): the cutover or rollback has failed, and says why. */
int migration_break(struct daemon *d, struct migration *m, const struct err *why, struct err *e) MUST_CHECK;
/** extend_work: have the wanted end pinned. back_work: a rollback's next step. */
int extend_work(struct daemon *d, struct migration *m, struct err *e) MUST_CHECK;
int back_work(struct daemon *d, struct migration *m, struct err *e) MUST_CHECK;
/** verify_work(d, m, who, now_ns, e): look at the pinned points, at the vault's time ${now_ns}, and write down what
 * was found. */
int verify_work(struct daemon *d, struct migration *m, const char *who, int64_t now_ns, struct err *e) MUST_CHECK;
/** end_work(d, m, now_ns, e): the end, if it has come by the vault's time ${now_ns}. */
int end_work(struct daemon *d, struct migration *m, int64_t now_ns, struct err *e) MUST_CHECK;

#endif
