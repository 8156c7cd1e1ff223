/** A point looked into with a key: root, every page, every entry, every byte of every file. */
#ifndef VERIFY_POINT_H
#define VERIFY_POINT_H

#include "contents.h"

/** point_check(v, g, c, used, known, e): findings go to the report. A key that is for somebody else is counted as a
 * locked point. ${known} belongs to the generation and is kept from point to point. <0 without memory. */
int point_check(struct verify *v, const struct generation *g, const struct commit *c, const struct slot_set *used,
    struct known *known, struct err *e) MUST_CHECK;

#endif
