/* The collection over a real vault: backups by real sessions, removals as records, and a clock that we move. What must
 * stay stays, what may go goes, and a run that was ended anywhere is finished by the next. */
#include <sys/wait.h>

#include "gc.h"
#include "keeper.h"
#include "reserve.h"
#include "suite.h"
#include "vault_box.h"

#define DAYS(n) ((n)*NS_PER_DAY)

static int64_t moved;
static struct clock moved_clock;

static int64_t moved_now(struct clock *c) { return clock_real()->now_ns(clock_real()) + moved; }
static int64_t moved_mono(struct clock *c) { return clock_real()->mono_ns(clock_real()); }

struct seen {
    struct gc_report sum, last;
    unsigned generations, skipped;
};

static int see(void *arg, const struct gc_report *r, struct err *e) {
    struct seen *s = arg;
    s->last = *r;
    if (*r->generation) s->generations++;
    else s->skipped++;
    s->sum.packs += r->packs, s->sum.deleted += r->deleted, s->sum.rewritten += r->rewritten, s->sum.pages += r->pages;
    s->sum.grace_bytes += r->grace_bytes, s->sum.upload_bytes += r->upload_bytes, s->sum.slack_bytes += r->slack_bytes;
    s->sum.deleted_bytes += r->deleted_bytes;
    if (r->why.id) s->sum.why = r->why;
    return 0;
}

static void open_vault(struct vault *v) {
    struct err e = ERR_INIT;
    moved_clock = (struct clock){moved_now, moved_mono};
    ck_assert_msg(vault_open(v, dir, &moved_clock, &e) == 0, "%s", e.msg);
}

/* A session that was closed ends a moment later. */
static void quiet(struct vault *v) {
    struct err e = ERR_INIT;
    for (int i = 0; i < 200 && presence_live(v, "web", &e) == 1; i++) usleep(10000);
    ck_assert_int_eq(presence_live(v, "web", &e), 0);
}

/* The end of a session, and of its processes. */
static void leave(struct client *c) {
    struct vault v;
    client_close(c);
    open_vault(&v);
    quiet(&v);
    vault_close(&v);
}

static struct seen collect_how(int64_t after, int64_t grace_s, bool dry_run) {
    struct err e = ERR_INIT;
    struct vault v;
    struct seen s = {.generations = 0};
    struct gc_options o = {.grace_s = grace_s, .dry_run = dry_run};
    moved = after;
    open_vault(&v);
    quiet(&v);
    ck_assert_msg(gc_run(&v, &o, see, &s, &e) == 0, "%s: %s", e.object, e.msg);
    vault_close(&v);
    return s;
}

static struct seen collect(int64_t after) { return collect_how(after, GC_GRACE_S, false); }

