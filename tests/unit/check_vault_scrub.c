/* Scrubbing and quotas from inside, with a clock of the test's own: how fast it reads, where it goes on, what it
 * hands to the next backup; how full the vault is and when it will be. */
#include "quota.h"
#include "scrub.h"
#include "scrub_keep.h"
#include "stat.h"
#include "suite.h"
#include "sys/file.h"
#include "vault_box.h"

static int64_t fake_ns;
static int64_t fake_now(struct clock *c) { return clock_real()->now_ns(clock_real()) + fake_ns; }
static bool ticking; /* real time goes by too */
static int64_t fake_mono(struct clock *c) { return fake_ns + (ticking ? clock_real()->mono_ns(clock_real()) : 0); }
static struct clock fake = {fake_now, fake_mono};
static void fake_pause(void *arg, int64_t ns) { fake_ns += ns; }

static struct vault v;
static struct err e;

static void opened(void) {
    e = (struct err)ERR_INIT;
    fake_ns = NS_PER_S;
    ck_assert_msg(vault_open(&v, dir, &fake, &e) == 0, "%s %s", e.object, e.msg);
}

/* Two points of 8 segments of 5000 bytes each in four packs. */
static void two_points(struct client *c, struct record *r) {
    enrolled();
    local(c);
    backup(c, KIND_FULL, 1, r);
    record_free(r);
    client_close(c);
    local(c);
    backup(c, KIND_INCREMENTAL, 2, r);
    client_close(c);
    opened();
}

static int scrub(struct scrub_sum *sum, uint64_t rate, int64_t slice_ns, bool all) {
    struct scrub_opts o = {.rate = rate, .slice_ns = slice_ns, .all = all, .pause = fake_pause};
    e = (struct err)ERR_INIT;
    return scrub_run(&v, &o, sum, &e);
}

static void pack_path(char out[256], const struct client *c, uint32_t pack) {
    char gen[HEX_ID];
    text_hex(gen, c->generation, SEAL_ID);
    snprintf(out, 256, "%s/store/hosts/web/packs/%s/%08x.00", dir, gen, pack);
}

static void spoil(const struct client *c, uint32_t pack, off_t at) {
    char path[256];
    uint8_t b;
    pack_path(path, c, pack);
    ck_assert_int_eq(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pread(fd, &b, 1, at), 1);
    b ^= 4;
    ck_assert_int_eq(pwrite(fd, &b, 1, at), 1);
    close(fd);
}

static uint64_t findings(struct damage_item *last) {
    struct damage_list l;
    ck_assert_int_eq(damage_load(&l, &v, "web", &e), 0);
    uint64_t n = l.n;
    if (n && last) *last = l.item[n - 1];
    damage_free(&l);
    return n;
}

START_TEST(it_reads_no_faster_than_it_is_told) {
    struct client c;
    struct record r;
    struct scrub_sum sum;
    two_points(&c, &r);
    int64_t began = fake_ns;
    ck_assert_int_eq(scrub(&sum, 10000, 0, true), 1);
    double took = (double)(fake_ns - began) / 1e9, due = (double)sum.bytes / 10000;
    ck_assert_uint_ge(sum.bytes, 16 * 5000);
    ck_assert_msg(took >= due && took < due + 0.01, "%f s for %f s of bytes", took, due);
    began = fake_ns;
    ck_assert_int_eq(scrub(&sum, 0, 0, true), 1);
    ck_assert_int_eq(fake_ns, began);
    vault_close(&v);
    record_free(&r);
}
END_TEST

START_TEST(slices_get_on_by_a_pack_at_least_and_together_find_what_one_round_finds) {
    struct client c;
    struct record r;
    struct scrub_sum sum;
    struct damage_item d;
    unsigned slices = 0;
    two_points(&c, &r);
    spoil(&c, 0, 100);
    spoil(&c, 1, 5100);
    spoil(&c, 3, 15100);
    int rc = scrub(&sum, 1000, 1, true);
    while (rc == 0 && ++slices < 20) {
        vault_close(&v); /* nothing is remembered but what is in the vault */
        opened();
        rc = scrub(&sum, 1000, 1, false);
    }
    ck_assert_int_eq(rc, 1);
    ck_assert(slices >= 3 && slices <= 5);
    ck_assert_uint_eq(findings(&d), 3);
    ck_assert_ptr_nonnull(strstr(d.object, "00000003.00"));
    ck_assert_uint_eq(d.slot, 3);
    ck_assert(d.points_n == 1 && d.points[0] == 2); /* the second backup's own packs: the first does not use them */
    int64_t since = d.since;
    ck_assert_int_eq(scrub(&sum, 0, 0, true), 1);
    ck_assert_uint_eq(findings(&d), 3);
    ck_assert_int_eq(d.since, since);
    spoil(&c, 3, 15100);
    ck_assert_int_eq(scrub(&sum, 0, 0, true), 1);
    ck_assert_uint_eq(findings(&d), 2);
    vault_close(&v);
    record_free(&r);
}
END_TEST

