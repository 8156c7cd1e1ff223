/* The vault's keys from inside: every place in which a change can stop, logs that stay readable, an old key behind the mark, a
 * replacement without approvals; the header and its second copy; what unfinished writes left. */
#include <time.h>

#include "keys.h"
#include "log.h"
#include "scrub.h"
#include "suite.h"
#include "sys/file.h"
#include "vault_box.h"

static struct vault v;
static struct err e;
static struct approvals nobody;

static void opened(void) {
    e = (struct err)ERR_INIT;
    ck_assert_msg(vault_open(&v, dir, clock_real(), &e) == 0, "%s %s", e.object, e.msg);
}

static void sh(const char *what) {
    char command[400];
    snprintf(command, sizeof command, "cd '%s' && { %s; }", dir, what);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void rotated(void) {
    enrolled();
    opened();
    ck_assert_msg(keys_change(&v, KEY_ROTATED, &nobody, &e) == 0, "%s: %s", e.object, e.msg);
}

static int append_revoke(struct host_log *l) {
    struct record r = {.type = REC_REVOKE, .revoke.reason = "test"};
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = log_append(l, &r, &raw, &e);
    buf_free(&raw);
    return rc;
}

static void log_good(unsigned key) {
    struct host_log l;
    e = (struct err)ERR_INIT;
    ck_assert_msg(log_open(&l, &v, "web", &e) == 0, "%s: %s", e.object, e.msg);
    ck_assert_int_eq(append_revoke(&l), 0);
    ck_assert_uint_eq(l.key, key);
    log_free(&l);
}

/* What of a rotation is done when it stops: the new seed waits, the record is there, its copy is, the seed has its place. */
static const char *const stops[] = {
    "mv keeper/key keeper/key.next; mv old keeper/key; rm -r store/keys store/log store/hosts/web/log/*1 store/kept",
    "mv keeper/key keeper/key.next; mv old keeper/key; rm -r store/keys store/hosts/web/log/*1 store/kept",
    "mv keeper/key keeper/key.next; mv old keeper/key; rm -r store/hosts/web/log/*1 store/kept",
    "cp keeper/key keeper/key.next; rm -r store/hosts/web/log/*1 store/kept",
    "mv keeper/key keeper/key.next; rm store/hosts/web/log/*1; rm -r store/kept", /* and the old seed is gone */
    "true"};

/* faults: A19 */
START_TEST(wherever_a_rotation_stops_there_is_a_key_and_the_next_one_works) {
    bool before = _i == 0;
    enrolled();
    sh("cp keeper/key old");
    opened();
    ck_assert_int_eq(keys_change(&v, KEY_ROTATED, &nobody, &e), 0);
    vault_close(&v);
    sh(stops[_i]);
    opened();
    log_good(before ? 0 : 1);
    ck_assert_uint_eq(v.keys.n, before ? 1 : 2);
    ck_assert_msg(keys_change(&v, KEY_ROTATED, &nobody, &e) == 0, "%s: %s", e.object, e.msg);
    vault_close(&v);
    opened();
    log_good(before ? 1 : 2);
    vault_close(&v);
    sh("[ ! -e keeper/key.next ]");
}
END_TEST

START_TEST(what_an_old_key_signs_behind_the_mark_is_refused) {
    struct host_log l;
    struct keychain keys;
    enrolled();
    opened();
    uint8_t *old = secret_alloc(SEAL_SIGN_SEC);
    memcpy(old, v.sec, SEAL_SIGN_SEC);
    ck_assert_int_eq(keys_change(&v, KEY_ROTATED, &nobody, &e), 0);
    ck_assert_int_eq(log_open(&l, &v, "web", &e), 0);
    struct record r = {.type = REC_REVOKE, .n = l.next, .time = l.last_time};
    struct buf raw;
    char name[STORE_NAME_MAX];
    buf_init(&raw, 4096);
    memcpy(r.prev, l.head, SEAL_HASH);
    memcpy(r.host_id, l.host_id, SEAL_ID);
    log_record_name(&l, l.next, name);
    ck_assert_int_eq(record_encode(&r, v.header.id, old, &raw, &e), 0);
    ck_assert_int_eq(store_put_new(&v.store, name, raw.p, raw.len, &e), 0);
    log_free(&l);
    ck_assert_int_lt(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(e.id, ZE_OLDKEY);
    log_free(&l);
    keys = v.keys;
    ck_assert_uint_eq(keys.n, 2);
    secret_free(old);
    buf_free(&raw);
    vault_close(&v);
}
END_TEST

/* A process that was open before goes on with the new key. */
START_TEST(a_keeper_that_was_running_takes_the_new_key) {
    struct vault other;
    struct host_log l;
    enrolled();
    opened();
    ck_assert_int_eq(vault_open(&other, dir, clock_real(), &e), 0);
    ck_assert_int_eq(log_open(&l, &other, "web", &e), 0);
    ck_assert_int_eq(keys_change(&v, KEY_ROTATED, &nobody, &e), 0);
    int rc;
    while ((rc = append_revoke(&l)) == 1) continue;
    ck_assert_msg(rc == 0, "%s: %s", e.object, e.msg);
    ck_assert_uint_eq(l.key, 1);
    log_free(&l);
    vault_close(&other);
    log_good(1);
    vault_close(&v);
}
END_TEST

START_TEST(nobody_replaces_a_key_without_approvals) {
    uint8_t next[SEAL_SIGN_PUB];
    enrolled();
    sh("rm keeper/key");
    ck_assert_int_lt(vault_open(&v, dir, clock_real(), &e), 0);
    ck_assert_int_eq(vault_open_keyless(&v, dir, clock_real(), &e), 0);
    ck_assert_int_eq(keys_next(&v, next, &e), 0);
    ck_assert_int_lt(keys_change(&v, KEY_REPLACED, &nobody, &e), 0);
    ck_assert_int_eq(e.id, ZE_APPROVERS);
    vault_close(&v);
    ck_assert_int_lt(vault_open(&v, dir, clock_real(), &e), 0);
}
END_TEST

static int scrub(struct scrub_sum *sum) {
    struct scrub_opts o = {.all = true};
    return scrub_run(&v, &o, sum, &e);
}

static const char *const spoilt[] = {"vault", "vault.copy"};

/* faults: B10 B13 */
START_TEST(a_damaged_header_is_mended_by_the_other) {
    struct scrub_sum sum;
    char name[64], command[300];
    bool absent = _i >= 2;
    enrolled();
    sh("cp store/vault was");
    snprintf(name, sizeof name, "store/%s", spoilt[_i % 2]);
    snprintf(command, sizeof command, absent ? "rm -f %s" : "chmod 600 %s && printf x | dd of=%s bs=1 seek=40 conv=notrunc 2>/dev/null", name, name);
    sh(command);
    opened();
    log_good(0);
    ck_assert_int_eq(scrub(&sum), 1);
    vault_close(&v);
    sh("cmp was store/vault && cmp was store/vault.copy");
    if (!absent) sh("ls store/quarantine/vault*");
}
END_TEST

/* faults: A4 */
START_TEST(what_unfinished_writes_left_goes_when_it_is_old) {
    static const char *const dirs[] = {"log", "keys", "hosts/web/log", "kept/web"};
    struct scrub_sum sum;
    char command[300];
    rotated();
    for (size_t i = 0; i < 4; i++) {
        snprintf(command, sizeof command, "touch -d '2 days ago' store/%s/.tmp-0123456789abcdef; touch store/%s/.tmp-fedcba9876543210", dirs[i], dirs[i]);
        sh(command);
    }
    ck_assert_int_eq(scrub(&sum), 1);
    for (size_t i = 0; i < 4; i++) {
        snprintf(command, sizeof command, "[ ! -e store/%s/.tmp-0123456789abcdef ] && [ -e store/%s/.tmp-fedcba9876543210 ]", dirs[i], dirs[i]);
        sh(command);
    }
    vault_close(&v);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_keys");
    TCase *c = tcase_create("keys");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, wherever_a_rotation_stops_there_is_a_key_and_the_next_one_works, 0, sizeof stops / sizeof *stops);
    tcase_add_test(c, what_an_old_key_signs_behind_the_mark_is_refused);
    tcase_add_test(c, a_keeper_that_was_running_takes_the_new_key);
    tcase_add_test(c, nobody_replaces_a_key_without_approvals);
    tcase_add_loop_test(c, a_damaged_header_is_mended_by_the_other, 0, 4);
    tcase_add_test(c, what_unfinished_writes_left_goes_when_it_is_old);
    suite_add_tcase(s, c);
    return suite_run(s);
}
