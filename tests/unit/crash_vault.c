/* See crash_vault.h. */
#include "crash_vault.h"

#include <string.h>

#include "crash_log.h"
#include "keys.h"

enum { FIRST = 1, SECOND, THIRD };

static int tell(struct world *w, const struct mini_point *p) {
    w->told[w->told_n++] = *p;
    crash_ack();
    return 0;
}

/* A backup step by step: what it has in its hands when it is cut is in ${w}. */
int world_backup(struct world *w, uint8_t kind, uint16_t upload, const struct mini_shape *shape, struct err *e) {
    static const struct mini_shape usual = {2, 3};
    struct mini m;
    struct mini_point done;
    if (!shape) shape = &usual;
    size_t i = w->told_n;
    w->way[i].upload = upload;
    int rc = mini_open(&m, &w->v, HOST, e);
    if (rc == 0) rc = mini_begin(&m, kind, upload, e);
    if (rc == 0) rc = mini_packs(&m, shape, e);
    if (rc == 0) rc = mini_used(&m, shape, w->way[i].page, e);
    if (rc == 0) w->way[i].has_page = true, rc = mini_commit(&m, upload, w->way[i].page, &done, e);
    mini_close(&m);
    return rc == 0 ? tell(w, &done) : rc;
}

static int backup(struct world *w, uint8_t kind, uint16_t upload, struct err *e) {
    return world_backup(w, kind, upload, NULL, e);
}

static int none(struct world *w, struct err *e) { return 0; }
static int full(struct world *w, struct err *e) { return backup(w, KIND_FULL, FIRST, e); }
static int full_and_incremental(struct world *w, struct err *e) {
    return full(w, e) < 0 ? -1 : backup(w, KIND_INCREMENTAL, SECOND, e);
}
static int incremental(struct world *w, struct err *e) { return backup(w, KIND_INCREMENTAL, THIRD, e); }

static int three(struct world *w, struct err *e) {
    int rc = full_and_incremental(w, e) < 0 ? -1 : backup(w, KIND_INCREMENTAL, THIRD, e);
    w->clock.now += 100 * NS_PER_DAY; /* past every floor */
    return rc;
}

static int pin(struct world *w, struct err *e) {
    struct mini_point done;
    w->way[w->told_n].again = pin;
    return mini_pin(&w->v, HOST, 2, "2030-01-31T00:00:00Z", &done, e) < 0 ? -1 : tell(w, &done);
}

static int removal(struct world *w, struct err *e) {
    struct mini_point done;
    w->way[w->told_n].again = removal;
    w->told[1].going = true;
    return mini_remove(&w->v, HOST, 2, &done, e) < 0 ? -1 : tell(w, &done);
}

/* Nobody is told of it: the vault has the old key or the new one, and all that was told holds. */
static int rotation(struct world *w, struct err *e) {
    struct approvals nobody = {.len = 0};
    return keys_change(&w->v, KEY_ROTATED, &nobody, e);
}

const struct scenario scenarios[] = {
    {"a first full backup and its commit", none, full},
    {"an incremental backup and its commit", full_and_incremental, incremental},
    {"a pin", three, pin},
    {"a removal", three, removal},
    {"a removal with two approvals", care_approvers, care_approved},
    {"a collection", care_collectable, care_collect},
    {"a scrubbing that heals", care_harmed, care_scrub},
    {"a rotation of the key", full, rotation},
};
const size_t scenarios_n = sizeof scenarios / sizeof scenarios[0];

int world_make(struct world *w, const struct scenario *s, const char *dir, struct err *e) {
    *w = (struct world){.told_n = 0};
    mini_clock_init(&w->clock, 1800000000 * NS_PER_S);
    int rc = vault_init(dir, &w->clock.clock, &w->v, e);
    if (rc == 0) rc = mini_enrol(&w->v, HOST, e);
    return rc == 0 ? s->before(w, e) : rc;
}

/* The agent that was cut asks for its commit again; where that is no use it sends again what it has. One that was told
 * before the power went asks too: it gets what it was told. */
static int ask_again(struct world *w, struct err *e) {
    struct mini m;
    struct mini_point done;
    struct err why = ERR_INIT;
    bool told = !w->way[w->told_n].upload && !w->way[w->told_n].again;
    size_t i = told && w->told_n ? w->told_n - 1 : w->told_n;
    if (w->way[i].again) return w->way[i].again(w, e);
    if (!w->way[i].upload) return 0;
    int rc = mini_open(&m, &w->v, HOST, e);
    bool known = rc == 0 && w->way[i].has_page && mini_commit(&m, w->way[i].upload, w->way[i].page, &done, &why) == 0;
    mini_close(&m);
    if (rc < 0) return rc;
    if (!known) return told ? err_set(e, ZE_MISSING, HOST, "asked again, the vault does not know: %s", why.msg)
                            : backup(w, KIND_INCREMENTAL, w->way[i].upload, e);
    if (!told) return tell(w, &done);
    return memcmp(done.hash, w->told[i].hash, SEAL_HASH) == 0
        ? 0 : err_set(e, ZE_DAMAGED, HOST, "asked again, the vault says another record");
}

int recover(struct world *w, const char *dir, uint16_t next, struct err *e) {
    size_t points, after, expected = 0;
    if (vault_open(&w->v, dir, &w->clock.clock, e) < 0) return -1;
    int rc = mini_judge(&w->v, HOST, w->told, w->told_n, &points, e);
    if (rc < 0 && w->told_n == w->harmed && e->id != ZE_INTERNAL) rc = 0, *e = (struct err)ERR_INIT;
    if (rc == 0) rc = ask_again(w, e);
    if (rc == 0) rc = backup(w, KIND_INCREMENTAL, next, e);
    if (rc == 0) rc = mini_judge(&w->v, HOST, w->told, w->told_n, &after, e);
    for (size_t i = 0; i < w->told_n; i++) expected += w->told[i].what == TOLD_POINT;
    for (size_t i = 0; i < w->told_n; i++)
        if (w->told[i].what == TOLD_POINT && w->told[i].going) expected--;
    if (rc == 0 && after != expected)
        rc = err_set(e, ZE_DAMAGED, HOST, "%zu points, and %zu were acknowledged", after, expected);
    vault_close(&w->v);
    return rc;
}
