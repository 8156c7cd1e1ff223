/* Reading a log by its chain, and what is kept of it for the next process: whatever became of the kept file or of the log,
 * the view is the one that reading every record gives. */
#include <fcntl.h>
#include <string.h>

#include "log_acts.h"
#include "damage.h"
#include "log_cache.h"
#include "mini_vault.h"
#include "scrub.h"
#include "suite.h"
#include "sys/file.h"
#include "unit_place.h"

enum { BACKUPS = 40, BIG = 1 << 20 };
static struct mini_clock now;
static struct vault v;
static struct err e;
static char dir[96];

static void backups(const char *host, unsigned n, uint16_t first) {
    const struct mini_shape shape = {1, 1};
    struct mini_point done;
    for (unsigned i = 0; i < n; i++, now.now += NS_PER_DAY)
        ck_assert_msg(mini_backup(&v, host, i % 7 ? KIND_INCREMENTAL : KIND_FULL, (uint16_t)(first + i), &shape, &done, &e) == 0,
            "%s: %s", e.object, e.msg);
}

static void append(struct host_log *l, struct record *r) {
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    ck_assert_msg(log_append(l, r, &raw, &e) == 0, "%s: %s", e.object, e.msg);
    buf_free(&raw);
}

static void open_log(struct host_log *l, const char *host) {
    ck_assert_msg(log_open(l, &v, host, &e) == 0, "%s: %s", e.object, e.msg);
}

/* A log with something of everything. */
static void setup(void) {
    struct host_log l;
    struct mini_point done;
    struct record lease = {.type = REC_LEASE}, collect = {.type = REC_COLLECT, .collect = {.counter = 3, .next_pack = 9}},
                  abandon = {.type = REC_ABANDON}, begin = {.type = REC_BEGIN, .begin = {.kind = KIND_FULL, .point = 99}};
    e = (struct err)ERR_INIT;
    place_make();
    snprintf(dir, sizeof dir, "%s/vault", place);
    mini_clock_init(&now, 1700000000 * NS_PER_S);
    ck_assert_int_eq(vault_init(dir, &now.clock, &v, &e), 0);
    ck_assert_int_eq(mini_enrol(&v, "web", &e), 0);
    backups("web", BACKUPS, 1);
    now.now += 200 * NS_PER_DAY;
    ck_assert_int_eq(mini_pin(&v, "web", 7, "2030-01-01T00:00:00Z", &done, &e), 0);
    ck_assert_int_eq(mini_remove(&v, "web", 3, &done, &e), 0);
    open_log(&l, "web");
    append(&l, &collect);
    append(&l, &begin);
    lease.lease.epoch = begin.begin.epoch, lease.lease.until = now.now + 5;
    append(&l, &lease);
    abandon.abandon.begin_n = begin.n;
    append(&l, &abandon);
    log_free(&l);
}

static void teardown(void) {
    vault_close(&v);
    place_remove();
}

static int cached(const char *host) {
    char name[128];
    snprintf(name, sizeof name, "keeper/logs/%s", host);
    return faccessat(v.fd, name, F_OK, 0) == 0;
}

static void forget(const char *host) {
    char name[128];
    snprintf(name, sizeof name, "keeper/logs/%s", host);
    unlinkat(v.fd, name, 0);
}

static int same_array(const void *a, const void *b, size_t n, size_t m, size_t size) {
    return n == m && (!n || memcmp(a, b, n * size) == 0);
}

static bool same_pins(const struct host_log *a, const struct host_log *b) {
    bool same = a->pins_n == b->pins_n;
    for (size_t i = 0; i < a->pins_n && same; i++) {
        const struct log_pin *p = &a->pins[i], *q = &b->pins[i];
        same = p->n == q->n && p->point == q->point && p->time == q->time && p->until == q->until;
    }
    return same;
}

static bool same_collects(const struct host_log *a, const struct host_log *b) {
    bool same = a->collects_n == b->collects_n;
    for (size_t i = 0; i < a->collects_n && same; i++) {
        const struct log_collect *p = &a->collects[i], *q = &b->collects[i];
        same = p->counter == q->counter && p->next_pack == q->next_pack && !memcmp(p->generation, q->generation, SEAL_ID);
    }
    return same;
}

