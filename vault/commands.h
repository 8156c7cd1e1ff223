/** The verbs of zaibei-vault that are short: each gets its own words (argv[0] is the verb) and returns an exit code. */
#ifndef VAULT_COMMANDS_H
#define VAULT_COMMANDS_H

#include "base/err.h"

/** What a verb was called with: filled from a table, so that all verbs read options alike. */
struct words {
    const char *sub;                  /* the second word of verbs that have one: list, add, … */
    const char *dir, *second, *third; /* the operands */
    const char *months, *until, *reason, *who, *days, *approvals, *expires, *out;
    const char *host, *enrol, *enrol_local, *system, *read, *floor_days;
    const char *grace;
    const char *recipient, *to, *recover, *kit;
    const char *rate, *heal_from, *department, *bytes, *systems;
    bool json, local, help, dry_run, yes, all;
};

int command_init(const struct words *w, struct err *e);
int command_keep(const struct words *w, struct err *e);
int command_serve(const struct words *w, struct err *e);
int command_control(const struct words *w, struct err *e);
int command_rights(const struct words *w, struct err *e);
int command_recovery(const struct words *w, struct err *e);
int command_stat(const struct words *w, struct err *e);
int command_pin(const struct words *w, struct err *e);
int command_pins(const struct words *w, struct err *e);
int command_remove(const struct words *w, struct err *e);
int command_floor(const struct words *w, struct err *e);
int command_approver(const struct words *w, struct err *e);
int command_clock(const struct words *w, struct err *e);
int command_key(const struct words *w, struct err *e);
int command_request(const struct words *w, struct err *e);
int command_gc(const struct words *w, struct err *e);
int command_scrub(const struct words *w, struct err *e);
int command_quota(const struct words *w, struct err *e);

/** recovery_set: take --recipient and --to into the vault's settings. */
struct vault;
int recovery_set(struct vault *v, const struct words *w, struct err *e);

#endif
