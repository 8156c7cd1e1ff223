/**
 * What is left out of a backup: patterns as in .gitignore, applied to whole paths.
 *
 *   name          a file or directory of that name anywhere       *.tmp, core.[0-9]*
 *   /a/b, a/b     that path, from / on                            /var/cache, home/?/tmp
 *   x/            directories only
 *   **            any number of directories                       /srv/(two stars)/logs, /data/(two stars)
 *   !x            not left out after all (the last pattern that fits decides)
 *   # …           a comment; \ takes the next byte as it is
 *
 * `*` and `?` never match a slash. What lies below a directory that is left out cannot be brought back in. Matching takes
 * time in proportion to pattern and path, whatever they contain.
 */
#ifndef AGENT_EXCLUDE_H
#define AGENT_EXCLUDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct exclude;

enum { EXCLUDE_PATTERN_MAX = 1024, EXCLUDE_COUNT_MAX = 4096 };

/** exclude_new(patterns, n, e): compile; NULL with ZE_USAGE naming the pattern that cannot be read. exclude_free: NULL is fine. */
struct exclude *exclude_new(const char *const *patterns, size_t n, struct err *e);
void exclude_free(struct exclude *x);

/** exclude_match(x, path, n, is_dir): the pattern that leaves this path (without leading slash) out, or NULL. ${x} may be NULL. */
const char *exclude_match(const struct exclude *x, const uint8_t *path, size_t n, bool is_dir);

#endif