/* Facts and arrays, but for what is not of the log itself. Those that are compared as bytes have no holes. */
static bool same(const struct host_log *a, const struct host_log *b) {
    size_t from = offsetof(struct host_log, system), to = offsetof(struct host_log, begins);
    return memcmp((const char *)a + from, (const char *)b + from, to - from) == 0 &&
        same_array(a->begins, b->begins, a->begins_n, b->begins_n, sizeof *a->begins) &&
        same_array(a->commits, b->commits, a->commits_n, b->commits_n, sizeof *a->commits) &&
        same_pins(a, b) &&
        same_collects(a, b) &&
        same_array(a->kept, b->kept, a->kept_n, b->kept_n, sizeof *a->kept);
}

/* Record by record, each with its signature, as if there were neither chain nor file. */
static void read_all(struct host_log *l, const char *host) {
    *l = (struct host_log){.v = &v};
    strcpy(l->host, host);
    ck_assert_msg(log_refresh(l, &e) == 0, "%s: %s", e.object, e.msg);
}

static void same_as(const struct host_log *want, const char *host) {
    struct host_log got;
    open_log(&got, host);
    ck_assert_msg(same(want, &got), "%s: the view differs from the log", host);
    log_free(&got);
}

static void same_as_read(const char *host) {
    struct host_log want;
    read_all(&want, host);
    same_as(&want, host);
    log_free(&want);
}

START_TEST(what_is_kept_is_what_reading_everything_gives) {
    struct host_log l;
    ck_assert(cached("web"));
    open_log(&l, "web");
    ck_assert(l.cached && l.next - l.cached < 64 && l.pins_n == 1 && l.collects_n == 1 && l.kept_n == BACKUPS + 2);
    log_free(&l);
    same_as_read("web"); /* a part from the file, the rest from the log */
    forget("web");
    same_as_read("web"); /* by the chain */
    ck_assert(cached("web"));
    same_as_read("web"); /* from the file */
}
END_TEST

START_TEST(a_short_log_keeps_nothing_and_a_longer_one_every_64_records) {
    struct host_log l;
    ck_assert_int_eq(mini_enrol(&v, "db", &e), 0);
    backups("db", 10, 1);
    open_log(&l, "db");
    ck_assert(l.next > 20 && l.next < 64 && !cached("db"));
    log_free(&l);
    backups("db", 32, 11);
    open_log(&l, "db");
    uint64_t kept = l.cached;
    ck_assert(kept >= 64 && cached("db"));
    log_free(&l);
    backups("db", 5, 51);
    open_log(&l, "db");
    ck_assert_uint_eq(l.cached, kept);
    log_free(&l);
}
END_TEST

static size_t file_get(const char *name, uint8_t *p) {
    struct buf b;
    buf_init(&b, BIG);
    ck_assert_int_eq(file_load(v.fd, name, BIG, &b, &e), 0);
    memcpy(p, b.p, b.len);
    size_t n = b.len;
    buf_free(&b);
    return n;
}