static void append(struct record *r) {
    struct err e = ERR_INIT;
    struct vault v;
    struct host_log l;
    struct buf raw;
    moved = 0;
    open_vault(&v);
    buf_init(&raw, ZB_RECORD_MAX);
    ck_assert_int_eq(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(log_append(&l, r, &raw, &e), 0);
    buf_free(&raw);
    log_free(&l);
    vault_close(&v);
}

static void remove_point(uint32_t point) {
    struct record r = {.type = REC_REMOVE, .remove = {.point = point, .reason = "test"}};
    append(&r);
}

/* How many files there are below the host's packs (or used) directory, and of a pack alone. */
static unsigned files(const char *what, const char *name) {
    char cmd[256], line[32] = "";
    snprintf(cmd, sizeof cmd, "find '%s/store/hosts/web/%s' -type f -name '%s' 2>/dev/null | wc -l", dir, what, name);
    FILE *f = popen(cmd, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    pclose(f);
    return (unsigned)atoi(line);
}

static void shell(const char *fmt) {
    char cmd[512];
    snprintf(cmd, sizeof cmd, "cd '%s/store/hosts/web' && %s", dir, fmt);
    ck_assert_int_eq(system(cmd), 0);
}

/* One meta pack of 3 slots and one data pack of 5, of which the first ${data} are used. */
static void point_of(uint8_t kind, uint8_t upload, uint32_t data) {
    struct client c;
    struct record r;
    uint32_t slots[] = {3, data};
    local(&c);
    ck_assert_msg(client_begin(&c, kind, upload, "") == 0, "%s: %s", c.err.object, c.err.msg);
    ck_assert_int_eq(client_pack(&c, c.first_pack, PACK_META, 3, false), 0);
    ck_assert_int_eq(client_pack(&c, c.first_pack + 1, PACK_DATA, 5, false), 0);
    ck_assert_msg(client_commit(&c, upload, c.first_pack, slots, 2, &r) == 0, "%s: %s", c.err.object, c.err.msg);
    record_free(&r);
    leave(&c);
}

/* faults: A11 D1 */
START_TEST(what_a_removed_point_alone_needs_goes_after_the_grace_and_not_before) {
    enrolled();
    point_of(KIND_FULL, 1, 5);
    point_of(KIND_INCREMENTAL, 2, 5);
    struct seen s = collect(DAYS(100));
    ck_assert_uint_eq(s.sum.deleted + s.sum.rewritten + s.sum.pages, 0);
    remove_point(1);
    s = collect(DAYS(7) - 600 * NS_PER_S);
    ck_assert_uint_eq(s.sum.deleted, 0);
    ck_assert_uint_gt(s.sum.grace_bytes, 0);
    ck_assert_int_gt(s.last.grace_until, 0);
    ck_assert_uint_eq(files("packs", "*"), 4);
    s = collect_how(DAYS(8), GC_GRACE_S, true);
    ck_assert_uint_eq(s.sum.deleted, 2);
    ck_assert_uint_eq(files("packs", "*"), 4);
    s = collect(DAYS(8));
    ck_assert_uint_eq(s.sum.deleted, 2);
    ck_assert_uint_eq(s.sum.pages, 1);
    ck_assert_uint_eq(files("packs", "*"), 2);
    ck_assert_uint_eq(files("packs", "0000000[23].00"), 2);
    ck_assert_uint_eq(files("used", "*"), 1);
    s = collect(DAYS(8));
    ck_assert_uint_eq(s.sum.deleted + s.sum.pages, 0);
}
END_TEST

START_TEST(a_collection_with_a_grace_after_one_without_finds_nothing_wrong) {
    struct client c;
    enrolled();
    point_of(KIND_FULL, 1, 5);
    point_of(KIND_INCREMENTAL, 2, 5);
    remove_point(1);
    ck_assert_uint_eq(collect_how(DAYS(1), 0, false).sum.deleted, 2);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_int_eq(client_pack(&c, c.first_pack, PACK_DATA, 5, false), 0);
    leave(&c);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 4, ""), 0); /* the upload before is given up */
    leave(&c);
    struct seen s = collect(DAYS(1));
    ck_assert_msg(!s.sum.why.id, "%s: %s", s.sum.why.object, s.sum.why.msg);
    ck_assert_uint_eq(s.sum.deleted, 1);
}
END_TEST

/* faults: A14 E2 */
START_TEST(agents_hear_of_a_collection_and_numbers_are_not_given_again) {
    struct client c;
    enrolled();
    point_of(KIND_FULL, 1, 5);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 2, ""), 0);
    ck_assert_uint_eq(c.collected, 0);
    ck_assert_int_eq(client_pack(&c, 2, PACK_DATA, 5, false), 0);
    leave(&c);
    struct seen s = collect(DAYS(40));
    ck_assert_uint_eq(s.sum.deleted, 1);
    ck_assert_uint_eq(files("packs", "00000002.00"), 0);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_uint_eq(c.collected, 1);
    ck_assert_uint_eq(c.first_pack, 3);
    leave(&c);
}
END_TEST

