/* Protection inside the vault with a clock of our own: verdicts, pins, floors, jumps of the clock and their confirm, second
 * copies, lost records. Approvals are signed here with plain ed25519 keys; real OpenSSH keys are in scenario 90-retention. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "base/civil.h"
#include "base/text.h"
#include "clockwatch.h"
#include "kept.h"
#include "retention.h"
#include "suite.h"

#define DAY NS_PER_DAY
#define START (20000 * DAY)

static char top[64], dir[96];
static struct vault v;
static int64_t now, boot;
static const char *boot_name;
static struct err e;

static int64_t fake_now(struct clock *c) { return now; }
static int64_t fake_boot(struct clock *c) { return boot; }
static const char *fake_id(struct clock *c) { return boot_name; }
static struct clock fake = {fake_now, fake_boot, fake_boot, fake_id};

static void pass(int64_t ns) { now += ns, boot += ns; }

static void append(struct host_log *l, struct record *r) {
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    ck_assert_msg(log_append(l, r, &raw, &e) == 0, "%s: %s", e.object, e.msg);
    buf_free(&raw);
}

/* A begin and its commit; retain_until 0: as of a forged ticket of the past. */
static uint32_t commit(struct host_log *l, int64_t retain_until, uint8_t state) {
    struct record b = {.type = REC_BEGIN}, c = {.type = REC_COMMIT};
    uint8_t root[4] = "root";
    b.begin.kind = c.commit.kind = KIND_FULL;
    b.begin.point = c.commit.point = l->last_point + 1;
    b.begin.upload[0] = c.commit.upload[0] = (uint8_t)(l->last_point + 1);
    b.begin.upload[1] = c.commit.upload[1] = (uint8_t)((l->last_point + 1) >> 8);
    append(l, &b);
    c.commit.begin_n = b.n, c.commit.state = state, c.commit.retain_until = retain_until;
    c.commit.root = root, c.commit.root_len = sizeof root;
    append(l, &c);
    return c.commit.point;
}

static void open_log(struct host_log *l) { ck_assert_msg(log_open(l, &v, "web", &e) == 0, "%s: %s", e.object, e.msg); }

static void setup(void) {
    struct host_log l;
    struct record r = {.type = REC_HOST};
    struct rights rights = {.floor_days = DEFAULT_FLOOR_DAYS};
    e = (struct err)ERR_INIT;
    now = START, boot = 5 * DAY, boot_name = "first";
    ck_assert_int_eq(seal_init(&e), 0);
    strcpy(top, access("/dev/shm", W_OK) == 0 ? "/dev/shm/zbr.XXXXXX" : "/tmp/zbr.XXXXXX"); /* thousands of records */
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/vault", top);
    ck_assert_msg(vault_init(dir, &fake, &v, &e) == 0, "%s %s", e.object, e.msg);
    strcpy(r.host.host, "web");
    r.host_id[0] = 1;
    open_log(&l);
    append(&l, &r);
    log_free(&l);
    ck_assert_int_eq(rights_save(&v, "web", &rights, &e), 0);
}

static void teardown(void) {
    char cmd[128];
    vault_close(&v);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
    ck_assert_int_eq(system(cmd), 0);
}

/* Run an operation: 0 or the error's number; the answer's member ${key} into ${out}. */
static int act(const char *json, const char *key, char out[64]) {
    struct js *q = js_parse(json, strlen(json), "test", &e), *a = js_object();
    ck_assert_msg(q != NULL, "%s", json);
    e = (struct err)ERR_INIT;
    int rc = act_find(js_str(q, "op", ""))(&v, q, a, &e);
    if (rc == 0 && key) snprintf(out, 64, "%s", js_str(a, key, ""));
    js_free(q);
    js_free(a);
    return rc < 0 ? (int)e.id : 0;
}

static int removing(const char *points) {
    char q[300];
    snprintf(q, sizeof q, "{\"op\":\"remove\",\"host\":\"web\",\"points\":[%s],\"reason\":\"old\"}", points);
    return act(q, NULL, NULL);
}

