/** One record of a log (FORMAT.md §8) by itself: frame, signature, place. What it means: log.h, vaultlog.h, protect.h. */
#ifndef VERIFY_RECORD_H
#define VERIFY_RECORD_H

#include "verify.h"

enum {
    REC_HOST = 1,
    REC_BEGIN,
    REC_COMMIT,
    REC_ABANDON,
    REC_LEASE,
    REC_PIN,
    REC_REMOVE,
    REC_TIME,
    REC_REVOKE,
    REC_FLOOR,
    REC_APPROVERS,
    REC_CONFIRM,
    REC_KEY,
    REC_COLLECT,
    REC_WITNESS
};

/** The pointers go into the bytes it was read from. */
struct recd {
    uint8_t type;
    bool uncertain; /* flag 1: vault time was in doubt */
    uint64_t n;
    int64_t time;
    unsigned key; /* the place of the key that signed it (keys.h) */
    const uint8_t *prev, *host_id, *body;
    size_t body_len;
};

/** record_parse(v, rec, n, p, len, id): what is wrong with these bytes as record ${n}, translated, with its error in ${id};
 * NULL when nothing is. */
const char *record_parse(
    const struct verify *v, struct recd *rec, uint64_t n, const uint8_t *p, size_t len, enum err_id *id);

/** record_number(name, n): the number of an object named by 16 lower-case hex digits; false when it is none. */
bool record_number(const char *name, uint64_t *n);

/** The times of one log: they do not go back, except that a confirm takes back what was logged in doubt. */
struct log_times {
    int64_t sure, flagged;
};
/** times_follow(t, rec): take the record's time; false when it goes back. Begin with zeros. */
bool times_follow(struct log_times *t, const struct recd *rec);

#endif
