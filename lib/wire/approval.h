/**
 * Approvals: what two people sign before the vault weakens a protection (FORMAT.md §8). The statement is a text that can be
 * read before it is signed; it has exactly one form for one meaning, so equal meaning is equal bytes.
 */
#ifndef WIRE_APPROVAL_H
#define WIRE_APPROVAL_H

#include "wire/record.h"
#include "wire/sshsig.h"
#include "wrap/json.h"

enum { APPROVALS_MAX = 8, STATEMENT_MAX = 65536 };
#define APPROVAL_SPACE "zaibei-approval"
#define APPROVAL_LONGEST_S (7 * 86400LL) /* from its making to its expiry, at most */

enum approval_action { APPROVE_NONE, APPROVE_REMOVE, APPROVE_FLOOR, APPROVE_CLOCK, APPROVE_LIST, APPROVE_KEY };
/** The word for an action, as in the statement; APPROVE_NONE for a word that is none. */
const char *approval_word(enum approval_action a);
enum approval_action approval_action_of(const char *word);

struct statement {
    uint8_t vault[SEAL_ID], nonce[SEAL_ID];
    enum approval_action action;
    const char *objects, *detail; /* "-" for none */
    int64_t expires;              /* whole seconds */
    char *text;                   /* owned by a statement that was read; objects and detail stand in it */
};

/** statement_put: append its text; ZE_USAGE when it would be too long. statement_get: read one; ZE_APPROVAL unless it is
 * exactly what statement_put would write. statement_free releases, and is harmless after a failed read. */
int statement_put(struct buf *out, const struct statement *s, struct err *e) MUST_CHECK;
int statement_get(struct statement *s, const void *p, size_t n, struct err *e) MUST_CHECK;
void statement_free(struct statement *s);

/** approvals_add(a, …): one statement with one signature (bytes, no armour). approvals_free releases them. */
int approvals_add(
    struct approvals *a, const void *statement, size_t n, const void *sig, size_t sig_len, struct err *e) MUST_CHECK;
void approvals_free(struct approvals *a);
unsigned approvals_count(const struct approvals *a);
/** approvals_at: number ${i}, both as pointers into ${a}; false when there is none. */
bool approvals_at(
    const struct approvals *a, unsigned i, const uint8_t **statement, size_t *n, const uint8_t **sig, size_t *sig_len);

/** approvals_json: [{"statement", "signature" (base64)}]. approvals_of_json: the other way; NULL is none. */
struct js *approvals_json(const struct approvals *a);
int approvals_of_json(struct approvals *a, const struct js *j, struct err *e) MUST_CHECK;

/** approvals_load(a, file, e): the statement in ${file} with every signature beside it, FILE.*.sig or FILE.sig. */
int approvals_load(struct approvals *a, const char *file, struct err *e) MUST_CHECK;

#endif