static int pinning(int point, int months, char until[64]) {
    char q[300];
    snprintf(
        q, sizeof q, "{\"op\":\"pin\",\"host\":\"web\",\"point\":%d,\"months\":%d,\"reason\":\"r\"}", point, months);
    return act(q, "until", until);
}

/* faults: H10 */
START_TEST(protection_is_the_latest_of_floor_plan_and_pins) {
    struct host_log l;
    char until[64];
    open_log(&l);
    commit(&l, 0, STATE_COMPLETE);
    commit(&l, START + 200 * DAY, STATE_COMPLETE);
    commit(&l, 0, STATE_COMPLETE);
    commit(&l, 0, STATE_PARTIAL);
    pass(92 * DAY - 1);
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "least time"));
    ck_assert_int_eq(pinning(1, 1, until), 0);
    pass(1);
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, until));
    ck_assert_int_eq(removing("2"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "plan"));
    ck_assert_int_eq(removing("3"), ZE_RETAINED); /* a partial one after it does not make it less needed */
    ck_assert_ptr_nonnull(strstr(e.msg, "newest complete"));
    ck_assert_int_eq(removing("4"), 0);
    ck_assert_int_eq(removing("4"), 0);
    ck_assert_int_eq(removing("5"), ZE_NOPOINT);
    int64_t end;
    ck_assert(civil_time_get(until, &end));
    pass(end - now - 1);
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    pass(1);
    ck_assert_int_eq(removing("1,1"), 0);
    ck_assert_int_eq(pinning(1, 1, until), ZE_NOPOINT);
    log_free(&l);
}
END_TEST

START_TEST(pins_flood_nothing_and_end_after_ten_years_at_most) {
    struct host_log l;
    char until[64], first[64];
    open_log(&l);
    commit(&l, 0, STATE_COMPLETE);
    ck_assert_int_eq(pinning(1, 120, first), 0);
    for (int i = 0; i < 10000; i += 97) ck_assert_int_eq(pinning(1, 1 + i % 120, until), 0);
    ck_assert_str_eq(first, until);
    ck_assert_int_eq(log_refresh(&l, &e), 0);
    ck_assert_uint_eq(l.pins_n, 1);
    ck_assert_int_eq(pinning(1, 121, until), ZE_USAGE);
    ck_assert_int_eq(pinning(1, 0, until), ZE_USAGE);
    commit(&l, 0, STATE_COMPLETE);
    struct record r = {.type = REC_PIN, .pin = {.point = 2, .until = 1}};
    for (int i = 0; i < 999; i++) append(&l, &r);
    ck_assert_int_eq(pinning(2, 1, until), ZE_TOOMUCH);
    ck_assert_int_eq(pinning(1, 1, until), 0); /* what extends nothing needs no record */
    pass(DAY);
    ck_assert_int_eq(pinning(2, 1, until), 0);
    log_free(&l);
}
END_TEST

/* faults: H6 */
START_TEST(at_most_a_tenth_or_ten_points_go_within_a_day) {
    struct host_log l;
    open_log(&l);
    for (int i = 0; i < 120; i++) commit(&l, 0, STATE_COMPLETE);
    pass(100 * DAY);
    ck_assert_int_eq(removing("1,2,3,4,5,6,7,8,9,10,11,12,13"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "too many"));
    ck_assert_int_eq(removing("1,2,3,4,5,6,7,8,9,10,11,12"), 0);
    ck_assert_int_eq(removing("13"), ZE_RETAINED);
    pass(DAY - 1);
    ck_assert_int_eq(removing("13"), ZE_RETAINED);
    pass(1);
    ck_assert_int_eq(removing("13"), 0);
    log_free(&l);
}
END_TEST

