/* Each byte of a small vault flipped and each of its files cut at every length, whatever the file is for, and then the keeper
 * at work: it is looked at, asked to remove what is protected, backed up to, collected and scrubbed. Each time that ends
 * with an error or well, never in a crash; no wrong byte is taken for right; and when the byte is put right again all
 * that was promised is there: nothing went, was removed or was shortened because of it. (Sessions: check_vault_flips;
 * zaibei-verify: check_verify_vault; restores: check_agent_flips.) A sample in make check, everything with ZAIBEI_SOAK=1. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "crash_seam.h"
#include "crash_vault.h"
#include "gc.h"
#include "scrub.h"
#include "suite.h"
#include "sys/file.h"
#include "unit_place.h"

enum { NODES = 96, SMALL = 16384, LATER = 60 };

static struct node {
    char path[160]; /* below the vault */
    bool dir;
    uint8_t *bytes;
    size_t n;
} nodes[NODES];
static size_t nodes_n, total;
static char made[128], copy[128];
static struct world world;
static uint64_t tried;

/* ---- the vault, and copies of it ---- */

static int node_add(const char *path, const struct stat *st, int type, struct FTW *at) {
    struct err e = ERR_INIT;
    struct buf b;
    if (type == FTW_F && !st->st_size) return 0; /* locks */
    ck_assert_uint_lt(nodes_n, NODES);
    struct node *n = &nodes[nodes_n++];
    snprintf(n->path, sizeof n->path, "%.159s", path + strlen(made));
    if ((n->dir = type == FTW_D)) return 0;
    buf_init(&b, SMALL);
    ck_assert_int_eq(file_load(AT_FDCWD, path, SMALL, &b, &e), 0);
    n->bytes = b.p, n->n = b.len; /* kept to the end */
    total += n->n;
    return 0;
}

static void put(const char *path, const uint8_t *p, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, p, n), 0);
    close(fd);
}

static const char *at(const struct node *n) {
    static char path[320];
    snprintf(path, sizeof path, "%s%.159s", copy, n->path);
    return path;
}

static void copy_make(void) {
    crash_remove(copy);
    for (size_t i = 0; i < nodes_n; i++) {
        if (nodes[i].dir) ck_assert_int_eq(mkdir(at(&nodes[i]), 0700), 0);
        else put(at(&nodes[i]), nodes[i].bytes, nodes[i].n);
    }
}

/* Four points: pinned; removed, with packs that only it needs; protected by a floor alone; the newest. */
static int before(struct world *w, struct err *e) {
    static const uint8_t first[] = {1, 1, 0, 0}, others[] = {1, 1, 0, 0, 1, 1};
    static const struct mini_shape one = {1, 1, NULL}, third = {1, 1, first}, fourth = {1, 1, others};
    struct js *floor = js_object();
    struct mini_point told;
    int rc = world_backup(w, KIND_FULL, 1, &one, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 2, &one, e);
    if (rc == 0) rc = mini_pin(&w->v, HOST, 1, "2030-01-31T00:00:00Z", &told, e);
    if (rc == 0) w->told[w->told_n++] = told;
    w->clock.now += 100 * NS_PER_DAY;
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 3, &third, e);
    if (rc == 0) rc = world_backup(w, KIND_INCREMENTAL, 4, &fourth, e);
    if (rc == 0) rc = mini_remove(&w->v, HOST, 2, &told, e);
    if (rc == 0) w->told[w->told_n++] = told, w->told[1].going = true;
    w->clock.now += 100 * NS_PER_DAY;
    js_set_str(floor, "host", HOST);
    js_set_int(floor, "days", 180);
    return rc == 0 ? mini_act(&w->v, act_floor, floor, e) : rc;
}

static void setup(void) {
    const struct scenario s = {.name = "rot", .before = before};
    struct err e = ERR_INIT;
    place_make();
    snprintf(made, sizeof made, "%s/vault", place);
    snprintf(copy, sizeof copy, "%s/copy", place);
    ck_assert_msg(world_make(&world, &s, made, &e) == 0, "%s: %s", e.object, e.msg);
    vault_close(&world.v);
    ck_assert_int_eq(nftw(made, node_add, 16, FTW_PHYS), 0);
    ck_assert_msg(total <= SMALL && total > SMALL / 4, "%zu bytes", total);
}

/* ---- what the keeper does; false: a promise was broken, said on stderr ---- */

static bool complain(const char *what, const struct err *e) {
    fprintf(stderr, "%s: %s: %s\n", what, e->object, e->msg);
    return false;
}

/* What is said to hold while a byte is wrong: all of it, or an error; bytes are never wrong. */
static bool look(struct world *w) {
    struct err e = ERR_INIT;
    size_t points;
    int rc = mini_judge(&w->v, HOST, w->told, w->told_n, &points, &e);
    if (rc < 0) return (e.id && e.id != ZE_INTERNAL) || complain("looked at", &e);
    return points == 3 || (fprintf(stderr, "looked at: %zu points\n", points), false);
}

static bool remove_protected(struct world *w) {
    static const uint32_t points[] = {1, 3, 4};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        struct err e = ERR_INIT;
        struct mini_point told;
        if (mini_remove(&w->v, HOST, points[i], &told, &e) == 0) return complain("a protected point was removed", &e);
        if (!e.id || e.id == ZE_INTERNAL) return complain("removal", &e);
    }
    return true;
}

static int report(void *arg, const struct gc_report *r, struct err *e) { return 0; }

static bool collect(struct world *w, bool dry_run) {
    struct err e = ERR_INIT;
    int rc = gc_run(&w->v, &(struct gc_options){.grace_s = GC_GRACE_S, .dry_run = dry_run}, report, NULL, &e);
    return rc == 0 || (e.id && e.id != ZE_INTERNAL) || complain("collection", &e);
}

