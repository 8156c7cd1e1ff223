/* Looking before storing. What is used is counted in the store each time: there is no counter that a crash, a
 * collection or a hand in the directory could make wrong. A note that is not understood refuses, like any mistyped
 * right. */
#include "quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "quota_note.h"

static int size_add(void *arg, const char *name, uint64_t size, struct err *e) {
    *(uint64_t *)arg += size;
    return 0;
}

struct below {
    struct vault *v;
    char dir[STORE_NAME_MAX];
    uint64_t *sum;
};

static int generation_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct below *b = arg;
    char dir[STORE_NAME_MAX + 64];
    snprintf(dir, sizeof dir, "%s/%.40s", b->dir, name);
    return store_list(&b->v->store, dir, size_add, b->sum, e);
}

int host_bytes(struct vault *v, const char *host, uint64_t *bytes, struct err *e) {
    static const char *const what[] = {"packs", "used"};
    struct below b = {.v = v, .sum = bytes};
    *bytes = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(b.dir, sizeof b.dir, "hosts/%s/%s", host, what[i]);
        if (store_list(&v->store, b.dir, generation_add, &b, e) < 0) return -1;
    }
    return 0;
}

struct group {
    struct vault *v;
    const struct quota_note *q;
    uint64_t bytes;
};

static int member_add(void *arg, const char *host, struct err *e) {
    struct group *g = arg;
    char system[64];
    uint64_t bytes;
    if (quota_system_of(g->v, host, system) < 0 || !quota_note_has(g->q, system)) return 0;
    if (host_bytes(g->v, host, &bytes, e) < 0) return -1;
    g->bytes += bytes;
    return 0;
}

static int group_bytes(struct vault *v, const struct quota_note *q, uint64_t *bytes, struct err *e) {
    struct group g = {v, q, 0};
    if (hosts_each(v, member_add, &g, e) < 0) return -1;
    *bytes = g.bytes;
    return 0;
}

/* What is asked of each quota that holds for the host. */
struct ask {
    struct keeper *k;
    uint64_t more; /* bytes to come; 0: anything at all */
    bool full;     /* they are what a full needs, by the last one */
};

static int refuse(const struct ask *a, const char *of, uint64_t used, uint64_t quota, struct err *e) {
    char u[24], q[24], m[24];
    text_bytes(u, used);
    text_bytes(q, quota);
    text_bytes(m, a->more);
    if (!a->more) return err_set(e, ZE_QUOTA, of, _("%s are used of %s"), u, q);
    if (a->full) return err_set(e, ZE_QUOTA, of, _("%s are used of %s, and a full needs about %s more"), u, q, m);
    return err_set(e, ZE_QUOTA, of, _("%s are used of %s, and %s more were sent"), u, q, m);
}

static int judge(const struct ask *a, const char *of, uint64_t used, uint64_t quota, struct err *e) {
    if (used < quota && a->more <= quota - used) return 0;
    struct ask none = *a;
    if (a->full && used >= quota) none.more = 0;
    return refuse(&none, of, used, quota, e);
}

static int judge_group(void *arg, const struct quota_note *q, struct err *e) {
    const struct ask *a = arg;
    char of[96];
    uint64_t used;
    if (!q->bytes || !quota_note_has(q, a->k->log.system)) return 0;
    snprintf(of, sizeof of, "%s %s", q->department ? "department" : "system", q->name);
    return group_bytes(a->k->v, q, &used, e) < 0 ? -1 : judge(a, of, used, q->bytes, e);
}

static int judge_all(const struct ask *a, struct err *e) {
    struct keeper *k = a->k;
    char of[96];
    uint64_t used;
    snprintf(of, sizeof of, "host %s", k->host);
    if (k->rights.quota) {
        if (host_bytes(k->v, k->host, &used, e) < 0 || judge(a, of, used, k->rights.quota, e) < 0) return -1;
    }
    return quota_notes_each(k->v, judge_group, (void *)a, e);
}

/* What the last full stored: the first point of the newest generation. */
static uint64_t last_full(const struct host_log *l) {
    if (!l->commits_n) return 0;
    const uint8_t *generation = l->commits[l->commits_n - 1].generation;
    for (size_t i = 0; i < l->commits_n; i++)
        if (memcmp(l->commits[i].generation, generation, SEAL_ID) == 0) return l->commits[i].bytes_stored;
    return 0;
}

int quota_begin(struct keeper *k, const struct rec_begin *b, struct err *e) {
    struct ask a = {.k = k, .full = !b->parent};
    uint64_t there = 0, room, taken;
    /* A full that goes on has a part of it stored. */
    for (size_t i = 0; i < k->packs.n; i++) there += k->packs.item[i].size;
    if (a.full) a.more = last_full(&k->log);
    a.more = a.more > there ? a.more - there : 0;
    if (judge_all(&a, e) < 0) return -1;
    if (!a.more || store_space(&k->v->store, &room, &taken, e) < 0) return a.more ? -1 : 0;
    if (room >= a.more) return 0;
    char r[24], m[24];
    text_bytes(r, room);
    text_bytes(m, a.more);
    return err_set(e, ZE_NOSPACE, k->v->dir, _("%s are free, and a full needs about %s"), r, m);
}

int quota_place(struct keeper *k, uint64_t bytes, struct err *e) {
    struct ask a = {.k = k, .more = bytes};
    if (judge_all(&a, e) == 0) return 0;
    /* What was placed before stays: the next run goes on from it when there is room. */
    if (e->id == ZE_QUOTA) k->begun = false, spool_drop(k);
    return -1;
}
