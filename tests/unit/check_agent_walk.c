/* The walk: every path once, in the order of the manifest, and whatever cannot be looked at is told and not the end. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attrs.h"
#include "walk.h"
#include "wire/manifest.h"
#include "suite.h"

/* ---- a file system that says what it should not ---- */

static bool twice; /* every name of the next directory comes again */
static const char *target; /* what links hold */
static size_t target_len;

ssize_t getdents64(int fd, void *p, size_t n) {
    ssize_t got = syscall(SYS_getdents64, fd, p, n);
    if (got || !twice) return got;
    twice = false;
    lseek(fd, 0, SEEK_SET);
    return syscall(SYS_getdents64, fd, p, n);
}

ssize_t readlinkat(int dirfd, const char *path, char *p, size_t n) {
    if (!target) return syscall(SYS_readlinkat, dirfd, path, p, n);
    memset(p, 'x', n);
    memcpy(p, target, target_len < n ? target_len : n);
    return target_len < n ? (ssize_t)target_len : (ssize_t)n;
}

static char dir[64];
static char told[256 << 10]; /* one line for each step: a letter and the path below `dir` */

static void setup(void) {
    strcpy(dir, "/tmp/zbwalkXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_int_eq(chdir(dir), 0);
}

static void teardown(void) {
    char cmd[160];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(cmd, sizeof cmd, "chmod -R u+rwx %s; rm -rf %s", dir, dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void shell(const char *cmd) { ck_assert_msg(system(cmd) == 0, "%s", cmd); }

static struct walk *begin(const char *const *paths, const struct dev_ino *skip, size_t skip_n) {
    struct err e = ERR_INIT;
    size_t n = 0;
    while (paths[n]) n++;
    struct walk *w = walk_new((char *const *)(uintptr_t)paths, n, skip, skip_n, NULL, &e);
    ck_assert_msg(w != NULL, "%s", e.msg);
    return w;
}

/* Walk to the end. D and F: entries; A: ancestor; P: problem; S: skipped. What is above `dir` is left out. */
static void run(struct walk *w) {
    size_t at = 0, cut = strlen(dir); /* dir without the leading slash, and a slash */
    struct err e = ERR_INIT;
    struct walk_item item;
    struct buf last;
    int rc;
    buf_init(&last, 1 << 20);
    told[0] = 0;
    for (int n = 0; (rc = walk_next(w, &item, &e)) > 0; n++) {
        bool below = item.path_len > cut && memcmp(item.path, dir + 1, cut - 1) == 0;
        char c = rc == WALK_PROBLEM    ? 'P'
            : rc == WALK_SKIPPED       ? 'S'
            : item.ancestor            ? 'A'
            : S_ISDIR(item.st.st_mode) ? 'D'
                                       : 'F';
        if (rc != WALK_PROBLEM) {
            ck_assert(!n || path_cmp(last.p, last.len, item.path, item.path_len) < 0);
            buf_reset(&last);
            buf_put(&last, item.path, item.path_len);
        }
        if (!below || item.path_len > 300) continue;
        at +=
            (size_t)snprintf(told + at, sizeof told - at, "%c %.*s\n", c, (int)(item.path_len - cut), item.path + cut);
        ck_assert_uint_lt(at, sizeof told);
    }
    ck_assert_int_eq(rc, WALK_END);
    buf_free(&last);
    walk_free(w);
}

static const char *const here[] = {".", NULL};

START_TEST(a_directory_is_followed_by_what_is_below_it_before_names_that_sort_close_to_it) {
    shell("mkdir a a.b; touch a/b a-b 'a!' a0 a.b/c");
    run(begin(here, NULL, 0));
    ck_assert_str_eq(told, "D a\nF a/b\nF a!\nF a-b\nD a.b\nF a.b/c\nF a0\n");
}
END_TEST

START_TEST(several_paths_make_one_walk_and_their_ancestors_come_once) {
    static const char *const paths[] = {"x/z/2", "x/y/1", "w", "x/y/3/", NULL};
    shell("mkdir -p x/y/3/in x/z w; touch x/y/1 x/y/2 x/z/2 w/f");
    run(begin(paths, NULL, 0));
    ck_assert_str_eq(told, "D w\nF w/f\nA x\nA x/y\nF x/y/1\nD x/y/3\nD x/y/3/in\nA x/z\nF x/z/2\n");
}
END_TEST

START_TEST(a_path_below_another_one_is_walked_once) {
    static const char *const paths[] = {"a/b", "a", "a", "a-b", "./a/b/../b/c", NULL};
    shell("mkdir -p a/b/c a-b");
    struct walk *w = begin(paths, NULL, 0);
    size_t n;
    char *const *roots = walk_paths(w, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(strrchr(roots[0], '/'), "/a");
    ck_assert_str_eq(strrchr(roots[1], '/'), "/a-b");
    run(w);
    ck_assert_str_eq(told, "D a\nD a/b\nD a/b/c\nD a-b\n");
}
END_TEST

/* faults: F5 */
START_TEST(a_symbolic_link_is_not_followed_but_its_parents_are) {
    static const char *const paths[] = {"link", "way/inner", NULL};
    shell("mkdir -p real/inner; touch real/inner/f; ln -s real link; ln -s real way");
    run(begin(paths, NULL, 0));
    ck_assert_str_eq(told, "F link\nA real\nD real/inner\nF real/inner/f\n");
}
END_TEST

START_TEST(what_is_to_be_skipped_is_told_and_not_entered) {
    shell("mkdir -p a/state b; touch a/state/secret b/f");
    struct stat st;
    ck_assert_int_eq(stat("a/state", &st), 0);
    struct dev_ino skip = {st.st_dev, st.st_ino};
    run(begin(here, &skip, 1));
    ck_assert_str_eq(told, "D a\nD a/state\nD b\nF b/f\n");
}
END_TEST

START_TEST(an_absent_path_is_named) {
    char absent[] = "absent", *const paths[] = {absent, NULL};
    struct err e = ERR_INIT;
    ck_assert_ptr_null(walk_new(paths, 1, NULL, 0, NULL, &e));
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
    ck_assert_str_eq(e.object, "absent");
}
END_TEST

/* faults: F12 */
START_TEST(a_directory_that_may_not_be_read_is_in_the_walk_and_a_problem) {
    shell("mkdir -p a/closed b; touch a/closed/f b/f; chmod 0 a/closed");
    bool root = geteuid() == 0;
    if (root) ck_assert_int_eq(setresuid(65534, 65534, 0), 0);
    run(begin(here, NULL, 0));
    ck_assert_str_eq(told, "D a\nD a/closed\nP a/closed\nD b\nF b/f\n");
    if (root) ck_assert_int_eq(setresuid(0, 0, 0), 0);
}
END_TEST

/* faults: F14 */
START_TEST(a_mount_point_is_only_entered_when_it_is_named_even_below_another_path) {
    static const char *const paths[] = {".", "m", "n/deep/er", NULL};
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        not_run("no mounts for this user");
    shell("mkdir m n o; for d in m n o; do mount -t tmpfs none $d; mkdir -p $d/deep/er; touch $d/f $d/deep/er/g; done");
    run(begin(paths, NULL, 0));
    ck_assert_str_eq(told,
        "D m\nD m/deep\nD m/deep/er\nF m/deep/er/g\nF m/f\n"
        "D n\nA n/deep\nD n/deep/er\nF n/deep/er/g\n"
        "D o\n");
    shell("umount m n o");
}
END_TEST

/* faults: F3 */
START_TEST(a_tree_deeper_than_descriptors_or_paths_last_is_told_and_does_not_end_the_walk) {
    struct rlimit rl;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
    rl.rlim_max = rl.rlim_max < 1024 ? rl.rlim_max : 1024;
    rl.rlim_cur = rl.rlim_cur < rl.rlim_max ? rl.rlim_cur : rl.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
    ck_assert_int_eq(mkdir("deep", 0755), 0);
    ck_assert_int_eq(chdir("deep"), 0);
    for (int i = 0; i < 1500; i++) {
        ck_assert_int_eq(mkdir("d", 0755), 0);
        ck_assert_int_eq(chdir("d"), 0);
    }
    ck_assert_int_eq(chdir(dir), 0);
    shell("touch last");
    struct walk *w = begin(here, NULL, 0);
    struct walk_item item;
    struct err e = ERR_INIT;
    bool problem = false, last = false;
    for (int rc; (rc = walk_next(w, &item, &e)) > 0;) {
        if (rc == WALK_PROBLEM) problem = item.path_len > 1500;
        if (rc == WALK_ITEM && item.path_len > 5 && memcmp(item.path + item.path_len - 5, "/last", 5) == 0) last = true;
    }
    ck_assert(problem);
    ck_assert(last);
    walk_free(w);
}
END_TEST

/* faults: F11 */
START_TEST(a_name_that_a_directory_tells_twice_is_walked_once) {
    shell("touch b a c");
    twice = true;
    run(begin(here, NULL, 0));
    ck_assert(!twice);
    ck_assert_str_eq(told, "F a\nF b\nF c\n");
}
END_TEST

/* faults: F11 */
START_TEST(what_no_file_has_is_not_taken_over) {
    static const char nul[] = "a\0b";
    static char longest[8192];
    struct attrs a;
    struct entry en;
    struct err e = ERR_INIT;
    struct stat st = {.st_mode = S_IFLNK, .st_mtim.tv_nsec = 1000000000, .st_ctim.tv_nsec = -1};
    struct walk_item item = {.name = "link", .dirfd = AT_FDCWD};
    shell("ln -s somewhere link");
    ck_assert_int_eq(attrs_init(&a, &e), 0);
    attrs_stat(&en, (const uint8_t *)"link", 4, &st);
    ck_assert(en.mtime_ns == 999999999 && en.ctime_ns == 999999999);
    const struct { const char *p; size_t n; int rc; } links[] = {{"", 0, 1}, {nul, 3, 1}, {longest, 8192, 1}, {"ok", 2, 0}};
    memset(longest, 'y', sizeof longest);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        target = links[i].p, target_len = links[i].n;
        ck_assert_int_eq(attrs_read(&a, &item, -1, &en, &e), links[i].rc);
        ck_assert_uint_eq(en.target_len, links[i].rc ? 0 : links[i].n);
    }
    target = NULL;
    attrs_free(&a);
}
END_TEST

int main(void) {
    Suite *s = suite_create("walk");
    TCase *t = tcase_create("walk");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_directory_is_followed_by_what_is_below_it_before_names_that_sort_close_to_it);
    tcase_add_test(t, several_paths_make_one_walk_and_their_ancestors_come_once);
    tcase_add_test(t, a_path_below_another_one_is_walked_once);
    tcase_add_test(t, a_symbolic_link_is_not_followed_but_its_parents_are);
    tcase_add_test(t, what_is_to_be_skipped_is_told_and_not_entered);
    tcase_add_test(t, an_absent_path_is_named);
    tcase_add_test(t, a_directory_that_may_not_be_read_is_in_the_walk_and_a_problem);
    tcase_add_test(t, a_mount_point_is_only_entered_when_it_is_named_even_below_another_path);
    tcase_add_test(t, a_tree_deeper_than_descriptors_or_paths_last_is_told_and_does_not_end_the_walk);
    tcase_add_test(t, a_name_that_a_directory_tells_twice_is_walked_once);
    tcase_add_test(t, what_no_file_has_is_not_taken_over);
    suite_add_tcase(s, t);
    return suite_run(s);
}