/* Once the scrubbing has begun with the host's log, point 1 is removed and what it alone needed is collected. */
static bool take_point_away(void *arg, const char *host, const struct scrub_sum *sum) {
    bool *done = arg;
    struct err why = ERR_INIT;
    struct vault other;
    struct host_log l;
    struct buf raw;
    struct record r = {.type = REC_REMOVE, .remove = {.point = 1, .reason = "test"}};
    if (*done || strcmp(host, "web") != 0) return true;
    *done = true;
    ck_assert_int_eq(vault_open(&other, dir, &fake, &why), 0);
    buf_init(&raw, ZB_RECORD_MAX);
    ck_assert_int_eq(log_open(&l, &other, "web", &why), 0);
    ck_assert_int_eq(log_append(&l, &r, &raw, &why), 0);
    log_free(&l);
    buf_free(&raw);
    vault_close(&other);
    char cmd[300];
    snprintf(cmd, sizeof cmd, "cd '%s'/store/hosts/web/used/* && rm \"$(ls -tr | head -n 1)\"", dir);
    ck_assert_int_eq(system(cmd), 0);
    return true;
}

START_TEST(what_is_removed_and_collected_while_it_reads_is_no_damage) {
    struct client c;
    struct record r;
    struct scrub_sum sum;
    struct damage_item d;
    bool done = false;
    two_points(&c, &r);
    struct scrub_opts o = {.all = true, .pause = fake_pause, .tick = take_point_away, .arg = &done};
    ck_assert_int_eq(scrub_run(&v, &o, &sum, &e), 1);
    ck_assert(done);
    ck_assert_uint_eq(sum.damaged, 0);
    ck_assert_uint_eq(findings(&d), 0);
    char cmd[300];
    snprintf(cmd, sizeof cmd, "rm '%s'/store/hosts/web/used/*/*", dir);
    ck_assert_int_eq(system(cmd), 0);
    ck_assert_int_eq(scrub(&sum, 0, 0, true), 1); /* the page of the point that is left */
    ck_assert_uint_eq(findings(&d), 1);
    ck_assert(d.points_n == 1 && d.points[0] == 2);
    vault_close(&v);
    record_free(&r);
}
END_TEST

START_TEST(a_cursor_and_findings_that_make_no_sense_cost_a_round) {
    static const char *const nonsense[] = {"", "round", "round 3\nstarted 1\nfinished 2\nat ../x 00 9\n",
        "\377\376\n\n\n", "round 1\nstarted 1\nfinished 1\nat web zz00112233445566778899aabbccddee 4\n"};
    struct client c;
    struct record r;
    struct scrub_sum sum;
    two_points(&c, &r);
    spoil(&c, 1, 5100);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        ck_assert_int_ge(file_replace(v.fd, "keeper/scrub", nonsense[i], strlen(nonsense[i]), 0600, &e), 0);
        ck_assert_int_ge(file_mkdirs(v.fd, "keeper/damage", 0700, &e), 0);
        ck_assert_int_ge(file_replace(v.fd, "keeper/damage/web", nonsense[i], strlen(nonsense[i]), 0600, &e), 0);
        ck_assert_int_eq(scrub(&sum, 0, 0, false), 1);
        ck_assert_uint_eq(findings(NULL), 1);
    }
    vault_close(&v);
    record_free(&r);
}
END_TEST

/* One slice of the keeper's, ended. */
static unsigned ticked(int64_t after_s, unsigned children) {
    fake_ns += after_s * NS_PER_S;
    unsigned n = scrub_tick(&v, children, NULL, 0);
    while (waitpid(-1, NULL, 0) > 0) continue;
    return n;
}

