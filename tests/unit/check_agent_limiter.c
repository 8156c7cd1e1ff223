/* Limits: what people write, what a job carries, and rates kept with a clock of our own, where a pause is time that
 * passes. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "limiter.h"
#include "wrap/json.h"
#include "suite.h"

#define S 1000000000ll

static int64_t now, used;
static int64_t fake_now(struct clock *c) { return now; }
static struct clock fake_clock = {fake_now, fake_now};
static int64_t fake_cpu(const struct limiter *l) { return used; }
static void fake_pause(struct limiter *l, int64_t ns) { now += ns; }

static struct limiter begun(struct limits asked, const struct limits *ceiling) {
    struct limiter l = {.limits = asked, .clock = &fake_clock};
    struct err e = ERR_INIT;
    now = 1000 * S, used = 7 * S;
    ck_assert_msg(limiter_begin(&l, ceiling, &e) == 0, "%s", e.msg);
    l.cpu_ns = fake_cpu, l.pause = fake_pause, l.cpu_seen_ns = used;
    return l;
}

static const struct {
    const char *key, *text;
    uint64_t value; /* 0: refused */
} words[] = {
    {"bandwidth", "20 MB/s", 20000000}, {"bandwidth", "8MiB/s", 8 << 20}, {"bandwidth", "100 Mbit/s", 12500000},
    {"bandwidth", "1 B/s", 1}, {"bandwidth", "20 MB", 0}, {"bandwidth", "20", 0}, {"bandwidth", "0 MB/s", 0},
    {"bandwidth", "-1 MB/s", 0}, {"bandwidth", "20 MB/s x", 0}, {"bandwidth", "99999999999 GiB/s", 0},
    {"bandwidth", "20 mb/s", 0}, {"cpu", "50 %", 50}, {"cpu", "250%", 250}, {"cpu", "50", 0}, {"cpu", "0 %", 0},
    {"cpu", "50 % ", 0}, {"io", "idle", IO_IDLE}, {"io", "best-effort", IO_BEST_EFFORT}, {"io", "fast", 0},
    {"memory", "128 MiB", 128 << 20}, {"memory", "128 MiB/s", 0}, {"memory", "128 Mbit", 0}, {"disk", "1", 0},
};

START_TEST(words_are_what_they_say_or_refused) {
    struct limits l = {.io = IO_NORMAL};
    const char *key = words[_i].key;
    bool good = limits_word(&l, key, words[_i].text);
    ck_assert_msg(good == !!words[_i].value, "%s", words[_i].text);
    uint64_t got = l.bandwidth + l.cpu + l.io + l.memory; /* one of them */
    ck_assert_uint_eq(got, words[_i].value);
}
END_TEST

START_TEST(others_only_lower_what_the_host_allows) {
    struct limits job = {.bandwidth = 50, .cpu = 10, .io = IO_IDLE, .memory = 0};
    const struct limits host = {.bandwidth = 20, .cpu = 40, .io = IO_BEST_EFFORT, .memory = 7};
    limits_lower(&job, &host);
    ck_assert(job.bandwidth == 20 && job.cpu == 10 && job.io == IO_IDLE && job.memory == 7);
}
END_TEST

START_TEST(a_job_carries_limits_whole_and_what_is_not_understood_is_not_passed_over) {
    static const char *const bad[] = {"{}", "[]", "7", "{\"cpu\":0}", "{\"cpu\":\"50\"}", "{\"cpu\":-1}",
        "{\"io\":\"fast\"}", "{\"io\":3}", "{\"memory\":0}", "{\"bandwidth\":1.5}", "{\"cpu\":50,\"disk\":1}"};
    struct limits l = {.bandwidth = 1, .cpu = 250, .io = IO_BEST_EFFORT, .memory = 1ull << 40}, back;
    struct err e = ERR_INIT;
    struct js *j = limits_json(&l);
    ck_assert(limits_take(j, &back) && back.bandwidth == 1 && back.cpu == 250);
    ck_assert(back.io == l.io && back.memory == l.memory);
    js_free(j);
    l = (struct limits){.io = IO_NORMAL};
    ck_assert_ptr_null(limits_json(&l));
    ck_assert(limits_take(NULL, &back) && back.bandwidth == 0 && back.io == IO_NORMAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_ptr_nonnull(j = js_parse(bad[i], strlen(bad[i]), "job", &e));
        ck_assert_msg(!limits_take(j, &back), "%s", bad[i]);
        js_free(j);
    }
}
END_TEST

