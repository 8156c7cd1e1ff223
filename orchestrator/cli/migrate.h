/** Migrations for people's eyes. */
#ifndef CLI_MIGRATE_H
#define CLI_MIGRATE_H

#include "wrap/json.h"

/** migrate_print: one migration: state, countdown, what is pinned, what failed. migrate_print_checks: what a
 * judgement has found. */
void migrate_print(const struct js *j);
void migrate_print_checks(const struct js *j);

#endif
