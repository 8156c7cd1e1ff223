/** Bodies of log records (FORMAT.md §8), one row for each type: private to record.c. */
#ifndef WIRE_RECORD_BODY_H
#define WIRE_RECORD_BODY_H

#include "wire/record.h"

struct record_body {
    void (*put)(struct buf *b, const struct record *r);
    void (*get)(struct rd *rd, struct record *r); /* the reader goes bad on what is malformed; r may own memory then */
};

/** record_body_of(type): its row, or NULL for a type this version does not know. */
const struct record_body *record_body_of(uint8_t type);

/* Rows that stand in record_acts.c: acts that weaken protection carry approvals. */
void record_remove_put(struct buf *b, const struct record *r);
void record_remove_get(struct rd *rd, struct record *r);
void record_floor_put(struct buf *b, const struct record *r);
void record_floor_get(struct rd *rd, struct record *r);
void record_approvers_put(struct buf *b, const struct record *r);
void record_approvers_get(struct rd *rd, struct record *r);
void record_confirm_put(struct buf *b, const struct record *r);
void record_confirm_get(struct rd *rd, struct record *r);
void record_key_put(struct buf *b, const struct record *r);
void record_key_get(struct rd *rd, struct record *r);
void record_collect_put(struct buf *b, const struct record *r);
void record_collect_get(struct rd *rd, struct record *r);
void record_witness_put(struct buf *b, const struct record *r);
void record_witness_get(struct rd *rd, struct record *r);

#endif