START_TEST(bytes_pass_at_their_rate_however_they_are_cut) {
    static const uint64_t sizes[] = {100, 4096, 1 << 20};
    struct limiter l = begun((struct limits){.bandwidth = 4 << 20}, NULL);
    int64_t from = now;
    for (uint64_t sent = 0; sent < 64 << 20; sent += sizes[_i]) limiter_pace(&l, sizes[_i]);
    ck_assert_int_ge(now - from, 16 * S - S / 5);
    ck_assert_int_le(now - from, 16 * S + S / 2);
}
END_TEST

START_TEST(idle_time_is_not_saved_up) {
    struct limiter l = begun((struct limits){.bandwidth = 1000}, NULL);
    limiter_pace(&l, 1000);
    now += 3600 * S;
    int64_t from = now;
    limiter_pace(&l, 10000);
    ck_assert_int_ge(now - from, 10 * S - S / 5);
    ck_assert_int_le(now - from, 10 * S);
}
END_TEST

START_TEST(the_processor_is_used_for_its_share_of_the_time) {
    struct limiter l = begun((struct limits){.cpu = 30}, NULL);
    int64_t from = now, began = used;
    for (int i = 0; i < 1000; i++) { /* two threads: 20 ms of work in 10 ms of time */
        now += S / 100, used += S / 50;
        ck_assert(!limiter_step(&l));
    }
    double share = (double)(used - began) / (double)(now - from);
    ck_assert_msg(share > 0.29 && share < 0.31, "%f", share);
}
END_TEST

START_TEST(without_limits_nothing_waits) {
    struct limiter l = begun((struct limits){.io = IO_NORMAL}, NULL);
    int64_t from = now;
    used += 100 * S;
    limiter_pace(&l, 1ull << 40);
    limiter_pace(NULL, 1);
    limiter_link_starts(NULL);
    limiter_link_runs(NULL, 1);
    ck_assert(!limiter_step(&l));
    ck_assert_int_eq(now, from);
}
END_TEST

static bool yes(void *arg) { return true; }

START_TEST(a_cancelled_run_does_not_wait) {
    struct limiter l = {.limits = {.bandwidth = 1}, .clock = clock_real(), .cancelled = yes};
    struct err e = ERR_INIT;
    ck_assert_int_eq(limiter_begin(&l, NULL, &e), 0);
    int64_t from = l.clock->mono_ns(l.clock);
    limiter_pace(&l, 1000000);
    ck_assert(limiter_step(&l));
    ck_assert_int_lt(l.clock->mono_ns(l.clock) - from, S);
}
END_TEST

START_TEST(memory_below_the_least_is_refused_and_the_rest_is_given_back_at_the_end) {
    struct limiter l = {.limits = {.memory = 64 << 20}, .clock = clock_real()};
    struct err e = ERR_INIT;
    struct rlimit before, during, after;
    ck_assert_int_lt(limiter_begin(&l, NULL, &e), 0);
    ck_assert_int_eq(e.id, ZE_LIMIT);
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &before), 0);
    const struct limits host = {.memory = 128 << 20};
    l.limits.memory = 0;
    ck_assert_int_eq(limiter_begin(&l, &host, &e), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &during), 0);
    ck_assert_uint_eq(during.rlim_cur, 112 << 20);
    limiter_link_starts(&l);
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &during), 0);
    ck_assert_uint_eq(during.rlim_cur, 16 << 20);
    limiter_link_runs(&l, getpid());
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &during), 0);
    ck_assert_uint_eq(during.rlim_cur, 112 << 20);
    limiter_end(&l);
    limiter_end(&l);
    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &after), 0);
    ck_assert_uint_eq(after.rlim_cur, before.rlim_cur);
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_limiter");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, words_are_what_they_say_or_refused, 0, sizeof words / sizeof *words);
    tcase_add_test(t, others_only_lower_what_the_host_allows);
    tcase_add_test(t, a_job_carries_limits_whole_and_what_is_not_understood_is_not_passed_over);
    tcase_add_loop_test(t, bytes_pass_at_their_rate_however_they_are_cut, 0, 3);
    tcase_add_test(t, idle_time_is_not_saved_up);
    tcase_add_test(t, the_processor_is_used_for_its_share_of_the_time);
    tcase_add_test(t, without_limits_nothing_waits);
    tcase_add_test(t, a_cancelled_run_does_not_wait);
    tcase_add_test(t, memory_below_the_least_is_refused_and_the_rest_is_given_back_at_the_end);
    suite_add_tcase(s, t);
    return suite_run(s);
}
