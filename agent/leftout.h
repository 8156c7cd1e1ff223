/**
 * The run list of a restore point (FORMAT.md §6), read back: what was left out and what could not be read, and why. It is
 * sealed, so only who can read the point can read it.
 */
#ifndef AGENT_LEFTOUT_H
#define AGENT_LEFTOUT_H

#include "exclude.h"
#include "points.h"

/** leftout_print(s, o, path, n, match, told, e): `ls --left-out`: the lines for ${path} (without slashes at its
 * ends) and what is below it, or only those that ${match} (may be NULL) fits. *told: how many. */
int leftout_print(struct source *s, const struct opened *o, const char *path, size_t n, const struct exclude *match,
    uint64_t *told, struct err *e) MUST_CHECK;

/** leftout_why(s, o, path, n, e): ZE_NOPATH for a path that is not in the point, with the reason where the run list or the
 * backup paths tell one. Always <0. leftout_note: tell on stderr why there is nothing below a directory that is there. */
int leftout_why(struct source *s, const struct opened *o, const char *path, size_t n, struct err *e);
int leftout_note(struct source *s, const struct opened *o, const char *path, size_t n, struct err *e) MUST_CHECK;

#endif