/* faults: A12 A13 A22 */
START_TEST(a_pack_of_which_little_is_needed_is_rewritten_and_an_interrupted_run_is_finished) {
    struct client c;
    enrolled();
    point_of(KIND_FULL, 1, 2);
    shell("cp -r packs before");
    struct seen s = collect(0);
    ck_assert_uint_eq(s.sum.rewritten, 1);
    ck_assert_uint_eq(files("packs", "00000001.*"), 1);
    ck_assert_uint_eq(files("packs", "00000001.01"), 1);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 2, ""), 0);
    ck_assert_uint_eq(c.begin.begin.parent, 1);
    ck_assert_uint_eq(c.begin.begin.damaged_n, 0);
    ck_assert_int_eq(client_get(&c, c.generation, 1, 1), 0);
    ck_assert_int_eq(client_get(&c, c.generation, 1, 4), ZE_MISSING);
    leave(&c);
    /* As if it had been killed before the old revision went. */
    shell("cp -p before/*/00000001.00 packs/*/");
    s = collect(0);
    ck_assert_uint_eq(s.sum.rewritten, 0);
    ck_assert_uint_eq(files("packs", "00000001.*"), 1);
    ck_assert_uint_eq(files("packs", "00000001.01"), 1);
    /* A newer revision that has rotted since is no reason to lose the older one. */
    shell("cp -p before/*/00000001.00 packs/*/ && chmod u+w packs/*/00000001.01 && "
          "printf XXXX | dd of=$(ls packs/*/00000001.01) bs=1 seek=100 conv=notrunc status=none");
    s = collect(0);
    ck_assert_int_eq(s.sum.why.id, ZE_DAMAGED);
    ck_assert_uint_eq(files("packs", "00000001.*"), 2);
}
END_TEST

START_TEST(what_is_damaged_is_not_moved) {
    enrolled();
    point_of(KIND_FULL, 1, 2);
    shell("chmod u+w packs/*/00000001.00 && printf XXXX | dd of=$(ls packs/*/00000001.00) bs=1 seek=100 conv=notrunc "
          "status=none");
    struct seen s = collect(0);
    ck_assert_int_eq(s.sum.why.id, ZE_DAMAGED);
    ck_assert_uint_eq(s.sum.rewritten, 0);
    ck_assert_uint_eq(files("packs", "00000001.00"), 1);
    ck_assert_uint_eq(files("packs", "*"), 2);
}
END_TEST

START_TEST(a_used_page_that_cannot_be_read_protects_everything_it_speaks_of) {
    enrolled();
    point_of(KIND_FULL, 1, 2);
    point_of(KIND_INCREMENTAL, 2, 2);
    remove_point(1);
    shell("for f in used/*/*; do chmod u+w $f && printf X | dd of=$f bs=1 seek=40 conv=notrunc status=none; done");
    struct seen s = collect(DAYS(8));
    ck_assert_uint_eq(s.sum.deleted + s.sum.rewritten, 0);
    ck_assert_int_eq(s.sum.why.id, ZE_DAMAGED);
    ck_assert_uint_eq(files("packs", "*"), 4);
}
END_TEST

START_TEST(doubtful_time_a_live_session_and_a_damaged_log_pass_a_host_over) {
    struct err e = ERR_INIT;
    struct client c;
    struct vault v;
    struct gc_options o = {.grace_s = 0};
    struct seen s;
    enrolled();
    point_of(KIND_FULL, 1, 2);
    s = collect(-3600 * NS_PER_S);
    ck_assert_uint_eq(s.skipped, 1);
    ck_assert_int_eq(s.last.why.id, ZE_REFUSED);
    moved = 0;
    local(&c);
    memset(&s, 0, sizeof s);
    open_vault(&v);
    ck_assert_int_eq(gc_run(&v, &o, see, &s, &e), 0);
    ck_assert_uint_eq(s.skipped, 1);
    ck_assert_int_eq(s.last.why.id, ZE_BUSY);
    vault_close(&v);
    leave(&c);
    ck_assert_uint_eq(files("packs", "*.00"), 2);
    shell("chmod u+w log/*0 && printf X | dd of=log/0000000000000000 bs=1 seek=90 conv=notrunc status=none");
    s = collect(0);
    ck_assert_uint_eq(s.skipped, 1);
    ck_assert_uint_eq(files("packs", "*.00"), 2);
}
END_TEST

