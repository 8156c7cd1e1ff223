/* The audit's chain: what somebody does to the catalog by hand is found, and the first bad number is named; a record and its
 * change are one; every route that changes something leaves a record. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "catalog.h"
#include "suite.h"

enum { DAY = 86400, RECORDS = 25 };
#define NS INT64_C(1000000000)

static char dir[64];
static struct db *db;
static struct audit_key key;
static struct err e;

static void begin(void) {
    e = (struct err)ERR_INIT;
    strcpy(dir, "/tmp/check_audit.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    ck_assert_ptr_nonnull(db = catalog_open(dir, &e));
    ck_assert_int_eq(audit_key_open(&key, dir, &e), 0);
}

static void end(void) {
    char cmd[100];
    audit_key_close(&key);
    db_close(db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* Records 1 … RECORDS, of which each tenth is a checkpoint. */
static void fill(void) {
    db_begin(db);
    for (int i = 1; i <= RECORDS; i++) {
        struct js *detail = js_object();
        js_set_int(detail, "i", i);
        if (i % 10 == 0) js_free(detail), ck_assert(audit_checkpoint(db, i * NS, &key, true));
        else audit_add(db, i * NS, i % 2 ? "ann" : "zaibeid", "plan.apply", "oa", detail);
    }
    ck_assert_int_eq(db_commit(db, &e), 0);
}

static struct audit_verdict verdict(void) {
    struct audit_verdict v;
    ck_assert_int_eq(audit_verify(db, key.pub, &v, &e), 0);
    return v;
}

/* What an intruder does: SQL on the file itself, while nobody has it open. */
static void meddle(const char *sql) {
    char path[100];
    sqlite3 *sq;
    db_close(db);
    snprintf(path, sizeof path, "%s/zaibei.db", dir);
    ck_assert_int_eq(sqlite3_open(path, &sq), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sq, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(sq), SQLITE_OK);
    ck_assert_ptr_nonnull(db = catalog_open(dir, &e));
}

START_TEST(whole) {
    fill();
    struct audit_verdict v = verdict();
    ck_assert_int_eq(v.records, RECORDS);
    ck_assert_int_eq(v.checkpoints, 2);
    ck_assert_msg(!v.first_bad, "record %lld: %s", (long long)v.first_bad, v.why);
}
END_TEST

static const struct {
    const char *what, *sql;
    int64_t first_bad;
} attacks[] = {
    {"edited", "UPDATE audit SET line=replace(line,'ann','bob'), who='bob' WHERE n=7", 7},
    {"edited column only", "UPDATE audit SET who='bob' WHERE n=7", 7},
    {"edited time column", "UPDATE audit SET time_ns=time_ns+3600000000000 WHERE n=8", 8},
    {"deleted", "DELETE FROM audit WHERE n=12", 13},
    {"deleted first", "DELETE FROM audit WHERE n=1", 2},
    {"swapped", "UPDATE audit SET n=100 WHERE n=3; UPDATE audit SET n=3 WHERE n=4; UPDATE audit SET n=4 WHERE n=100",
        3},
    {"inserted", "INSERT INTO audit SELECT 26,time_ns,who,act,object,line,hash FROM audit WHERE n=25", 26},
    {"hash edited", "UPDATE audit SET hash=zeroblob(32) WHERE n=9", 9},
    {"hash shortened", "UPDATE audit SET hash=zeroblob(3) WHERE n=9", 9},
    {"renumbered", "DELETE FROM audit WHERE n=5; UPDATE audit SET n=n-1 WHERE n>5", 5},
    {"not JSON", "UPDATE audit SET line='{' WHERE n=2", 2},
};

/* faults: H11 */
START_TEST(attacked) {
    fill();
    meddle(attacks[_i].sql);
    struct audit_verdict v = verdict();
    ck_assert_msg(v.first_bad == attacks[_i].first_bad, "%s: first bad is %lld (%s)", attacks[_i].what,
        (long long)v.first_bad, v.why);
}
END_TEST

