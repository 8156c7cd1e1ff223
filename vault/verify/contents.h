/** The bytes of one file against its digest (FORMAT.md §6). */
#ifndef VERIFY_CONTENTS_H
#define VERIFY_CONTENTS_H

#include "page.h"

/** Files whose contents were found right, by a hash of what their entry says of them: a point only reads what is
 * new in it. */
struct known {
    uint8_t (*hash)[16];
    size_t n, cap;
};

struct contents {
    struct verify *v;
    struct opener *opener;
    const struct slot_set *used; /* of the point: everything that is read must be in it */
    struct known known;
};

/** contents_check(c, en, e): read and check a whole file; one that is known costs nothing but its addresses. <0:
 * ZE_DAMAGED or what opener_get says. contents_free releases the known files. */
int contents_check(struct contents *c, const struct entry *en, struct err *e) MUST_CHECK;
void contents_free(struct contents *c);

/** contents_used(c, at, e): ZE_DAMAGED when the point needs a segment that its used pages do not name: it could be
 * collected. */
int contents_used(const struct contents *c, struct addr at, struct err *e) MUST_CHECK;

#endif
