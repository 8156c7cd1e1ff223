/* Grants: what was put in comes out, for the right worker, purpose, number and time; every byte flipped, cut or added spoils it. */
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "wire/grant.h"

enum { NOW = 1800000000 };
static struct grant in, out;
static uint8_t pub[SEAL_KEY], sec[SEAL_KEY];
static struct buf sealed;
static struct err e;

static void setup(void) {
    ck_assert_int_eq(seal_init(&e), 0);
    box_keypair(pub, sec);
    memset(&in, 0, sizeof in);
    strcpy(in.purpose, GRANT_DRILL), strcpy(in.id, "17");
    in.until = NOW + 600, in.n = 2;
    for (unsigned i = 0; i < in.n; i++) {
        snprintf(in.hosts[i].host, sizeof in.hosts[i].host, "host-%u", i);
        memset(in.hosts[i].host_id, (int)i + 1, SEAL_ID);
        seal_random(in.hosts[i].key, SEAL_KEY);
    }
    buf_init(&sealed, 2 * GRANT_MAX);
    ck_assert_int_eq(grant_seal(&in, pub, &sealed, &e), 0);
}

static void teardown(void) { buf_free(&sealed); }

static int opened(const char *purpose, const char *id, int64_t now) {
    e = (struct err)ERR_INIT;
    memset(&out, 1, sizeof out);
    int rc = grant_open(&out, pub, sec, sealed.p, sealed.len, purpose, id, now, &e);
    static const struct grant none;
    if (rc < 0) ck_assert_int_eq(e.id, ZE_GRANT);
    if (rc < 0) ck_assert_mem_eq(&out, &none, sizeof out); /* nothing of it stays */
    return rc;
}

START_TEST(what_was_granted_is_there) {
    ck_assert_int_eq(opened(GRANT_DRILL, "17", NOW), 0);
    ck_assert_uint_eq(out.n, 2);
    ck_assert_int_eq(out.until, NOW + 600);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_mem_eq(grant_key(&out, in.hosts[i].host, in.hosts[i].host_id), in.hosts[i].key, SEAL_KEY);
    ck_assert_ptr_null(grant_key(&out, "host-0", in.hosts[1].host_id)); /* another machine with its name */
    ck_assert_ptr_null(grant_key(&out, "host-2", in.hosts[0].host_id));
}
END_TEST

START_TEST(for_one_purpose_one_number_one_time) {
    ck_assert_int_lt(opened(GRANT_RESTORE, "17", NOW), 0);
    ck_assert_int_lt(opened(GRANT_DRILL, "18", NOW), 0);
    ck_assert_int_lt(opened(GRANT_DRILL, "1", NOW), 0);
    ck_assert_int_lt(opened(GRANT_DRILL, "17", NOW + 600), 0);
    ck_assert_int_eq(opened(GRANT_DRILL, "17", NOW + 599), 0);
    ck_assert_int_lt(opened(GRANT_DRILL, "17", NOW + 600 - GRANT_LONGEST_S - 1), 0); /* for longer than a week */
    ck_assert_int_eq(opened(GRANT_DRILL, "17", NOW + 600 - GRANT_LONGEST_S), 0);
}
END_TEST

START_TEST(for_one_worker) {
    box_keypair(pub, sec);
    ck_assert_int_lt(opened(GRANT_DRILL, "17", NOW), 0);
}
END_TEST

START_TEST(every_byte_counts) {
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.p[i] ^= 1;
        ck_assert_int_lt(opened(GRANT_DRILL, "17", NOW), 0);
        sealed.p[i] ^= 1;
    }
    for (size_t n = sealed.len; sealed.len > 0;) {
        sealed.len--;
        if (n - sealed.len < 40 || sealed.len < 60) ck_assert_int_lt(opened(GRANT_DRILL, "17", NOW), 0);
    }
}
END_TEST

START_TEST(as_many_hosts_as_fit) {
    in.n = 0;
    ck_assert_int_lt(grant_seal(&in, pub, &sealed, &e), 0);
    in.n = GRANT_HOSTS_MAX + 1;
    ck_assert_int_lt(grant_seal(&in, pub, &sealed, &e), 0);
    in.n = GRANT_HOSTS_MAX;
    for (unsigned i = 0; i < in.n; i++) {
        memset(in.hosts[i].host, 'a', sizeof in.hosts[i].host - 1);
        in.hosts[i].host_id[0] = (uint8_t)i;
    }
    buf_reset(&sealed);
    ck_assert_int_eq(grant_seal(&in, pub, &sealed, &e), 0);
    ck_assert_int_eq(opened(GRANT_DRILL, "17", NOW), 0);
    ck_assert_uint_eq(out.n, GRANT_HOSTS_MAX);
}
END_TEST

int main(void) {
    Suite *s = suite_create("grant");
    TCase *t = tcase_create("grant");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_was_granted_is_there);
    tcase_add_test(t, for_one_purpose_one_number_one_time);
    tcase_add_test(t, for_one_worker);
    tcase_add_test(t, every_byte_counts);
    tcase_add_test(t, as_many_hosts_as_fit);
    suite_add_tcase(s, t);
    return suite_run(s);
}
