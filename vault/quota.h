/**
 * How much may be stored: by a host (rights/HOST, `quota N`), by all hosts of a system (quota/system/NAME) and by all
 * of the systems of a department (quota/department/NAME: `bytes N`, `system NAME` a line each). What counts is what
 * is in the store: packs and used pages. Nothing is reserved: every session looks before each pack, so several
 * sessions that race for the last bytes can pass a quota by at most one pack each (72 MiB). A quota only keeps new
 * bytes out: reading, restoring and what is stored already are unaffected, also when it is set below what is used.
 */
#ifndef VAULT_QUOTA_H
#define VAULT_QUOTA_H

#include "keeper.h"
#include "wrap/json.h"

/** quota_begin(k, b, e): before the begin record ${b} is made: ZE_QUOTA when a quota is used up, or when a full that
 * stores what the last one did would pass it; ZE_NOSPACE when such a full does not fit the disk. After
 * pack_list_load(&k->packs) of its generation. quota_place: before ${bytes} more are stored: ZE_QUOTA, and the upload
 * is over: whoever asks again has to BEGIN. */
int quota_begin(struct keeper *k, const struct rec_begin *b, struct err *e) MUST_CHECK;
int quota_place(struct keeper *k, uint64_t bytes, struct err *e) MUST_CHECK;

enum quota_of { QUOTA_HOST, QUOTA_SYSTEM, QUOTA_DEPARTMENT };
/** quota_set(v, of, name, bytes, systems, n, e): ${bytes} 0: none. ${systems}: the department's; n 0 leaves them as
 * they are. Serialised among processes. */
int quota_set(struct vault *v, enum quota_of of, const char *name, uint64_t bytes, const char *const *systems, size_t n,
    struct err *e) MUST_CHECK;
/** quota_json(v, e): hosts, systems and departments with what they use and may use; NULL with ${e}. */
struct js *quota_json(struct vault *v, struct err *e) MUST_CHECK;
/** quota_control(v, q, e): the control operation: sets what ${q} names, if it does; the answer is quota_json's. */
struct js *quota_control(struct vault *v, const struct js *q, struct err *e) MUST_CHECK;

/** host_bytes(v, host, bytes, e): what counts for the host now. */
int host_bytes(struct vault *v, const char *host, uint64_t *bytes, struct err *e) MUST_CHECK;

#endif