START_TEST(the_keeper_goes_round_once_a_day_when_nobody_is_there) {
    struct client c;
    struct record r;
    two_points(&c, &r);
    spoil(&c, 1, 5100);
    ticking = true;
    ck_assert_int_ge(file_replace(v.fd, "keeper/settings", "scrub_mib_s 0\n", 14, 0600, &e), 0);
    ck_assert_uint_eq(ticked(0, 0) + ticked(90, 0), 0);
    ck_assert_int_ge(file_replace(v.fd, "keeper/settings", "other x\nscrub_mib_s 100\n", 24, 0600, &e), 0);
    ck_assert_uint_eq(scrub_rate(&v), 100 << 20);
    ck_assert_uint_eq(ticked(30, 0), 0);
    ck_assert_uint_eq(ticked(90, 1), 0); /* somebody is connected */
    ck_assert_uint_eq(findings(NULL), 0);
    ck_assert_uint_eq(ticked(0, 0), 1);
    ck_assert_uint_eq(findings(NULL), 1);
    ck_assert_uint_eq(ticked(3600, 0), 0); /* the round is complete */
    ck_assert_uint_eq(ticked(86400, 1), 1);
    struct scrub_cursor at;
    ck_assert_int_eq(scrub_cursor_load(&v, &at, &e), 0);
    ck_assert_uint_eq(at.round, 3);
    vault_close(&v);
    record_free(&r);
}
END_TEST

/* faults: B8 */
START_TEST(begin_hands_on_what_was_found_and_commit_does_not_take_it) {
    static const uint32_t slots[] = {3, 5};
    struct client c;
    struct record r, again;
    struct scrub_sum sum;
    two_points(&c, &r);
    uint32_t first = c.first_pack;
    spoil(&c, first + 1, 5100);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_uint_eq(c.begin.begin.damaged_n, 0); /* nobody has read it yet */
    client_close(&c);
    ck_assert_int_eq(scrub(&sum, 0, 0, true), 1);
    ck_assert_uint_eq(findings(NULL), 1);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 4, ""), 0);
    ck_assert(c.has_parent);
    ck_assert_uint_eq(c.begin.begin.damaged_n, 1);
    ck_assert_int_eq(client_commit(&c, 4, first, slots, 2, &again), ZE_DAMAGED);
    client_close(&c);
    vault_close(&v);
    record_free(&r);
}
END_TEST

/* A store with as much room as the test says. */
static struct store_ops roomy;
static uint64_t room, taken;
static int room_left(struct store *s, uint64_t *bytes, uint64_t *used, struct err *err) {
    return *bytes = room, *used = taken, 0;
}

static const struct js *alert_of(const struct js *j, const char *what) {
    const struct js *list = js_get(j, "alerts");
    for (size_t i = 0; i < js_count(list); i++)
        if (strcmp(js_str(js_at(list, i), "what", ""), what) == 0) return js_at(list, i);
    return NULL;
}

START_TEST(the_alert_comes_at_seventy_percent_with_the_day_it_fills) {
    struct client c;
    struct record r;
    struct vault_stat s;
    two_points(&c, &r);
    roomy = *v.store.ops;
    roomy.space = room_left;
    v.store.ops = &roomy;
    room = 1000000, taken = 1000000;
    ck_assert_int_eq(vault_stat(&v, &s, &e), 0);
    ck_assert_uint_eq(s.capacity, taken + room);
    ck_assert_uint_eq(s.percent, 50); /* whoever took it: our packs are a few per cent of that */
    struct js *j = stat_json(&v, &s);
    ck_assert_ptr_null(alert_of(j, "capacity"));
    js_free(j);
    taken = s.bytes * 10, room = s.bytes * 30 / 70;
    ck_assert_int_eq(vault_stat(&v, &s, &e), 0);
    ck_assert_uint_ge(s.percent, STAT_ALERT);
    j = stat_json(&v, &s);
    ck_assert(js_bool(j, "alert", false));
    ck_assert_ptr_nonnull(alert_of(j, "capacity"));
    ck_assert_int_eq(js_int(alert_of(j, "capacity"), "percent", 0), s.percent);
    ck_assert_ptr_nonnull(js_str(alert_of(j, "capacity"), "fills_on", NULL));
    js_free(j);
    /* All of it came within a day: the rest lasts for 30/70 of a day. */
    ck_assert_uint_eq(s.recent, s.bytes);
    ck_assert(s.fills_on > fake_now(NULL) + NS_PER_DAY / 3 && s.fills_on < fake_now(NULL) + NS_PER_DAY / 2);
    vault_close(&v);
    record_free(&r);
}
END_TEST

