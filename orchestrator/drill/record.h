/** The record of a drill (FORMAT.md §13), and how it is signed. Pure. */
#ifndef DRILL_RECORD_H
#define DRILL_RECORD_H

#include "drill/measure.h"
#include "wrap/seal.h"

/**
 * drill_record(facts, q, events): the record. ${facts} is an object with what only the catalog knows (who asked, when, by which
 * plan, the hosts with their points); its members are copied. To be freed.
 */
struct js *drill_record(const struct js *facts, const struct drill_request *q, const struct js *events);

/** drill_record_seal(record, pub, sec): the file: one line of JSON with the record, the key and its signature; a string to be
 * freed, NULL without memory. drill_record_hash: of the record's bytes, as hex, for the audit. */
char *drill_record_seal(const struct js *record, const uint8_t pub[SEAL_SIGN_PUB], const uint8_t sec[SEAL_SIGN_SEC]);
void drill_record_hash(const struct js *record, char out[2 * SEAL_HASH + 1]);

#endif
