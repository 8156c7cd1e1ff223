/** The public halves of recovery kits, as this host pinned them at its enrolment: the file `recipients` of its state, one
 * a line, "label zbk-pub-…". */
#ifndef AGENT_RECIPIENT_H
#define AGENT_RECIPIENT_H

#include "command.h"
#include "config.h"
#include "wire/kit.h"
#include "wire/record.h"

/** recipient_get(out, text): false when ${text} is not the public half of a kit (FORMAT.md §2). recipient_text: the reverse.
 * recipient_print: the check digits that also stand on the kit, for people to compare. */
bool recipient_get(uint8_t out[SEAL_KEY], const char *text);
void recipient_text(char out[KIT_TEXT], const uint8_t key[SEAL_KEY]);
void recipient_print(char out[KIT_CHECK], const uint8_t key[SEAL_KEY]);

/** recipients_take(slots, list, e): labels and keys from the command line's --recipient. ZE_USAGE for none, too many, one that
 * is no public half, or one named twice. recipients_seal(slots, host_key): the sealed halves and the key check. */
int recipients_take(struct key_slots *slots, const struct command_list *list, struct err *e) MUST_CHECK;
void recipients_seal(struct key_slots *slots, const uint8_t host_key[SEAL_KEY]);

/** recipients_save(c, slots, e): durable. recipients_load(c, slots, e): labels and keys only. */
int recipients_save(const struct config *c, const struct key_slots *slots, struct err *e) MUST_CHECK;
int recipients_load(const struct config *c, struct key_slots *slots, struct err *e) MUST_CHECK;

#endif
