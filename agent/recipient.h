/** The public halves of recovery kits, as this host pinned them at its enrolment: the file `recipients` of its state, one
 * a line, "label zbk-pub-…". */
#ifndef AGENT_RECIPIENT_H
#define AGENT_RECIPIENT_H

#include "config.h"
#include "wire/record.h"

/** recipient_get(out, text): false when ${text} is not zbk-pub- and the base64 of 32 bytes. recipient_text: the reverse. */
enum { RECIPIENT_TEXT = 64, RECIPIENT_PRINT = 32 };
bool recipient_get(uint8_t out[SEAL_KEY], const char *text);
void recipient_text(char out[RECIPIENT_TEXT], const uint8_t key[SEAL_KEY]);

/** recipient_print(out, key): its fingerprint for people to compare: four groups of four hex digits of its hash. */
void recipient_print(char out[RECIPIENT_PRINT], const uint8_t key[SEAL_KEY]);

/** recipients_save(c, slots, e): durable. recipients_load(c, slots, e): labels and keys only. */
int recipients_save(const struct config *c, const struct key_slots *slots, struct err *e) MUST_CHECK;
int recipients_load(const struct config *c, struct key_slots *slots, struct err *e) MUST_CHECK;

#endif
