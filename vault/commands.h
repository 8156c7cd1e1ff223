/** The verbs of zaibei-vault that are short: each gets its own words (argv[0] is the verb) and returns an exit code. */
#ifndef VAULT_COMMANDS_H
#define VAULT_COMMANDS_H

#include "base/err.h"

/** What a verb was called with: filled from a table, so that all verbs read options alike. */
struct words {
    const char *dir, *second; /* the operands */
    const char *host, *enrol, *enrol_local, *system, *read, *floor_days;
    bool json, local, help;
};

int command_init(const struct words *w, struct err *e);
int command_keep(const struct words *w, struct err *e);
int command_serve(const struct words *w, struct err *e);
int command_control(const struct words *w, struct err *e);
int command_rights(const struct words *w, struct err *e);
int command_stat(const struct words *w, struct err *e);

#endif
