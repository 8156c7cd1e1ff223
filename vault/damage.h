/**
 * What scrubbing has found, kept in keeper/damage/HOST (and keeper/damage/.vault for what belongs to no host), one line
 * a finding:
 *
 *   OBJECT SLOT|- SINCE POINTS|- WHY      since: nanoseconds; points: 1,2,3 or 1,2,3,+7 when there are more
 *
 * Derivable: losing a file costs one round of reading. It is read by BEGIN and COMMIT, so that a segment which is known
 * to be damaged is sent again and never used again, without reading a byte of a pack.
 */
#ifndef VAULT_DAMAGE_H
#define VAULT_DAMAGE_H

#include "vault.h"

enum { DAMAGE_MAX = 16384, DAMAGE_POINTS = 8 };
#define DAMAGE_WHOLE UINT32_MAX

struct damage_item {
    char object[STORE_NAME_MAX];
    uint32_t slot; /* DAMAGE_WHOLE: all of the object */
    int64_t since;
    uint32_t points[DAMAGE_POINTS], points_n; /* the first of them, and how many need it */
    char why[128];
    bool stale;
};
struct damage_list {
    struct damage_item *item; /* by object and slot, once loaded or saved */
    size_t n, cap;
    bool changed;
};

/** damage_load(l, v, host, e): what is known of the host ("": of the vault itself); no file is an empty list, and a
 * line that is not understood is left out. damage_save: durable; without findings the file goes. damage_free
 * releases, also after a failed load. */
int damage_load(struct damage_list *l, struct vault *v, const char *host, struct err *e) MUST_CHECK;
int damage_save(struct damage_list *l, struct vault *v, const char *host, struct err *e) MUST_CHECK;
void damage_free(struct damage_list *l);

/** damage_has(l, object, slot): the finding, or NULL. Of a list as loaded only. */
const struct damage_item *damage_has(const struct damage_list *l, const char *object, uint32_t slot);

/**
 * An object is judged anew between damage_mark and damage_sweep: findings of it that damage_add does not name again are
 * gone after the sweep, the others keep the time when they were first seen. damage_add beyond DAMAGE_MAX is left out:
 * what is not named is found again when the rest is healed.
 */
void damage_mark(struct damage_list *l, const char *object);
int damage_add(
    struct damage_list *l, const char *object, uint32_t slot, int64_t now, const char *why, struct err *e) MUST_CHECK;
void damage_sweep(struct damage_list *l);

/** damage_each(v, each, arg, e): every finding that is kept. */
int damage_each(struct vault *v, int (*each)(void *arg, const char *host, const struct damage_item *d, struct err *e),
    void *arg, struct err *e) MUST_CHECK;

#endif
