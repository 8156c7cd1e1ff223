/* Points made with a valid key by somebody who wishes us ill, and a process that exchanges directories while we restore:
 * each entry is refused, or restored inside the target. After each test everything beside the target is as it was:
 * names, kinds, modes, owners, times and contents. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "restore_run.h"
#include "restore_tree.h"
#include "suite.h"

static char before[8192], after[8192];

/* All that lies beside the target, in words. */
static void look(char *out, size_t cap) {
    char command[512];
    snprintf(command, sizeof command,
        "cd %s && find outside -printf '%%p %%y %%m %%U %%G %%n %%T@ %%C@ %%l\\n' | sort && "
        "find outside -type f -exec cat {} + && ls -A . | grep -v '^out$'",
        dir);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = 0;
    ck_assert_int_eq(pclose(f), 0);
    ck_assert_uint_lt(n, cap - 1);
}

static void sh(const char *command) {
    char text[512];
    snprintf(text, sizeof text, "cd %s && { %s; }", dir, command);
    ck_assert_msg(system(text) == 0, "%s", text);
}

static void outside_begin(void) {
    sh("mkdir -p outside/sub && chmod 751 outside && for i in 00 05 10 a evil f x; do echo $i >outside/$i; done && "
       "touch -d @1000 outside outside/*");
    look(before, sizeof before);
}

static void outside_end(void) {
    look(after, sizeof after);
    ck_assert_msg(strcmp(before, after) == 0, "it was\n%.2000s\nand is\n%.2000s", before, after);
    no_leftovers();
}

static bool stop_at_all(void *arg) { /* nothing here takes that long */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > *(time_t *)arg;
}

static int restore_hostile(enum restore_existing existing) {
    struct timespec now;
    static time_t until;
    clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec + 20;
    request.cancelled = stop_at_all, request.cancelled_arg = &until;
    return restore(existing, NULL, 0, 0);
}

static struct buf raw; /* entries of the page that is being made */
static uint64_t raw_n;

static void raw_begin(void) {
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    buf_init(&raw, ZB_SEGMENT_MAX);
    raw_n = 0;
}

static void raw_end(uint64_t count) {
    root.top = raw_page(0, count, &raw);
    buf_free(&raw);
    vault_end();
}

static void raw_add(struct entry en, const char *path, size_t n) {
    raw_entry(&raw, &en, path, n);
    raw_n++;
}

static struct entry file_of(struct extent *x, uint32_t len) {
    *x = (struct extent){.len = len, .addr = data_at};
    struct entry en = {.type = ENT_FILE, .size = len, .block_shift = 12, .extents = x, .extents_n = 1};
    if (geteuid() != 0) en.uid = geteuid(), en.gid = getegid();
    digest(&en, small, x, 1);
    return en;
}

static const struct bad {
    const char *path;
    size_t n;
} bad_paths[] = {{"..", 2}, {"../evil", 7}, {"/etc/evil", 9}, {"a//evil", 7}, {"a/../../evil", 12}, {"a/.", 3},
    {".", 1}, {"a/", 2}, {"", 0}, {"a\0b", 3}, {"0", 1} /* twice */, {"/", 1}, {"a/..", 4}, {"././evil", 8}};