START_TEST(a_generation_that_the_log_does_not_know_is_left_alone) {
    enrolled();
    point_of(KIND_FULL, 1, 5);
    shell("cp -r packs/* packs/00112233445566778899aabbccddeeff");
    struct seen s = collect(DAYS(100));
    ck_assert_uint_eq(s.generations, 2);
    ck_assert_int_eq(s.sum.why.id, ZE_REFUSED);
    ck_assert_uint_eq(files("packs", "*"), 4);
}
END_TEST

START_TEST(a_generation_goes_whole) {
    enrolled();
    point_of(KIND_FULL, 1, 5);
    point_of(KIND_FULL, 2, 5);
    shell("touch packs/x 2>/dev/null; rm packs/x; for d in packs/*; do touch $d/.tmp-left; done");
    remove_point(1);
    struct seen s = collect(DAYS(8));
    ck_assert_uint_eq(s.generations, 2);
    ck_assert_uint_eq(files("packs", "*"), 2);
    ck_assert_uint_eq(files("packs", ".tmp-*"), 0);
    shell("test $(ls packs | wc -l) -eq 1 && test $(ls used | wc -l) -eq 1");
    s = collect(DAYS(8));
    ck_assert_uint_eq(s.generations, 1);
}
END_TEST

START_TEST(an_upload_of_weeks_survives_each_collection_and_is_given_up_after_thirty_days_of_silence) {
    struct client c;
    struct record r;
    static const uint32_t slots[] = {3, 5};
    enrolled();
    point_of(KIND_FULL, 1, 5);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 2, ""), 0);
    ck_assert_int_eq(client_pack(&c, 2, PACK_META, 3, false), 0);
    leave(&c);
    /* Another attempt, which may build on what the first one has sent. */
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_uint_eq(c.first_pack, 3);
    leave(&c);
    for (int week = 1; week <= 4; week++) {
        struct seen s = collect(DAYS(7 * week));
        ck_assert_uint_eq(s.sum.deleted, 0);
        ck_assert_uint_gt(s.sum.upload_bytes, 0);
        ck_assert_int_gt(s.last.upload_until, 0);
    }
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_int_eq(client_commit(&c, 3, 2, slots, 1, &r), 0);
    record_free(&r);
    leave(&c);
    /* The parent goes, and the upload still stands on it, until it is given up. */
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 4, ""), 0);
    ck_assert_uint_eq(c.begin.begin.parent, 2);
    ck_assert_int_eq(client_pack(&c, c.first_pack, PACK_META, 3, false), 0);
    leave(&c);
    remove_point(2);
    struct seen s = collect(DAYS(29));
    ck_assert_uint_eq(s.sum.deleted + s.sum.rewritten, 0);
    ck_assert_uint_eq(files("packs", "*"), 4);
    s = collect(DAYS(32));
    ck_assert_uint_eq(s.sum.upload_bytes, 0);
    ck_assert_uint_eq(s.sum.deleted, 2);
    local(&c);
    ck_assert_int_eq(client_commit(&c, 4, 3, NULL, 0, &r), ZE_STALE);
    leave(&c);
}
END_TEST

/* The process that shows a session of the host. */
static pid_t session_pid(void) {
    char path[160];
    struct flock theirs = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "%s/keeper/lock/web.live", dir);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(fcntl(fd, F_GETLK, &theirs), 0);
    close(fd);
    return theirs.l_type == F_UNLCK ? 0 : theirs.l_pid;
}

