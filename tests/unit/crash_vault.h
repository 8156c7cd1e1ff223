/**
 * What vaults are made to do while the power goes (check_vault_crash.c) or a call fails (check_vault_nth.c): a table of
 * scenarios, what is known of each outside of the vault, and what must hold afterwards.
 */
#ifndef TESTS_CRASH_VAULT_H
#define TESTS_CRASH_VAULT_H

#include "crash_state.h"
#include "mini_vault.h"

enum { TOLD_MAX = 16, NEXT = 40, AFTER = 80 }; /* NEXT, AFTER: uploads of recoveries */
#define HOST "web"

/* What is known outside of the vault. */
struct world {
    struct mini_clock clock;
    struct vault v;
    struct mini_point told[TOLD_MAX];
    size_t told_n;
    size_t harmed;    /* while only so many were told (0: never) objects may be damaged, and so they are */
    char second[128]; /* of a vault that is harmed: a whole copy */
    struct {
        int (*again)(struct world *w, struct err *e); /* not a backup: simply asked for again */
        uint16_t upload;
        uint8_t page[SEAL_HASH];
        bool has_page;
    } way[TOLD_MAX + 1]; /* what was under way when so many had been told; nothing: zeros */
};

extern const struct scenario {
    const char *name;
    int (*before)(struct world *w, struct err *e); /* durable when it begins */
    int (*act)(struct world *w, struct err *e);
} scenarios[];
extern const size_t scenarios_n;

/** world_backup(w, kind, upload, shape, e): a backup that is told; ${shape} NULL: two slots of meta, three of data. */
int world_backup(struct world *w, uint8_t kind, uint16_t upload, const struct mini_shape *shape,
    struct err *e) MUST_CHECK;

/** What comes before, and the act: a collection, a scrubbing that heals, a removal with two approvals (crash_vault_care.c). */
int care_collectable(struct world *w, struct err *e) MUST_CHECK;
int care_collect(struct world *w, struct err *e) MUST_CHECK;
int care_harmed(struct world *w, struct err *e) MUST_CHECK;
int care_scrub(struct world *w, struct err *e) MUST_CHECK;
int care_approvers(struct world *w, struct err *e) MUST_CHECK;
int care_approved(struct world *w, struct err *e) MUST_CHECK;

/** world_make(w, s, dir, e): a new vault in ${dir} with all that comes before ${s}; it is open. */
int world_make(struct world *w, const struct scenario *s, const char *dir, struct err *e) MUST_CHECK;

/**
 * recover(w, dir, next, e):
 * Open the vault as the next process does: all that was told holds; who was cut asks again and comes to his end; a backup
 * with the upload id ${next} succeeds; all holds again.
 */
int recover(struct world *w, const char *dir, uint16_t next, struct err *e) MUST_CHECK;

#endif
