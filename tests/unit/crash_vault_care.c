/* What a vault does with what it holds already: a collection that has everything to do (a pack to delete, one to rewrite, a
 * used page, an old revision that an interrupted run left), a scrubbing that puts damage aside and heals it from a second
 * copy of the vault, and a removal that two approvers signed. See crash_vault.h. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_log.h"
#include "crash_vault.h"
#include "gc.h"
#include "scrub.h"
#include "sys/file.h"

static int done(struct world *w) {
    w->told[w->told_n++] = (struct mini_point){.what = TOLD_DONE};
    crash_ack();
    return 0;
}

static int removed(struct world *w, uint32_t point, struct err *e) {
    struct mini_point told;
    for (size_t i = 0; i < w->told_n; i++)
        if (w->told[i].what == TOLD_POINT && w->told[i].point == point) w->told[i].going = true;
    return mini_remove(&w->v, HOST, point, &told, e) < 0 ? -1 : (w->told[w->told_n++] = told, 0);
}

/* ---- a collection ---- */

struct sum {
    uint64_t packs, deleted, deleted_bytes, rewritten, pages;
    struct err why;
};

static int sum_add(void *arg, const struct gc_report *r, struct err *e) {
    struct sum *s = arg;
    s->packs += r->packs, s->deleted += r->deleted, s->deleted_bytes += r->deleted_bytes;
    s->rewritten += r->rewritten, s->pages += r->pages;
    if (r->why.id) s->why = r->why;
    return 0;
}

static int run(struct world *w, bool dry_run, struct sum *s, struct err *e) {
    *s = (struct sum){.why = ERR_INIT};
    if (gc_run(&w->v, &(struct gc_options){.grace_s = GC_GRACE_S, .dry_run = dry_run}, sum_add, s, e) < 0) return -1;
    if (s->why.id) *e = s->why;
    return s->why.id ? -1 : 0;
}

static int no_delete(struct store *s, const char *name, struct err *e) { return err_set(e, ZE_IO, name, "interrupted"); }

/* A run that ends right before its first deletion. */
static int run_interrupted(struct world *w, struct err *e) {
    const struct store_ops *ops = w->v.store.ops;
    struct store_ops broken = *ops;
    struct sum s;
    struct err why = ERR_INIT;
    broken.del = no_delete;
    w->v.store.ops = &broken;
    int rc = run(w, false, &s, &why);
    w->v.store.ops = ops;
    return rc < 0 && s.rewritten == 1 ? 0 : err_set(e, ZE_INTERNAL, HOST, "the run was to end half done: %s", why.msg);
}

/* Of the first backup only one slot of its data is needed at last, of the second its meta pack and one slot. */
int care_collectable(struct world *w, struct err *e) {
    static const uint8_t two[] = {0xff, 0xff}, three[] = {0, 1, 0xff, 1};
    static const struct mini_shape second = {2, 3, two}, third = {2, 3, three};
    struct sum s;
    int rc = world_backup(w, KIND_FULL, 1, NULL, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 2, &second, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 3, &third, e);
    w->clock.now += 100 * NS_PER_DAY; /* past every floor */
    if (rc == 0) rc = removed(w, 2, e);
    w->clock.now += 8 * NS_PER_DAY; /* past the grace */
    if (rc == 0) rc = run_interrupted(w, e);
    if (rc == 0) rc = removed(w, 1, e);
    w->clock.now += 8 * NS_PER_DAY;
    if (rc == 0) rc = run(w, true, &s, e);
    if (rc == 0 && (s.deleted != 1 || s.rewritten != 1 || s.pages != 2 || s.packs != 6))
        rc = err_set(e, ZE_INTERNAL, HOST, "%d packs to delete, %d to rewrite, %d pages", (int)s.deleted,
            (int)s.rewritten, (int)s.pages);
    return rc;
}

/* Asked again after a power cut it comes to its end too, and what is done leaves nothing to do. */
int care_collect(struct world *w, struct err *e) {
    struct sum s;
    w->way[w->told_n].again = care_collect;
    if (run(w, false, &s, e) < 0 || run(w, true, &s, e) < 0) return -1;
    if (s.deleted + s.deleted_bytes + s.rewritten + s.pages == 0) return done(w);
    return err_set(e, ZE_INTERNAL, HOST, "a finished collection has left something to do");
}