START_TEST(what_an_upload_builds_on_is_in_use) {
    struct host_log l;
    struct record b = {.type = REC_BEGIN}, end = {.type = REC_ABANDON};
    open_log(&l);
    commit(&l, 0, STATE_COMPLETE);
    commit(&l, 0, STATE_COMPLETE);
    b.begin.kind = KIND_INCREMENTAL, b.begin.parent = 1, b.begin.point = 3, b.begin.upload[0] = 77;
    append(&l, &b);
    pass(100 * DAY);
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "under way"));
    end.abandon.begin_n = b.n;
    append(&l, &end);
    ck_assert_int_eq(removing("1"), 0);
    log_free(&l);
}
END_TEST

static void watch(struct clock_reading *r) { ck_assert_msg(clockwatch(&v, r, &e) == 0, "%s", e.msg); }

static bool doubtful(void) {
    ck_assert_int_eq(vaultlog_refresh(&v, &e), 0);
    return vaultlog_doubtful(&v.log);
}

/* faults: D1 D6 */
START_TEST(every_way_to_move_a_clock) {
    struct clock_reading w = {0};
    watch(&w);
    for (int i = 0; i < 1000; i++) pass(61 * NS_PER_S), watch(&w);
    now += 299 * NS_PER_S, watch(&w);
    now -= 299 * NS_PER_S, watch(&w);
    ck_assert(!doubtful());
    for (int i = 0; i < 2; i++) pass(61 * NS_PER_S), now += 200 * NS_PER_S, watch(&w); /* small steps add up */
    ck_assert(doubtful());
    static const struct {
        int64_t real, up;
        const char *id;
        bool jump;
    } ways[] = {
        {10 * 365 * DAY, 0, "first", true},
        {-3600 * NS_PER_S, 0, "first", true},
        {-365 * DAY, 0, "first", true},
        {29 * DAY, -100, "second", false},
        {31 * DAY, -100, "second", true},
        {-299 * NS_PER_S, -100, "second", false},
        {-301 * NS_PER_S, -100, "second", true},
        {90 * DAY, 90 * DAY, "first", false},
        {0, 0, "first", false},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct clock_reading was = clock_read(&fake), is = was;
        is.real += ways[i].real, is.boot += ways[i].up, is.offset = is.real - is.boot;
        snprintf(is.boot_id, sizeof is.boot_id, "%s", ways[i].id);
        ck_assert_msg((clock_jumped(&was, &is) != NULL) == ways[i].jump, "way %zu", i);
    }
}
END_TEST

/* faults: D1 */
START_TEST(a_jump_marks_commits_and_stops_removal_until_it_is_confirmed) {
    struct clock_reading w = {0};
    struct host_log l;
    watch(&w);
    open_log(&l);
    commit(&l, 0, STATE_COMPLETE);
    commit(&l, 0, STATE_COMPLETE);
    now += 3650 * DAY; /* the first removal notices it by itself: no keeper has looked since */
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "in doubt"));
    commit(&l, 0, STATE_COMPLETE);
    ck_assert(log_point(&l, 3)->uncertain && !log_point(&l, 2)->uncertain);
    now -= 3650 * DAY; /* set right again: that too is a jump */
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    bool uncertain;
    log_free(&l);
    open_log(&l);
    ck_assert_int_ge(log_time(&l, &uncertain), START + 3650 * DAY);
    ck_assert(uncertain);
    pass(10 * DAY);
    ck_assert_int_eq(act_confirm_alone(&v, &e), 0);
    ck_assert_int_lt(act_confirm_alone(&v, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTHING);
    ck_assert_int_eq(log_refresh(&l, &e), 0);
    ck_assert_int_eq(log_time(&l, &uncertain), now); /* the false times no longer count */
    ck_assert(!uncertain);
    struct retention f = retention_facts(&l, NULL);
    ck_assert_int_eq(log_confirmed(&l, log_point(&l, 3)), now);
    commit(&l, 0, STATE_COMPLETE); /* brings the mark into this log */
    int64_t confirmed = now;
    log_free(&l);
    open_log(&l);
    pass(DAY);
    f = retention_facts(&l, NULL);
    ck_assert_int_eq(f.now, now);
    ck_assert_int_eq(log_confirmed(&l, log_point(&l, 3)), confirmed);
    ck_assert(!log_point(&l, 4)->uncertain && log_point(&l, 4)->time == confirmed);
    ck_assert_int_eq(removing("1"), ZE_RETAINED); /* ten years did not pass */
    pass(82 * DAY);
    ck_assert_int_eq(removing("1"), 0);
    log_free(&l);
}
END_TEST