static bool work_look(struct world *w) { return look(w) && remove_protected(w) && collect(w, true) && look(w); }

static bool work_backup(struct world *w) {
    struct err e = ERR_INIT;
    int rc = world_backup(w, KIND_INCREMENTAL, LATER, NULL, &e);
    return rc == 0 || (e.id && e.id != ZE_INTERNAL) || complain("backup", &e);
}

static bool work_collect(struct world *w) { return collect(w, false); }

static bool scrub_clean(struct world *w, struct err *e) {
    struct scrub_sum sum;
    return scrub_run(&w->v, &(struct scrub_opts){.all = true}, &sum, e) == 1 && sum.damaged == 0;
}

static bool work_scrub(struct world *w) {
    struct err e = ERR_INIT;
    struct scrub_sum sum;
    int rc = scrub_run(&w->v, &(struct scrub_opts){.all = true}, &sum, &e);
    return rc == 1 || (rc < 0 && e.id && e.id != ZE_INTERNAL) || complain("scrubbing", &e);
}

static const struct work {
    const char *name;
    bool (*run)(struct world *w);
} works[] = {{"looking", work_look}, {"a backup", work_backup}, {"a collection", work_collect}, {"scrubbing", work_scrub}};

/* ---- one harm, each act ---- */

/* In a process of its own, since it may crash: what it told its own caller is at hand afterwards. */
static void run_apart(const struct work *a, struct world *w, const char *what) {
    struct world *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    *shared = *w;
    pid_t child = fork();
    if (child == 0) {
        struct err e = ERR_INIT;
        if (vault_open(&shared->v, copy, &shared->clock.clock, &e) < 0) _exit(e.id && e.id != ZE_INTERNAL ? 0 : 2);
        _exit(a->run(shared) ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "%s: %s died of signal %d", what, a->name, WTERMSIG(status));
    ck_assert_msg(WEXITSTATUS(status) == 0, "%s: %s: a promise was broken (%d), see above", what, a->name,
        WEXITSTATUS(status));
    *w = *shared;
    munmap(shared, sizeof *shared);
}

/* The byte is put right where the harmed file is still there as it was harmed: all holds, and the next backup succeeds. */
static void judge(const struct work *a, struct world *w, const struct node *n, const uint8_t *bad, size_t bad_n,
    const char *what) {
    struct err e = ERR_INIT;
    struct buf b;
    size_t points, expected = 0;
    buf_init(&b, 1 << 20);
    if (file_load(AT_FDCWD, at(n), 1 << 20, &b, &e) == 0 && b.len == bad_n && (!b.len || !memcmp(b.p, bad, b.len)))
        put(at(n), n->bytes, n->n);
    buf_free(&b);
    e = (struct err)ERR_INIT;
    int rc = vault_open(&w->v, copy, &w->clock.clock, &e);
    if (rc == 0) rc = mini_judge(&w->v, HOST, w->told, w->told_n, &points, &e);
    ck_assert_msg(rc == 0, "%s: after %s: %s: %s", what, a->name, e.object, e.msg);
    for (size_t i = 0; i < w->told_n; i++) expected += w->told[i].what == TOLD_POINT && !w->told[i].going;
    ck_assert_msg(points >= expected, "%s: after %s: %zu points", what, a->name, points);
    /* What was found damaged is found whole again; until then the next backup is asked to send it anew. */
    if (a->run == work_scrub) ck_assert_msg(scrub_clean(w, &e), "%s: scrubbed again: %s: %s", what, e.object, e.msg);
    rc = world_backup(w, KIND_INCREMENTAL, LATER + 1, NULL, &e);
    ck_assert_msg(rc == 0, "%s: after %s: the next backup: %s: %s", what, a->name, e.object, e.msg);
    vault_close(&w->v);
}

static void harm(const struct node *n, const uint8_t *bad, size_t bad_n, size_t where) {
    char what[256];
    snprintf(what, sizeof what, "%s of %.159s at %zu", bad_n == n->n ? "a flip" : "a cut", n->path, where);
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++, tried++) {
        struct world w = world;
        copy_make();
        put(at(n), bad, bad_n);
        run_apart(&works[i], &w, what);
        judge(&works[i], &w, n, bad, bad_n, what);
    }
}

/* faults: B5 B10 B11 */
START_TEST(no_harm_to_one_byte_makes_the_keeper_do_harm) {
    size_t step = getenv("ZAIBEI_SOAK") ? 1 : 97, k = 0;
    bool cut = _i;
    for (size_t i = 0; i < nodes_n; i++)
        for (size_t where = 0; where < nodes[i].n; where++, k++) {
            uint8_t bad[SMALL];
            if (k % step != (cut ? step / 2 : 0)) continue;
            memcpy(bad, nodes[i].bytes, nodes[i].n);
            bad[where] ^= (uint8_t)(1 << (k & 7));
            harm(&nodes[i], bad, cut ? where : nodes[i].n, where);
        }
    printf("figure: a vault of %zu bytes, each %s in turn, and the keeper at work (looking, removal, backup, collection, "
           "scrubbing): %llu runs\n", total, cut ? "length of each file" : "byte flipped", (unsigned long long)tried);
    ck_assert_uint_gt(tried, 100);
    suite_done(place_remove);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_rot");
    TCase *t = tcase_create("rot");
    tcase_add_checked_fixture(t, setup, place_remove);
    tcase_set_timeout(t, 7200);
    tcase_add_loop_exit_test(t, no_harm_to_one_byte_makes_the_keeper_do_harm, 0, 0, 2);
    suite_add_tcase(s, t);
    return suite_run(s);
}