/* faults: G3 */
START_TEST(a_path_that_leads_elsewhere_is_refused) {
    struct extent x;
    raw_begin();
    raw_add(file_of(&x, 10), "0", 1);
    raw_add(file_of(&x, 10), bad_paths[_i].path, bad_paths[_i].n);
    raw_end(raw_n);
    outside_begin();
    ck_assert_int_lt(restore_hostile(EXISTING_REFUSE), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    is_content("0", small, 10);
    sh("test $(find out | wc -l) = 2");
    outside_end();
}
END_TEST

static struct extent bad_extents[][2] = {{{.len = 9}, {.len = 2}}, {{.len = 9}},
    {{.len = 5}, {.len = 5, .offset = 4999}}, {{.len = (1ull << 63) - 1, .hole = true}, {.len = 10}},
    {{.len = 10, .offset = UINT32_MAX}}, {{.len = 1 << 21}, {.len = 1}}};

/* faults: G3 */
START_TEST(a_size_or_an_extent_that_lies_is_refused) {
    struct extent x, *bad = bad_extents[_i];
    raw_begin();
    raw_add(file_of(&x, 10), "0", 1);
    struct entry en = file_of(&x, 10);
    en.extents = bad, en.extents_n = bad[1].len ? 2 : 1;
    bad[0].addr = bad[1].addr = data_at;
    if (_i == 2) en.size = 10;
    raw_add(en, "f", 1);
    raw_end(raw_n);
    outside_begin();
    ck_assert_int_lt(restore_hostile(EXISTING_REFUSE), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    is_content("0", small, 10);
    ck_assert(!exists("f"));
    outside_end();
}
END_TEST

/* faults: G3 */
START_TEST(counts_that_lie_take_no_memory) {
    static const uint64_t counts[] = {1ull << 60, UINT64_MAX, 1 << 30, 3};
    struct rusage u0, u1;
    struct extent x;
    getrusage(RUSAGE_SELF, &u0);
    raw_begin();
    raw_add(file_of(&x, 10), "0", 1);
    raw_end(counts[_i]);
    outside_begin();
    ck_assert_int_lt(restore_hostile(EXISTING_REFUSE), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    getrusage(RUSAGE_SELF, &u1);
    ck_assert_int_lt(u1.ru_maxrss - u0.ru_maxrss, 128 << 10);
    outside_end();
}
END_TEST

/* faults: G3 */
START_TEST(a_file_of_eight_exabytes_ends_in_an_error) {
    struct extent x = {.len = INT64_MAX, .hole = true};
    struct entry en = {.type = ENT_FILE, .size = INT64_MAX, .block_shift = 12, .extents = &x, .extents_n = 1};
    struct extent y;
    raw_begin();
    raw_add(file_of(&y, 10), "0", 1);
    raw_add(en, "f", 1);
    raw_end(raw_n);
    outside_begin();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t until = now.tv_sec; /* a file system that takes it: the person gives up */
    request.cancelled = stop_at_all, request.cancelled_arg = &until;
    int rc = restore(EXISTING_REFUSE, NULL, 0, 0);
    ck_assert(rc < 0 ? e.id == ZE_CANCELLED : res.missed == 1);
    ck_assert(!exists("f"));
    outside_end();
}
END_TEST

/* faults: G3 */
START_TEST(what_stands_below_a_file_or_a_link_is_not_restored) {
    struct entry up = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"../outside", .target_len = 10};
    struct entry sub = {.type = ENT_DIR, .mode = 0777, .mtime_s = 5};
    struct extent x;
    raw_begin();
    raw_add(file_of(&x, 10), "a", 1);
    raw_add(file_of(&x, 10), "a/evil", 6);
    raw_add(up, "b", 1);
    raw_add(file_of(&x, 10), "b/evil", 6);
    raw_add(sub, "b/sub", 5);
    raw_add(file_of(&x, 10), "b/sub/evil", 10);
    raw_add(up, "b/up", 4);
    raw_add(file_of(&x, 10), "z", 1);
    raw_end(raw_n);
    outside_begin();
    for (int existing = EXISTING_REFUSE; existing <= EXISTING_ALWAYS; existing++) {
        sh("rm -rf out");
        ck_assert_int_eq(restore_hostile((enum restore_existing)existing), 0);
        ck_assert_uint_ge(res.missed, 4);
        is_content("z", small, 10);
        outside_end();
        ck_assert_int_eq(restore_hostile(EXISTING_ALWAYS), 0);
        outside_end();
    }
}
END_TEST

/* faults: G3 */
START_TEST(names_that_share_a_link_group_and_nothing_else_are_not_linked) {
    struct entry up = {.type = ENT_LINK,
        .flags = EF_HARDLINK,
        .link_group = 9,
        .mode = 0777,
        .target = (const uint8_t *)"../outside/f",
        .target_len = 12};
    struct extent x, y;
    raw_begin();
    raw_add(up, "a", 1);
    struct entry en = file_of(&x, 10), other = file_of(&y, 20);
    en.flags = other.flags = EF_HARDLINK, en.link_group = 9, other.link_group = 9;
    raw_add(en, "b", 1);
    raw_add(other, "c", 1);
    raw_add(up, "d", 1);
    raw_end(raw_n);
    outside_begin();
    ck_assert_int_eq(restore_hostile(EXISTING_REFUSE), 0);
    ck_assert_uint_eq(res.attributes, 2);
    ck_assert(S_ISLNK(stat_of("a").st_mode) && stat_of("a").st_ino == stat_of("d").st_ino);
    is_content("b", small, 10);
    is_content("c", small, 20);
    outside_end();
}
END_TEST

/* faults: G3 */
START_TEST(a_group_whose_first_name_was_not_restored_costs_the_others) {
    struct extent x;
    raw_begin();
    struct entry en = file_of(&x, 10);
    en.flags = EF_HARDLINK, en.link_group = 9;
    en.digest[0] ^= 1;
    raw_add(en, "a", 1);
    raw_add(en, "b", 1);
    raw_end(raw_n);
    outside_begin();
    ck_assert_int_lt(restore_hostile(EXISTING_REFUSE), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_str_eq(e.object, "a");
    ck_assert_uint_eq(res.missed, 2);
    ck_assert(!exists("a") && !exists("b"));
    outside_end();
}
END_TEST

/* faults: G3 */
START_TEST(kinds_and_modes_of_all_sorts_come_back_inside) {
    static char target_of[4095];
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)target_of, .target_len = 4095};
    struct entry dev = {.type = ENT_BLOCK, .mode = 0600, .dev_major = 7, .dev_minor = 99};
    struct extent x;
    memset(target_of, 'x', sizeof target_of);
    raw_begin();
    struct entry en = file_of(&x, 10);
    en.mode = 06755, en.mtime_s = INT64_MIN, en.mtime_ns = 999999999;
    raw_add(en, "A", 1);
    raw_add(file_of(&x, 11), "a", 1);
    raw_add(dev, "dev", 3);
    raw_add(ln, "long", 4);
    raw_add(file_of(&x, 12), ".zaibei-restore", 15);
    raw_end(raw_n);
    outside_begin();
    (void)!restore_hostile(EXISTING_REFUSE);
    is_content("a", small, 11);
    if (exists("A")) is_content("A", small, 10);
    ck_assert(S_ISLNK(stat_of("long").st_mode));
    ck_assert(!exists(".zaibei-restore"));
    outside_end();
}
END_TEST

enum { DEEP = 2080 };

/* faults: F3 G3 */
START_TEST(directories_deeper_than_a_path_may_be_come_back) {
    static char path[2 * DEEP];
    struct entry d = {.type = ENT_DIR, .mode = 0711, .mtime_s = 5};
    char at[sizeof target + 8];
    vault_begin();
    memset(path, 'd', sizeof path);
    for (size_t i = 1; i < sizeof path; i += 2) path[i] = '/';
    if (geteuid() != 0) d.uid = geteuid(), d.gid = getegid();
    for (size_t i = 0; i < DEEP; i++) {
        d.path = (const uint8_t *)path, d.path_len = 2 * i + 1;
        ck_assert_int_eq(page_add_entry(&page, &d, &e), 0);
    }
    vault_end();
    outside_begin();
    ck_assert_msg(restore_hostile(EXISTING_REFUSE) == 0 && res.missed == 0, "%s%s", e.msg, told);
    strcpy(at, target);
    int fd = open(at, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < DEEP; i++) {
        struct stat st;
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        ck_assert_int_ge(next, 0);
        close(fd);
        fd = next;
        ck_assert(fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 5 && (st.st_mode & 07777) == 0711);
    }
    close(fd);
    outside_end();
}
END_TEST

/* ---- the racer ---- */

static void race_vault(void) {
    struct entry d = {.type = ENT_DIR, .mode = 0755, .mtime_s = 5};
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"x", .target_len = 1};
    struct entry pipe = {.type = ENT_FIFO, .mode = 0604};
    char name[32];
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&d, "d");
    for (unsigned i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "d/%02u", i);
        if (i % 10 == 5) add(&ln, name);
        else if (i % 10 == 6) add(&pipe, name);
        else add_small(name, i % 10 > 7 ? EF_HARDLINK : 0, 7, 20);
    }
    for (unsigned i = 0; i < 20; i++) { /* each is looked for from the target on */
        snprintf(name, sizeof name, "d/s%02u", i);
        add(&d, name);
        strcat(name, "/f");
        add_small(name, 0, 0, 30);
    }
    vault_end();
}