/* Somebody who can compute hashes, but does not have the key. */
START_TEST(forged_checkpoint) {
    struct audit_key other;
    char path[100];
    fill();
    snprintf(path, sizeof path, "%s/other", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(audit_key_open(&other, path, &e), 0);
    db_begin(db);
    ck_assert(audit_checkpoint(db, 99 * NS, &other, true));
    ck_assert_int_eq(db_commit(db, &e), 0);
    struct audit_verdict v = verdict();
    ck_assert_int_eq(v.first_bad, RECORDS + 1);
    ck_assert_ptr_nonnull(strstr(v.why, "signature"));
    audit_key_close(&other);
}
END_TEST

START_TEST(checkpoints_are_due) {
    db_begin(db);
    ck_assert(!audit_checkpoint(db, 1 * NS, &key, true)); /* nothing to sign */
    audit_add(db, DAY * NS, "ann", "a", "", NULL);
    ck_assert(audit_checkpoint(db, DAY * NS, &key, false));     /* never before: a day and more */
    ck_assert(!audit_checkpoint(db, 9 * DAY * NS, &key, true)); /* not behind itself */
    audit_add(db, DAY * NS + NS, "ann", "a", "", NULL);
    ck_assert(!audit_checkpoint(db, 2 * DAY * NS - 1, &key, false));
    ck_assert(audit_checkpoint(db, 2 * DAY * NS, &key, false));
    for (int i = 0; i < AUDIT_CHECKPOINT_RECORDS - 1; i++) audit_add(db, 2 * DAY * NS, "ann", "a", "", NULL);
    ck_assert(!audit_checkpoint(db, 2 * DAY * NS, &key, false));
    audit_add(db, 2 * DAY * NS, "ann", "a", "", NULL);
    ck_assert(audit_checkpoint(db, 2 * DAY * NS, &key, false));
    ck_assert_int_eq(db_commit(db, &e), 0);
    ck_assert_int_eq(verdict().first_bad, 0);
}
END_TEST

/* A change and its record are one transaction: neither is there without the other. */
/* faults: A18 */
START_TEST(undone_together) {
    int64_t n, after;
    uint8_t hash[SEAL_HASH];
    fill();
    db_begin(db);
    audit_head(db, &n, hash);
    cursor_put(db, "oa", "h1", 77);
    audit_add(db, 99 * NS, "ann", "a", "", NULL);
    db_abort(db);
    db_begin(db);
    audit_head(db, &after, hash);
    ck_assert_int_eq(cursor_get(db, "oa", "h1"), 0);
    ck_assert_int_eq(db_commit(db, &e), 0);
    ck_assert_int_eq(n, after);
}
END_TEST

/* faults: B2 H12 */
START_TEST(a_full_disk_changes_nothing_and_room_helps) {
    char path[100];
    if (geteuid() != 0) not_run("only root can mount");
    snprintf(path, sizeof path, "%s/small", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (mount("none", path, "tmpfs", 0, "size=400k") != 0) not_run("no tmpfs can be mounted here");
    struct db *small = catalog_open(path, &e);
    ck_assert_ptr_nonnull(small);
    int64_t done = 0, n;
    uint8_t hash[SEAL_HASH];
    for (;; done++) {
        char plan[32];
        snprintf(plan, sizeof plan, "plan-%lld", (long long)done);
        db_begin(small);
        cursor_put(small, plan, "h", 1);
        audit_add(small, NS, "ann", "cursor", plan, NULL);
        if (db_commit(small, &e) < 0) break;
    }
    ck_assert_msg(e.id == ZE_NOSPACE, "ZB-%u %s", (unsigned)e.id, e.msg);
    ck_assert_int_gt(done, 10);
    db_begin(small); /* what was refused has changed nothing */
    audit_head(small, &n, hash);
    struct db_rows *r = db_query(small, "SELECT count(*) FROM cursors", "");
    ck_assert(db_next(r));
    int64_t cursors = db_int(r, 0);
    db_done(r);
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(db_commit(small, &e), 0);
    ck_assert_int_eq(n, done);
    ck_assert_int_eq(cursors, done);
    ck_assert_int_eq(mount("none", path, "tmpfs", MS_REMOUNT, "size=1m"), 0);
    db_begin(small); /* with room it goes on by itself */
    audit_add(small, NS, "ann", "again", "", NULL);
    ck_assert_int_eq(db_commit(small, &e), 0);
    db_close(small);
    ck_assert_int_eq(umount(path), 0);
}
END_TEST

int main(void) {
    TCase *one = tcase_create("audit"), *many = tcase_create("attacks");
    Suite *s = suite_create("audit");
    tcase_add_checked_fixture(one, begin, end);
    tcase_add_checked_fixture(many, begin, end);
    tcase_add_test(one, whole);
    tcase_add_test(one, forged_checkpoint);
    tcase_add_test(one, checkpoints_are_due);
    tcase_add_test(one, undone_together);
    tcase_add_test(one, a_full_disk_changes_nothing_and_room_helps);
    tcase_add_loop_test(many, attacked, 0, (int)(sizeof attacks / sizeof *attacks));
    suite_add_tcase(s, one);
    suite_add_tcase(s, many);
    return suite_run(s);
}