static void file_put(const char *name, const uint8_t *p, size_t n) {
    unlinkat(v.fd, name, 0);
    CLEANUP_FD int fd = openat(v.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert(fd >= 0 && file_write_all(fd, p, n) == 0);
}

/* faults: B10 B11 E7 */
START_TEST(a_damaged_file_is_as_good_as_none) {
    static uint8_t whole[BIG], bad[BIG];
    size_t n = file_get("keeper/logs/web", whole);
    size_t step = getenv("ZAIBEI_SOAK") ? 1 : 61;
    struct host_log want;
    read_all(&want, "web");
    for (size_t i = 0; i < n; i += step) {
        memcpy(bad, whole, n);
        bad[i] ^= (uint8_t)(1 << (i & 7));
        file_put("keeper/logs/web", bad, n);
        same_as(&want, "web");
        file_put("keeper/logs/web", whole, i);
        same_as(&want, "web");
    }
    log_free(&want);
}
END_TEST

/* faults: E8 */
START_TEST(the_file_of_another_host_vault_or_layout_is_not_believed) {
    static uint8_t file[BIG];
    struct vault other;
    ck_assert_int_eq(mini_enrol(&v, "db", &e), 0);
    backups("db", BACKUPS, 1);
    same_as_read("db");
    size_t n = file_get("keeper/logs/web", file);
    file_put("keeper/logs/db", file, n);
    same_as_read("db");
    char path[128];
    snprintf(path, sizeof path, "%s/other", place);
    ck_assert_int_eq(vault_init(path, &now.clock, &other, &e), 0);
    struct vault mine = v;
    v = other;
    ck_assert_int_eq(mini_enrol(&v, "web", &e), 0);
    backups("web", BACKUPS, 1);
    same_as_read("web");
    file_put("keeper/logs/web", file, n);
    same_as_read("web");
    other = v, v = mine;
    vault_close(&other);
    /* Right in all but the number of its layout, which is the first of those behind magic, host and vault. */
    size_t layout = SEAL_HASH + 8 + 64 + SEAL_ID;
    ck_assert_uint_eq(file[layout], 1);
    file[layout]++;
    seal_hash(file, file + SEAL_HASH, n - SEAL_HASH);
    file_put("keeper/logs/web", file, n);
    struct host_log l = {.v = &v};
    strcpy(l.host, "web");
    log_cache_load(&l);
    ck_assert_uint_eq(l.next, 0);
}
END_TEST

static void record_path(char out[STORE_NAME_MAX], const char *what, const char *host, uint64_t n) {
    snprintf(out, STORE_NAME_MAX, "store/%s/%s%s/%016llx", what, host, *what == 'h' ? "/log" : "", (unsigned long long)n);
}

static void records_drop(uint64_t from, uint64_t to) {
    char name[STORE_NAME_MAX];
    for (uint64_t n = from; n < to; n++) {
        record_path(name, "hosts", "web", n);
        unlinkat(v.fd, name, 0);
        record_path(name, "kept", "web", n);
        unlinkat(v.fd, name, 0);
    }
}

/* faults: B12 D6 */
START_TEST(a_store_that_was_put_back_is_read_as_it_is_now) {
    struct host_log l;
    open_log(&l, "web");
    uint64_t end = l.next, kept = l.cached;
    log_free(&l);
    records_drop(kept - 3, end);
    same_as_read("web");
    open_log(&l, "web");
    ck_assert_uint_eq(l.next, kept - 3);
    log_free(&l);
    /* It grows again past where it was, with other records. */
    backups("web", 30, 200);
    same_as_read("web");
    open_log(&l, "web");
    ck_assert(l.next > end);
    log_free(&l);
}
END_TEST

static int findings(void *arg, const char *host, const struct damage_item *d, struct err *err) {
    return strstr(d->object, arg) != NULL ? 1 + (int)(*(char *)arg = 0) : 0;
}

/* An old begin record has no second copy. faults: B10 */
START_TEST(an_old_record_that_changed_is_found_by_scrubbing_and_by_reading_everything) {
    static uint8_t raw[BIG];
    struct host_log l;
    struct scrub_sum sum;
    char name[STORE_NAME_MAX], object[STORE_NAME_MAX];
    ck_assert(cached("web"));
    record_path(name, "hosts", "web", 1);
    snprintf(object, sizeof object, "%s", name + strlen("store/"));
    size_t n = file_get(name, raw);
    raw[n / 2] ^= 1;
    file_put(name, raw, n);
    open_log(&l, "web"); /* what it said is known */
    log_free(&l);
    ck_assert_int_eq(scrub_run(&v, &(struct scrub_opts){.all = true}, &sum, &e), 1);
    ck_assert_uint_eq(sum.damaged, 1);
    (void)!damage_each(&v, findings, object, &e);
    ck_assert_str_eq(object, "");
    forget("web");
    ck_assert_int_lt(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
    log_free(&l);
}
END_TEST

/* faults: B10 B12 */
START_TEST(a_commit_that_changed_is_never_read_whether_it_is_known_or_not) {
    static uint8_t raw[BIG];
    struct host_log l;
    struct record r;
    char name[STORE_NAME_MAX], copy[STORE_NAME_MAX];
    open_log(&l, "web");
    uint64_t at = l.commits[5].n, another = l.commits[6].n;
    record_path(name, "hosts", "web", at);
    record_path(copy, "kept", "web", at);
    size_t n = file_get(name, raw);
    for (size_t i = 0; i < n; i += 7) {
        raw[i] ^= 4;
        file_put(name, raw, n);
        ck_assert_msg(log_load(&l, at, &r, NULL, &e) == 0 && r.n == at, "the second copy after byte %zu", i);
        ck_assert_int_eq(memcmp(r.hash, l.commits[5].hash, SEAL_HASH), 0);
        record_free(&r);
        raw[i] ^= 4;
    }
    raw[n / 2] ^= 4;
    file_put(name, raw, n);
    file_put(copy, raw, n);
    ck_assert_int_lt(log_load(&l, at, &r, NULL, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    /* Another record of the vault, as whole as it may be, is not this one. */
    record_path(name, "hosts", "web", another);
    n = file_get(name, raw);
    record_path(name, "hosts", "web", at);
    file_put(name, raw, n);
    ck_assert_int_lt(log_load(&l, at, &r, NULL, &e), 0);
    log_free(&l);
}
END_TEST

/* A whole chain that somebody without the key has made, from the first byte on or from some record on. */
START_TEST(a_chain_that_the_vault_has_not_signed_is_nothing) {
    struct host_log l;
    uint8_t *own = v.sec, pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC], seed[SEAL_SIGN_SEED] = {7};
    struct record r = {.type = REC_REVOKE};
    sign_from_seed(pub, sec, seed);
    forget("web");
    open_log(&l, "web");
    uint64_t end = l.next;
    for (int i = 0; i < 3; i++) {
        struct buf raw;
        buf_init(&raw, ZB_RECORD_MAX);
        v.sec = sec;
        ck_assert_int_eq(log_append_as_is(&l, &r, &raw, &e), 0);
        v.sec = own;
        buf_free(&raw);
    }
    log_free(&l);
    for (int with = 0; with < 2; with++) {
        if (!with) forget("web");
        ck_assert_int_lt(log_open(&l, &v, "web", &e), 0);
        ck_assert_int_eq(e.id, ZE_VAULTKEY);
        ck_assert(!l.revoked && l.next == end);
        log_free(&l);
        records_drop(end + 2 - (uint64_t)with, end + 3 - (uint64_t)with);
    }
}
END_TEST

/* Which of the commits come from where: what is in the file has no other source here. */
static unsigned loaded(struct host_log *l) {
    unsigned n = 0;
    for (size_t i = 0; i < l->commits_n; i++) {
        struct record r;
        if (log_load(l, l->commits[i].n, &r, NULL, &e) < 0) continue;
        ck_assert(r.n == l->commits[i].n && memcmp(r.hash, l->commits[i].hash, SEAL_HASH) == 0);
        record_free(&r);
        n++;
    }
    return n;
}

static void records_move(const char *from, const char *to) {
    char a[STORE_NAME_MAX], b[STORE_NAME_MAX];
    snprintf(a, sizeof a, "store/%s", from);
    snprintf(b, sizeof b, "store/%s", to);
    ck_assert_int_eq(renameat(v.fd, a, v.fd, b), 0);
}

/* faults: B10 B11 E7 */
START_TEST(small_objects_are_taken_from_one_file_and_only_with_their_right_bytes) {
    static uint8_t whole[BIG], bad[BIG];
    struct host_log l;
    backups("web", 30, 300); /* 64 are worth a file */
    open_log(&l, "web");
    unsigned all = (unsigned)l.commits_n;
    log_small(&l);
    ck_assert_uint_eq(loaded(&l), all);
    log_small_end(&l, true);
    size_t n = file_get("keeper/small/web", whole);
    /* Without the store the file has them all; and damaged or cut, fewer, but never others. */
    records_move("hosts/web/log", "hosts/web/away");
    records_move("kept/web", "kept/away");
    log_small(&l);
    ck_assert_uint_eq(loaded(&l), all);
    log_small_end(&l, false);
    ck_assert_uint_eq(loaded(&l), 0);
    for (size_t i = 0; i < n; i += 997) {
        memcpy(bad, whole, n);
        bad[i] ^= (uint8_t)(1 << (i & 7));
        file_put("keeper/small/web", bad, n);
        log_small(&l);
        ck_assert_uint_lt(loaded(&l), all);
        file_put("keeper/small/web", whole, i);
        log_small(&l);
        ck_assert_uint_le(loaded(&l), all * i / n + 1);
    }
    log_small_end(&l, false);
    records_move("hosts/web/away", "hosts/web/log");
    records_move("kept/away", "kept/web");
    log_small(&l);
    ck_assert_uint_eq(loaded(&l), all);
    log_free(&l);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault logs");
    TCase *c = tcase_create("logs");
    tcase_set_timeout(c, 300);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_is_kept_is_what_reading_everything_gives);
    tcase_add_test(c, a_short_log_keeps_nothing_and_a_longer_one_every_64_records);
    tcase_add_test(c, a_damaged_file_is_as_good_as_none);
    tcase_add_test(c, the_file_of_another_host_vault_or_layout_is_not_believed);
    tcase_add_test(c, a_store_that_was_put_back_is_read_as_it_is_now);
    tcase_add_test(c, an_old_record_that_changed_is_found_by_scrubbing_and_by_reading_everything);
    tcase_add_test(c, a_commit_that_changed_is_never_read_whether_it_is_known_or_not);
    tcase_add_test(c, a_chain_that_the_vault_has_not_signed_is_nothing);
    tcase_add_test(c, small_objects_are_taken_from_one_file_and_only_with_their_right_bytes);
    suite_add_tcase(s, c);
    return suite_run(s);
}
