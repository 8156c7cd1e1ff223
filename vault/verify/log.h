/** The host log (FORMAT.md §8): its chain, its signatures, and the points it makes. */
#ifndef VERIFY_LOG_H
#define VERIFY_LOG_H

#include "verify.h"

enum { POINT_FULL = 1, POINT_INCREMENTAL = 2, FLOOR_DAYS = 92 };

struct used_name {
    uint32_t page;
    uint8_t hash[32];
};

/** A point: what its commit record says. The pointers go into ${body}, which is owned. */
struct commit {
    uint64_t n, begin_n, epoch, files, bytes;
    uint32_t point, parent;
    uint8_t kind, generation[16], upload[16], system_id[16];
    bool removed, complete, uncertain;                  /* uncertain: vault time was in doubt */
    int64_t time, retain_until, pinned, confirmed;      /* confirmed: the true time of the confirm that followed, or 0 */
    uint8_t *body;
    const uint8_t *root, *slots, *later; /* later: the key slots of the latest host record, or NULL */
    size_t root_len, slots_len, later_len;
    struct used_name *used; /* owned */
    size_t used_n;
};

struct collect {
    uint8_t generation[16];
    uint64_t counter;
};

struct log {
    char host[64];
    uint8_t host_id[16];
    uint8_t system_id[16];
    bool host_known, system_known; /* the ids were seen */
    struct commit *commit;         /* ascending by point */
    size_t n;
    unsigned floor_days;           /* as the log has it so far */
    struct collect *collect;       /* the latest of each generation */
    size_t collects;
    struct buf slots;              /* of the latest host record */
    uint64_t records, head; /* how many were read; number of the last one */
    uint8_t head_hash[32];
};

/** log_check(v, host, l, e): read and check the whole log, reporting what is wrong. <0 only without memory. */
int log_check(struct verify *v, const char *host, struct log *l, struct err *e) MUST_CHECK;
void log_free(struct log *l);
struct commit *log_point(struct log *l, uint32_t point);

/** commit_parse(c, body, n): from the body of a commit record, copying it; false when it is malformed. */
bool commit_parse(struct commit *c, const uint8_t *body, size_t n);
void commit_free(struct commit *c);

#endif
