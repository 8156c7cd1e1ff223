/** A migration on paper: one self-contained page of A4 (HTML), every label in Chinese and English. Pure. */
#ifndef MIGRATE_REPORT_H
#define MIGRATE_REPORT_H

#include "base/buf.h"
#include "wrap/json.h"

/** migrate_report(j, out): append the page for a migration as the API answers it. All of ${j} is escaped. */
void migrate_report(const struct js *j, struct buf *out);

#endif