/* ---- a scrubbing ---- */

static char from[256], to[256];

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    char name[512];
    struct buf b;
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "%s%s", to, path + strlen(from));
    if (type == FTW_D) return mkdir(name, 0700);
    buf_init(&b, 1 << 20);
    int rc = file_load(AT_FDCWD, path, 1 << 20, &b, &e);
    if (rc == 0) rc = file_put_new(AT_FDCWD, name, b.p, b.len, 0600, &e);
    buf_free(&b);
    return rc;
}

/* The second copy of the vault: beside the first one. */
static int second_make(struct world *w, struct err *e) {
    snprintf(from, sizeof from, "%.200s", w->v.dir);
    snprintf(w->second, sizeof w->second, "%.120s.second", w->v.dir);
    snprintf(to, sizeof to, "%s", w->second);
    crash_remove(w->second);
    return nftw(from, copy_one, 16, FTW_PHYS) == 0 ? 0 : err_sys(e, w->second, "copy");
}

/* Flip a byte of an object; ${at} below 0: cut it to half instead. */
static int harm(struct world *w, const char *name, int at, struct err *e) {
    uint8_t byte;
    if (fchmodat(w->v.store.fd, name, 0600, 0) < 0) return err_sys(e, name, "chmod");
    CLEANUP_FD int fd = openat(w->v.store.fd, name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return err_sys(e, name, "open");
    if (at < 0) return ftruncate(fd, lseek(fd, 0, SEEK_END) / 2) < 0 ? err_sys(e, name, "cut") : 0;
    if (pread(fd, &byte, 1, at) != 1) return err_sys(e, name, "read");
    byte ^= 4;
    return pwrite(fd, &byte, 1, at) == 1 ? 0 : err_sys(e, name, "write");
}

/* A segment, a used page, a record, the second copy of another one, and a pack that is not there at all. */
static int harm_all(struct world *w, struct host_log *l, struct err *e) {
    char name[STORE_NAME_MAX];
    struct record r;
    const uint8_t *generation = l->commits[0].generation;
    pack_name(name, HOST, generation, 1, 0);
    if (harm(w, name, PACK_HEADER + 710, e) < 0 || log_load(l, l->commits[1].n, &r, NULL, e) < 0) return -1;
    used_name(name, HOST, generation, r.commit.used[0].hash);
    record_free(&r);
    if (harm(w, name, -1, e) < 0) return -1;
    log_record_name(l, l->commits[0].n, name);
    if (harm(w, name, 100, e) < 0) return -1;
    snprintf(name, sizeof name, "kept/%s/%016llx", HOST, (unsigned long long)l->commits[1].n);
    if (harm(w, name, -1, e) < 0) return -1;
    pack_name(name, HOST, generation, 2, 0);
    return store_delete(&w->v.store, name, e);
}

int care_harmed(struct world *w, struct err *e) {
    struct host_log l;
    int rc = world_backup(w, KIND_FULL, 1, NULL, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 2, NULL, e);
    if (rc == 0) rc = second_make(w, e);
    if (rc < 0) return rc;
    rc = log_open(&l, &w->v, HOST, e);
    if (rc == 0) rc = harm_all(w, &l, e);
    log_free(&l);
    w->harmed = w->told_n;
    return rc;
}

static int finding(void *arg, const char *host, const struct damage_item *d, struct err *e) {
    return err_set(e, ZE_DAMAGED, d->object, "still noted as damaged: %s", d->why);
}

int care_scrub(struct world *w, struct err *e) {
    struct scrub_sum sum;
    w->way[w->told_n].again = care_scrub;
    int rc = scrub_run(&w->v, &(struct scrub_opts){.all = true, .heal_from = w->second}, &sum, e);
    if (rc < 0) return rc;
    if (rc != 1 || sum.damaged || sum.busy)
        return err_set(e, ZE_DAMAGED, HOST, "%d damaged objects were not healed", (int)sum.damaged);
    return damage_each(&w->v, finding, NULL, e) < 0 ? -1 : done(w);
}

/* ---- a removal with approvals ---- */

static void put(struct buf *b, const void *p, size_t n) {
    uint8_t len[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    buf_put(b, len, 4);
    buf_put(b, p, n);
}

#define TYPE "ssh-ed25519"

/* The key of approver ${i} as OpenSSH spells it, and a signature like that of `ssh-keygen -Y sign`. */
static void approver_key(struct buf *key, unsigned i, uint8_t sec[SEAL_SIGN_SEC]) {
    uint8_t seed[SEAL_SIGN_SEED] = {(uint8_t)(i + 1)}, pub[SEAL_SIGN_PUB];
    sign_from_seed(pub, sec, seed);
    put(key, TYPE, strlen(TYPE)), put(key, pub, sizeof pub);
}

static int sign(struct approvals *a, unsigned i, const char *text, struct err *e) {
    uint8_t sec[SEAL_SIGN_SEC], sum[64], bytes[SEAL_SIG];
    struct buf key, m, s, out;
    buf_init(&key, 200), buf_init(&m, 400), buf_init(&s, 200), buf_init(&out, SSHSIG_MAX);
    approver_key(&key, i, sec);
    seal_sha512(sum, text, strlen(text));
    buf_put(&m, "SSHSIG", 6), put(&m, APPROVAL_SPACE, strlen(APPROVAL_SPACE)), put(&m, "", 0);
    put(&m, "sha512", 6), put(&m, sum, sizeof sum);
    sign_make(bytes, sec, m.p, m.len);
    put(&s, TYPE, strlen(TYPE)), put(&s, bytes, sizeof bytes);
    buf_put(&out, "SSHSIG\0\0\0\1", 10), put(&out, key.p, key.len);
    put(&out, APPROVAL_SPACE, strlen(APPROVAL_SPACE)), put(&out, "", 0), put(&out, "sha512", 6), put(&out, s.p, s.len);
    int rc = approvals_add(a, text, strlen(text), out.p, out.len, e);
    buf_free(&key), buf_free(&m), buf_free(&s), buf_free(&out);
    return rc;
}

int care_approvers(struct world *w, struct err *e) {
    struct approver_list l = {.n = 2};
    for (unsigned i = 0; i < l.n; i++) {
        uint8_t sec[SEAL_SIGN_SEC];
        struct buf key;
        buf_init(&key, sizeof l.item[i].key);
        approver_key(&key, i, sec);
        memcpy(l.item[i].key, key.p, l.item[i].key_len = key.len);
        snprintf(l.item[i].name, sizeof l.item[i].name, "approver-%u", i);
        buf_free(&key);
    }
    int rc = world_backup(w, KIND_FULL, 1, NULL, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 2, NULL, e);
    return rc == 0 ? act_approvers_set(&w->v, &l, &(struct approvals){.len = 0}, e) : rc;
}

static struct js *removal_ask(void) {
    struct js *q = js_object(), *points = js_array();
    js_push_int(points, 1);
    js_set_str(q, "host", HOST);
    js_set(q, "points", points);
    return q;
}

/* A new statement of the vault, signed by both. */
static int statement(struct world *w, struct approvals *a, struct err *e) {
    struct js *q = removal_ask(), *answer = js_object();
    js_set_str(q, "action", "remove");
    int rc = act_request(&w->v, q, answer, e);
    for (unsigned i = 0; rc == 0 && i < 2; i++) rc = sign(a, i, js_str(answer, "statement", ""), e);
    js_free(q);
    js_free(answer);
    return rc;
}

/* Point 1 is younger than its floor. Asked again after a power cut, there are new signatures: the first may be spent. */
int care_approved(struct world *w, struct err *e) {
    struct approvals a = {.len = 0};
    w->way[w->told_n].again = care_approved;
    w->told[0].going = true;
    int rc = statement(w, &a, e);
    if (rc == 0) {
        struct js *q = removal_ask();
        js_set(q, "approvals", approvals_json(&a));
        rc = mini_act(&w->v, act_remove, q, e);
    }
    approvals_free(&a);
    if (rc < 0) return rc;
    w->told[w->told_n++] = (struct mini_point){.what = TOLD_REMOVED, .point = 1};
    crash_ack();
    return 0;
}
