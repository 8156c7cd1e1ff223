/**
 * What a backup tells of paths that are not in the point, or not as they are now: with --json a line of message_type skipped
 * each, for people the number for each reason and the first few paths. Programs that only see the result get the numbers:
 * names leave this machine sealed only.
 */
#ifndef AGENT_BACKUP_TOLD_H
#define AGENT_BACKUP_TOLD_H

#include "backup.h"
#include "wrap/json.h"

enum { TOLD_FIRST = 5 };

struct told {
    bool json;
    char *first[LEFT_N][TOLD_FIRST]; /* escaped, with the pattern that fits */
    size_t n[LEFT_N];
};

/** told_add: fits backup_request.left_out; ${arg} is a struct told, zeroed but for json. told_free: its strings. */
void told_add(void *arg, const uint8_t *path, size_t n, enum left left, const char *pattern, const struct err *why);
void told_free(struct told *t);

/** told_print(t, r): the numbers of ${r}, and the first paths of ${t} (NULL: none). told_json(r): {reason: number}. */
void told_print(const struct told *t, const struct backup_result *r);
struct js *told_json(const struct backup_result *r);

#endif