/* faults: D6 */
START_TEST(a_session_stopped_past_its_lease_commits_nothing_after_a_collection) {
    struct err e = ERR_INIT;
    struct client c;
    struct vault v;
    struct record r;
    struct gc_options o = {.grace_s = 0};
    struct seen s = {.generations = 0};
    static const uint32_t slots[] = {3};
    enrolled();
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_int_eq(client_pack(&c, 0, PACK_META, 3, false), 0);
    pid_t stopped = session_pid();
    ck_assert_int_gt(stopped, 1);
    kill(stopped, SIGSTOP);
    moved = DAYS(1) - 60 * NS_PER_S;
    open_vault(&v);
    ck_assert_int_eq(gc_run(&v, &o, see, &s, &e), 0);
    ck_assert_int_eq(s.last.why.id, ZE_BUSY);
    moved = DAYS(1) + 60 * NS_PER_S;
    ck_assert_int_eq(gc_run(&v, &o, see, &s, &e), 0);
    ck_assert_int_eq(s.last.why.id, ZE_BUSY);
    vault_close(&v);
    ck_assert_uint_eq(files("packs", "*"), 1);
    kill(stopped, SIGCONT);
    ck_assert_int_eq(client_commit(&c, 1, 0, slots, 1, &r), ZE_STALE);
    leave(&c);
}
END_TEST

/* faults: B1 */
START_TEST(the_reserve_gives_what_is_asked_and_grows_again) {
    struct vault v;
    struct stat st;
    char path[160];
    moved = 0;
    open_vault(&v);
    snprintf(path, sizeof path, "%s/keeper/reserve", dir);
    ck_assert(!reserve_release(&v, 1));
    reserve_make(&v);
    ck_assert_int_eq(stat(path, &st), 0);
    off_t full = st.st_size;
    ck_assert_int_gt(full, 0);
    ck_assert_int_ge((int64_t)st.st_blocks * 512, full);
    ck_assert(reserve_release(&v, RESERVE_FOR_RECORD));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, full - RESERVE_FOR_RECORD);
    ck_assert(reserve_release(&v, (uint64_t)full));
    ck_assert(!reserve_release(&v, 1));
    reserve_make(&v);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, full);
    vault_close(&v);
}
END_TEST

START_TEST(the_keeper_collects_once_a_day_when_it_is_idle) {
    struct vault v;
    moved = 0;
    open_vault(&v);
    ck_assert(!gc_due(&v, true));
    moved = DAYS(1) - 60 * NS_PER_S; /* real time goes by too */
    ck_assert(!gc_due(&v, true));
    moved = DAYS(1) + NS_PER_S;
    ck_assert(!gc_due(&v, false));
    ck_assert(gc_due(&v, true));
    ck_assert(!gc_due(&v, true));
    moved += DAYS(1) + DAYS(1) / 2 + NS_PER_S;
    ck_assert(gc_due(&v, false));
    moved = -DAYS(30);
    ck_assert(gc_due(&v, false));
    vault_close(&v);
}
END_TEST

int main(void) {
    Suite *s = suite_create("gc");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_a_removed_point_alone_needs_goes_after_the_grace_and_not_before);
    tcase_add_test(t, a_collection_with_a_grace_after_one_without_finds_nothing_wrong);
    tcase_add_test(t, agents_hear_of_a_collection_and_numbers_are_not_given_again);
    tcase_add_test(t, a_pack_of_which_little_is_needed_is_rewritten_and_an_interrupted_run_is_finished);
    tcase_add_test(t, what_is_damaged_is_not_moved);
    tcase_add_test(t, a_used_page_that_cannot_be_read_protects_everything_it_speaks_of);
    tcase_add_test(t, doubtful_time_a_live_session_and_a_damaged_log_pass_a_host_over);
    tcase_add_test(t, a_generation_that_the_log_does_not_know_is_left_alone);
    tcase_add_test(t, a_generation_goes_whole);
    tcase_add_test(t, an_upload_of_weeks_survives_each_collection_and_is_given_up_after_thirty_days_of_silence);
    tcase_add_test(t, a_session_stopped_past_its_lease_commits_nothing_after_a_collection);
    tcase_add_test(t, the_reserve_gives_what_is_asked_and_grows_again);
    tcase_add_test(t, the_keeper_collects_once_a_day_when_it_is_idle);
    suite_add_tcase(s, t);
    return suite_run(s);
}