/* faults: H8 */
START_TEST(a_quota_ends_an_upload_and_leaves_no_point) {
    static const uint32_t slots[] = {3};
    struct client c;
    struct record r;
    unsigned points;
    uint64_t used;
    two_points(&c, &r);
    record_free(&r);
    ck_assert_int_eq(host_bytes(&v, "web", &used, &e), 0);
    ck_assert_int_eq(quota_set(&v, QUOTA_HOST, "web", used + 12000, NULL, 0, &e), 0);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_int_eq(client_pack(&c, c.first_pack, PACK_DATA, 2, false), 0);
    ck_assert_int_eq(client_pack(&c, c.first_pack + 1, PACK_DATA, 1, false), ZE_QUOTA);
    ck_assert_int_ne(client_commit(&c, 3, c.first_pack, slots, 1, &r), 0); /* the session is over */
    client_close(&c);
    local(&c);
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 2);
    ck_assert_int_eq(quota_set(&v, QUOTA_HOST, "web", used, NULL, 0, &e), 0);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 4, ""), ZE_QUOTA);
    ck_assert_ptr_nonnull(strstr(c.err.msg, "are used of"));
    client_close(&c);
    vault_close(&v);
}
END_TEST

/* Packs until the quota says no; the exit code is 0 then. */
static pid_t sender(const char *host) {
    pid_t pid = fork();
    if (pid) return pid;
    struct client c;
    int rc;
    session(&c, BIND_HOST, host, true);
    rc = client_hello(&c);
    if (rc == 0) rc = client_begin(&c, KIND_FULL, 1, "");
    for (uint32_t i = 0; rc == 0 && i < 100; i++) rc = client_pack(&c, c.first_pack + i, PACK_DATA, 1, false);
    _exit(rc == ZE_QUOTA ? 0 : 1);
}

/* faults: H8 */
START_TEST(two_hosts_of_a_system_race_for_the_last_bytes) {
    static const char *const host[] = {"web", "db"};
    enum { ROOM = 60000, PACK = PACK_HEADER + 5000 + PACK_ROW + PACK_TRAILER };
    pid_t pid[2];
    uint64_t used[2];
    for (int i = 0; i < 2; i++) enrolled_as(host[i]);
    opened();
    ck_assert_int_eq(quota_set(&v, QUOTA_SYSTEM, "oa", ROOM, NULL, 0, &e), 0);
    for (int i = 0; i < 2; i++) pid[i] = sender(host[i]);
    for (int i = 0; i < 2; i++) {
        int status = 1;
        waitpid(pid[i], &status, 0);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(host_bytes(&v, host[i], &used[i], &e), 0);
    }
    ck_assert_uint_le(used[0] + used[1], ROOM + 2 * PACK); /* by one pack for each session at most */
    ck_assert_uint_gt(used[0] + used[1], ROOM - 2 * PACK);
    vault_close(&v);
}
END_TEST

START_TEST(a_full_that_does_not_fit_the_disk_is_refused_before_it_begins) {
    struct client c;
    struct record r;
    two_points(&c, &r);
    roomy = *v.store.ops;
    roomy.space = room_left;
    v.store.ops = &roomy;
    struct keeper k = {.v = &v, .host = "web"};
    struct rec_begin b = {.kind = KIND_FULL};
    ck_assert_int_eq(log_open(&k.log, &v, "web", &e), 0);
    room = 10000; /* the last full stored more than 40,000 bytes */
    ck_assert_int_lt(quota_begin(&k, &b, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOSPACE);
    ck_assert_ptr_nonnull(strstr(e.msg, "are free, and a full needs about"));
    b.parent = 2; /* an incremental may be small */
    ck_assert_int_eq(quota_begin(&k, &b, &e), 0);
    b.parent = 0, room = 1000000;
    ck_assert_int_eq(quota_begin(&k, &b, &e), 0);
    log_free(&k.log);
    vault_close(&v);
    record_free(&r);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_scrub");
    TCase *t = tcase_create("scrub");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, it_reads_no_faster_than_it_is_told);
    tcase_add_test(t, slices_get_on_by_a_pack_at_least_and_together_find_what_one_round_finds);
    tcase_add_test(t, what_is_removed_and_collected_while_it_reads_is_no_damage);
    tcase_add_test(t, a_cursor_and_findings_that_make_no_sense_cost_a_round);
    tcase_add_test(t, the_keeper_goes_round_once_a_day_when_nobody_is_there);
    tcase_add_test(t, begin_hands_on_what_was_found_and_commit_does_not_take_it);
    tcase_add_test(t, the_alert_comes_at_seventy_percent_with_the_day_it_fills);
    tcase_add_test(t, a_quota_ends_an_upload_and_leaves_no_point);
    tcase_add_test(t, two_hosts_of_a_system_race_for_the_last_bytes);
    tcase_add_test(t, a_full_that_does_not_fit_the_disk_is_refused_before_it_begins);
    suite_add_tcase(s, t);
    return suite_run(s);
}