/* Until it is killed: now d is a directory, now it is a link to what is outside; the directory is beside it then. */
static _Noreturn void racer(volatile unsigned *swaps) {
    int fd = open(target, O_RDONLY | O_DIRECTORY);
    char text[16];
    for (unsigned away = 0;;) {
        if (readlinkat(fd, "d", text, sizeof text) < 0 && readlinkat(fd, "x", text, sizeof text) < 0) {
            snprintf(text, sizeof text, "y%u", away++); /* the restore has removed the link: now both are directories */
            renameat(fd, "x", fd, text);
            if (symlinkat("../outside", fd, "x") < 0 && errno != EEXIST) _exit(1);
        }
        if (mkdirat(fd, "d", 0755) < 0 && errno != EEXIST) _exit(1);
        *swaps += syscall(SYS_renameat2, fd, "d", fd, "x", RENAME_EXCHANGE) == 0;
    }
}

enum { SWAPS = 20000, ROUNDS = 40 };

static void race(bool by_steps) {
    volatile unsigned *swaps = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned refused = 0, rounds = 0;
    race_vault();
    outside_begin();
    sh("mkdir out && ln -s ../outside out/x");
    tree_by_steps(by_steps);
    pid_t pid = fork();
    if (pid == 0) racer(swaps);
    for (; rounds < ROUNDS || (*swaps < SWAPS && rounds < 50 * ROUNDS); rounds++) {
        (void)!restore_hostile(rounds % 2 ? EXISTING_ALWAYS : EXISTING_IF_DIFFERENT);
        refused += res.missed > 0;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    tree_by_steps(false);
    look(after, sizeof after);
    ck_assert_msg(strcmp(before, after) == 0, "it was\n%.2000s\nand is\n%.2000s", before, after);
    ck_assert_uint_ge(*swaps, SWAPS);
    ck_assert_uint_gt(refused, 0); /* it was met */
    sh("rm -rf out");
    ck_assert_int_eq(restore_hostile(EXISTING_REFUSE), 0);
    is_content("d/s19/f", small, 30);
    outside_end();
}

/* faults: G2 */
START_TEST(a_directory_that_becomes_a_link_under_way_leads_nowhere) { race(false); }
END_TEST

/* faults: G2 */
START_TEST(nor_does_it_on_a_kernel_without_openat2) { race(true); }
END_TEST

int main(void) {
    Suite *suite = suite_create("hostile points");
    TCase *t = tcase_create("hostile points");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_path_that_leads_elsewhere_is_refused, 0, sizeof bad_paths / sizeof *bad_paths);
    tcase_add_loop_test(t, a_size_or_an_extent_that_lies_is_refused, 0, sizeof bad_extents / sizeof *bad_extents);
    tcase_add_loop_test(t, counts_that_lie_take_no_memory, 0, 4);
    tcase_add_test(t, a_file_of_eight_exabytes_ends_in_an_error);
    tcase_add_test(t, what_stands_below_a_file_or_a_link_is_not_restored);
    tcase_add_test(t, names_that_share_a_link_group_and_nothing_else_are_not_linked);
    tcase_add_test(t, a_group_whose_first_name_was_not_restored_costs_the_others);
    tcase_add_test(t, kinds_and_modes_of_all_sorts_come_back_inside);
    tcase_add_test(t, directories_deeper_than_a_path_may_be_come_back);
    tcase_add_test(t, a_directory_that_becomes_a_link_under_way_leads_nowhere);
    tcase_add_test(t, nor_does_it_on_a_kernel_without_openat2);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