/* A clock put back while points are made: their floor counts from the confirm, not from a time that was too early. */
START_TEST(points_made_in_doubt_count_from_the_confirm) {
    struct clock_reading w = {0};
    struct host_log l;
    now -= 5000 * DAY;
    watch(&w);
    open_log(&l); /* the host's record is of START: the clock stands far behind it */
    now -= DAY;
    watch(&w);
    commit(&l, 0, STATE_COMPLETE);
    commit(&l, 0, STATE_COMPLETE);
    now += 5200 * DAY;
    watch(&w);
    ck_assert_int_eq(act_confirm_alone(&v, &e), 0);
    ck_assert_int_eq(removing("1"), ZE_RETAINED);
    ck_assert_ptr_nonnull(strstr(e.msg, "in doubt; its time counts from the confirm"));
    pass(92 * DAY);
    ck_assert_int_eq(removing("1"), 0);
    log_free(&l);
}
END_TEST

static void erase(const char *name) { ck_assert_int_eq(store_delete(&v.store, name, &e), 0); }

/* faults: A17 B13 */
START_TEST(either_copy_of_a_record_is_enough_and_lost_records_hide_nothing) {
    struct host_log l;
    char until[64], name[STORE_NAME_MAX];
    unsigned made = 0;
    open_log(&l);
    for (int i = 0; i < 3; i++) commit(&l, 0, STATE_COMPLETE);
    ck_assert_int_eq(pinning(2, 12, until), 0);
    log_free(&l);
    open_log(&l);
    uint64_t pin = l.pins[0].n, begin = l.begins[1].n, end = l.next;
    int64_t pinned = log_point(&l, 2)->pinned;
    for (int copy = 0; copy < 2; copy++) {
        if (copy) kept_name(name, "web", pin);
        else log_record_name(&l, pin, name);
        erase(name);
        log_free(&l);
        open_log(&l);
        ck_assert_int_eq(log_point(&l, 2)->pinned, pinned);
        ck_assert_uint_eq(l.next, end);
        ck_assert_int_eq(kept_repair(&l, &made, &e), 0);
        ck_assert_uint_eq(made, (unsigned)copy + 1);
        ck_assert_int_eq(faccessat(v.store.fd, name, F_OK, 0), 0);
    }
    /* a begin has no copy: what follows it still counts, and nothing is ever written in its place */
    log_record_name(&l, begin, name);
    erase(name);
    log_free(&l);
    open_log(&l);
    ck_assert_uint_eq(l.gaps, 1);
    ck_assert_uint_eq(l.commits_n, 3);
    ck_assert_int_eq(log_point(&l, 2)->pinned, pinned);
    commit(&l, 0, STATE_COMPLETE);
    ck_assert_int_lt(faccessat(v.store.fd, name, F_OK, 0), 0);
    ck_assert_uint_eq(l.next, end + 2);
    log_free(&l);
    open_log(&l);
    ck_assert_uint_eq(l.commits_n, 4);
    log_free(&l);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault retention");
    TCase *c = tcase_create("retention");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, protection_is_the_latest_of_floor_plan_and_pins);
    tcase_add_test(c, pins_flood_nothing_and_end_after_ten_years_at_most);
    tcase_add_test(c, at_most_a_tenth_or_ten_points_go_within_a_day);
    tcase_add_test(c, what_an_upload_builds_on_is_in_use);
    tcase_add_test(c, every_way_to_move_a_clock);
    tcase_add_test(c, a_jump_marks_commits_and_stops_removal_until_it_is_confirmed);
    tcase_add_test(c, points_made_in_doubt_count_from_the_confirm);
    tcase_add_test(c, either_copy_of_a_record_is_enough_and_lost_records_hide_nothing);
    suite_add_tcase(s, c);
    return suite_run(s);
}
