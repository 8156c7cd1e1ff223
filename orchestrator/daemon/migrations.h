/**
 * Migrations (R5): people's acts, and what zaibeid does for them by itself. What may follow what is migrate/case.h;
 * whose act it is was judged by the API's routes; here is judged what depends on the migration: that the person may
 * see it, that hosts exist for them, and that nobody consents to the close they asked for.
 *
 * Each function changes the catalog in transactions that carry their audit record; what is asked of the vault stands
 * in the catalog before it is asked. ${m} is the migration as it is afterwards, to be freed (migration_free) in any
 * case. ZE_NOTFOUND also where it may not be seen, ZE_CASESTATE where its state does not allow the act. They may ask
 * the vault and block.
 */
#ifndef DAEMON_MIGRATIONS_H
#define DAEMON_MIGRATIONS_H

#include "catalog_migrations.h"
#include "daemon.h"
#include "people/may.h"

enum { MIGRATE_JUDGED_S = 86400, MIGRATE_RPO_S = 86400 };

/** migrate_begin(d, who, q, m, e): ${q}: {migration, system, originals: [host], targets: [host], zone, months (3)}.
 * ZE_EXISTS: the name is taken, or an original is on its way already; ZE_USAGE. */
int migrate_begin(
    struct daemon *d, const struct principal *who, const struct js *q, struct migration *m, struct err *e) MUST_CHECK;

/** migrate_ready(d, who, name, kit, m, e): judge; 0 whatever comes of it: m->state is CASE_READY or CASE_BEGUN,
 * facts.checks say why. ${kit}: names of the hosts whose key slots the caller's kit has opened. */
int migrate_ready(struct daemon *d, const struct principal *who, const char *name, const struct js *kit,
    struct migration *m, struct err *e) MUST_CHECK;

/** migrate_cutover: have the last points made; migrations_tick does the rest. ZE_NOTREADY when the judgement is too
 * old. */
int migrate_cutover(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) MUST_CHECK;

/** migrate_verify: look at the pinned points now; facts.verify says what was found. */
int migrate_verify(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) MUST_CHECK;

/** migrate_extend(d, who, name, q, m, e): ${q}: {until: "YYYY-MM-DD", the last day} or {months}: so many more.
 * ZE_SHORTER. When the vault cannot be asked now it is done later: m->wanted_ns is not 0 then. */
int migrate_extend(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) MUST_CHECK;

/** migrate_rollback(d, who, name, q, m, e): ${q}: {to: {original: host} (in place where a host is absent), dir ("":
 * in place), unsaved, reason}. The targets are backed up first unless ${unsaved}; migrations_tick does the rest. */
int migrate_rollback(struct daemon *d, const struct principal *who, const char *name, const struct js *q,
    struct migration *m, struct err *e) MUST_CHECK;

/** migrate_close: ask for the end. ZE_WINDOWOPEN before the window's end by the vault's time. migrate_decide:
 * consent, or not. ZE_OWNCLOSE. */
int migrate_close(struct daemon *d, const struct principal *who, const char *name, const char *reason,
    struct migration *m, struct err *e) MUST_CHECK;
int migrate_decide(struct daemon *d, const struct principal *who, const char *name, bool approve, const char *text,
    struct migration *m, struct err *e) MUST_CHECK;

/** migrations_tick(d, look, e): go on with cutovers, rollbacks and extensions that are under way; with ${look} also
 * what the vault's time brings: ends, reminders, the weekly look. One migration that cannot go on does not stop the
 * others. */
int migrations_tick(struct daemon *d, bool look, struct err *e) MUST_CHECK;

/** migration_find(d, who, name, m, e): inside the caller's transaction; ZE_NOTFOUND also where it may not be seen. */
int migration_find(
    struct daemon *d, const struct principal *who, const char *name, struct migration *m, struct err *e) MUST_CHECK;

#endif
