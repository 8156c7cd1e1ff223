/* What disks do to a restore, and what is done on them meanwhile: several file systems below one target, one that loses what it
 * was given, what a killed run has left, and a temporary file that somebody exchanges. */
#include <dirent.h>
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "restore_run.h"
#include "suite.h"

/* ---- syncfs, as the restore sees it ---- */

static dev_t synced[16];
static unsigned synced_n;
static bool losing;

int syncfs(int fd) {
    struct stat st;
    if (fstat(fd, &st) == 0 && synced_n < 16) synced[synced_n++] = st.st_dev;
    if (!losing) return (int)syscall(SYS_syncfs, fd);
    errno = EIO;
    return -1;
}

static bool was_synced(dev_t dev) {
    for (unsigned i = 0; i < synced_n; i++)
        if (synced[i] == dev) return true;
    return false;
}

/* ---- close, of a file of this size that has no name yet ---- */

static off_t unwilling;

int close(int fd) {
    char path[32], name[512] = "";
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool fails = unwilling && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == unwilling &&
        readlink(path, name, sizeof name - 1) > 0 && strstr(name, "/.zaibei-restore-");
    int rc = (int)syscall(SYS_close, fd);
    if (!fails) return rc;
    errno = EIO;
    return -1;
}

/* ---- links that become something else, or somebody else's, once they are made ---- */

static bool exchanging, squashing;

int symlinkat(const char *to, int at, const char *name) {
    char secret[128];
    int rc = (int)syscall(SYS_symlinkat, to, at, name);
    snprintf(secret, sizeof secret, "%s/secret", dir);
    if (rc == 0 && exchanging) rc = renameat(AT_FDCWD, secret, at, name);
    return rc;
}

int fstat(int fd, struct stat *st) {
    int rc = fstatat(fd, "", st, AT_EMPTY_PATH);
    if (rc == 0 && squashing) st->st_uid = st->st_gid = 65534; /* a server that takes root for nobody */
    return rc;
}

/* ---- a file system without hard links, that renames over everything ---- */

static bool plain_fs;

int linkat(int from, const char *old, int to, const char *name, int flags) {
    if (!plain_fs) return (int)syscall(SYS_linkat, from, old, to, name, flags);
    errno = EPERM;
    return -1;
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    long a[6];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(ap, long);
    va_end(ap);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (!plain_fs || number != SYS_renameat2) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    errno = EINVAL;
    return -1;
}

static void sh(const char *command) {
    char text[512];
    snprintf(text, sizeof text, "cd %s && %s", dir, command);
    ck_assert_msg(system(text) == 0, "%s", text);
}

/* 0: both were synced; 77: it may not mount. */
static int over_two(void) {
    char mount_at[128];
    snprintf(mount_at, sizeof mount_at, "%s/d", target);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 77;
    if (mount("tmpfs", mount_at, "tmpfs", 0, "size=16m") < 0) return 77;
    if (restore(EXISTING_ALWAYS, NULL, 0, 0) != 0 || res.missed) return 1;
    struct stat top = stat_of("large"), below = stat_of("d/small");
    return top.st_dev != below.st_dev && was_synced(top.st_dev) && was_synced(below.st_dev) ? 0 : 2;
}

/* faults: A15 */
START_TEST(each_file_system_below_the_target_is_made_durable) {
    int status;
    whole_vault();
    sh("mkdir -p out/d");
    pid_t pid = fork();
    if (pid == 0) _exit(over_two());
    ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) not_run("this user may not mount");
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* Other bytes in a file, while size, mode and time say nothing of it: what a disk has lost. */
static void lose(const char *name) {
    char path[256];
    struct stat st = stat_of(name);
    struct timespec t[2] = {st.st_atim, st.st_mtim};
    snprintf(path, sizeof path, "%s/%s", target, name);
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "XX", 2, 4096), 2);
    ck_assert_int_eq(futimens(fd, t), 0);
    close(fd);
}

/* faults: B7 B8 */
START_TEST(after_a_disk_has_refused_something_the_next_run_believes_nothing) {
    whole_vault();
    losing = true;
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_IO);
    losing = false;
    lose("d/small");
    lose("large");
    ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%s", e.msg);
    ck_assert(res.resumed);
    ck_assert_uint_eq(res.replaced, 2);
    ck_assert_uint_eq(res.already, 8);
    check_all();
    ck_assert(!exists(".zaibei-restore"));
    no_leftovers();
}
END_TEST

/* The n-th time it is asked whether to go on the process dies. */
static unsigned asked, last;

static bool die_at_last(void *arg) {
    (void)arg;
    if (++asked == last) kill(getpid(), SIGKILL);
    return false;
}

static bool left_in(const char *name) {
    char command[256];
    snprintf(command, sizeof command, "find %s/%s -name '.zaibei-restore-*' | grep -q .", target, name);
    return system(command) == 0;
}

/* faults: A15 */
START_TEST(what_a_killed_run_left_in_directories_of_others_goes_too) {
    int status = 0;
    unsigned met = 0;
    whole_vault();
    request.cancelled = die_at_last;
    for (last = 1; WIFSIGNALED(status) || last == 1; last++) {
        sh("rm -rf out && mkdir -p out/d && sleep 0.02");
        asked = 0;
        pid_t pid = fork();
        if (pid == 0) _exit(restore(EXISTING_NEVER, NULL, 0, 0) == 0 ? 0 : 1);
        ck_assert(waitpid(pid, &status, 0) == pid);
        if (!left_in("d")) continue;
        met++, asked = last;
        ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
        ck_assert(res.resumed && !left_in("d"));
        check_all();
    }
    ck_assert_uint_gt(met, 0);
}
END_TEST

/* A piece that a worker writes, then a hole to the end. */
static void long_tail_vault(void) {
    static uint8_t p[64 << 10];
    struct extent x[2] = {{.len = sizeof p}, {.len = (8 << 20) - sizeof p, .hole = true}};
    struct entry en = {.type = ENT_FILE, .size = 8 << 20, .block_shift = 12, .extents = x, .extents_n = 2};
    uint8_t *all = calloc(1, 8 << 20);
    vault_begin();
    content(p, sizeof p, 3);
    memcpy(all, p, sizeof p);
    x[0].addr = put_segment(SEG_FILE, p, sizeof p);
    digest(&en, all, x, 2);
    add(&en, "f");
    vault_end();
    free(all);
}

/* faults: B3 G6 */
START_TEST(a_file_that_cannot_be_as_long_as_it_was_is_not_given_its_name) {
    int status;
    long_tail_vault();
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
        _exit(restore(EXISTING_REFUSE, NULL, 0, 0) == 0 && res.missed == 1 && !exists("f") ? 0 : 1);
    }
    ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    no_leftovers();
}
END_TEST

START_TEST(files_come_back_where_there_are_no_hard_links_and_nothing_gives_way_that_should_not) {
    whole_vault();
    sh("mkdir out && echo mine >out/large");
    plain_fs = true;
    int rc = restore(EXISTING_NEVER, NULL, 0, 0);
    plain_fs = false;
    ck_assert_msg(rc == 0, "%s", e.msg);
    ck_assert_msg(res.missed == 1 && strstr(told, "hard2: linking"), "%s", told);
    is_content("large", (const uint8_t *)"mine\n", 5);
    is_content("d/small", small + 100, 4500);
    is_content("hard1", small + 7, 20);
    no_leftovers();
}
END_TEST

/* faults: G3 */
START_TEST(a_directory_with_the_name_of_the_marker_moves_no_others) {
    struct entry d = {.type = ENT_DIR, .mode = 0751, .mtime_s = 5};
    if (geteuid() != 0) d.uid = geteuid(), d.gid = getegid();
    vault_begin();
    add(&d, ".zaibei-restore");
    add(&d, "a");
    add(&d, "b");
    vault_end();
    sh("mkdir -p out/a && chmod 700 out/a");
    ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.missed, 1);
    ck_assert_uint_eq(stat_of("a").st_mode, S_IFDIR | 0700);
    ck_assert_uint_eq(stat_of("b").st_mode, S_IFDIR | 0751);
}
END_TEST

enum { FILES = 70, PIECES = 12, PIECE = 20 };

/* So many files at once that some have to be opened again, since all have a piece of each segment. */
static void woven_vault(void) {
    struct extent x[PIECES];
    struct entry d = {.type = ENT_DIR, .mode = 0755, .mtime_s = 5};
    vault_begin();
    content(small, sizeof small, 1);
    for (uint32_t i = 0; i < PIECES; i++)
        x[i] = (struct extent){.len = PIECE, .offset = i * PIECE, .addr = put_segment(SEG_PACKED, small, sizeof small - i)};
    add(&d, "d");
    for (unsigned i = 0; i < FILES; i++) {
        char name[16];
        struct entry en = {.type = ENT_FILE, .size = PIECES * PIECE, .block_shift = 12, .extents = x, .extents_n = PIECES};
        snprintf(name, sizeof name, "d/%02u", i);
        digest(&en, small, x, PIECES);
        add(&en, name);
    }
    vault_end();
}

static unsigned exchanged;

/* Once all of them are begun, the one that was begun first becomes one more name of a file outside. */
static bool exchange(void *arg) {
    char path[128], first[64] = "", was[64];
    size_t n = 0;
    (void)arg;
    snprintf(path, sizeof path, "%s/d", target);
    DIR *d = exchanged ? NULL : opendir(path);
    for (struct dirent *it; d && (it = readdir(d));) {
        if (strncmp(it->d_name, ".zaibei-restore-", 16) != 0) continue;
        snprintf(was, sizeof was, "%.63s", it->d_name);
        size_t a = strlen(first), b = strlen(was);
        if (!n++ || b < a || (a == b && strcmp(was, first) < 0)) memcpy(first, was, sizeof first);
    }
    if (n == FILES) {
        char outside[128];
        snprintf(outside, sizeof outside, "%s/outside", dir);
        exchanged += unlinkat(dirfd(d), first, 0) == 0 && linkat(AT_FDCWD, outside, dirfd(d), first, 0) == 0;
    }
    if (d) closedir(d);
    return false;
}

/* faults: G2 */
START_TEST(a_temporary_file_that_is_exchanged_is_not_written_to) {
    woven_vault();
    exchanged = 0;
    sh("echo outside >outside && chmod 604 outside");
    request.cancelled = exchange;
    ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%s", e.msg);
    ck_assert_uint_eq(exchanged, 1);
    ck_assert_msg(res.missed == 1 && strstr(told, "exchanged"), "%s", told);
    sh("test \"$(cat outside)\" = outside && test $(stat -c %a outside) = 604 && test $(ls out/d | wc -l) = 69");
    is_content("d/69", small, PIECES * PIECE);
}
END_TEST

/* Once the directory is there, somebody makes a file in it. */
static bool come_between(void *arg) {
    (void)arg;
    if (exists("d") && !exists("d/small")) put_target("d/small", "mine");
    return false;
}

/* faults: G1 */
START_TEST(what_comes_into_the_target_meanwhile_stays) {
    whole_vault();
    request.cancelled = come_between;
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_msg(res.missed == 1 && strstr(told, "d/small: something has this name already"), "%s", told);
    is_content("d/small", (const uint8_t *)"mine", 4);
    is_content("hard1", small + 7, 20);
    no_leftovers();
}
END_TEST

/* faults: B6 */
START_TEST(a_file_whose_bytes_are_refused_at_the_end_is_not_given_its_name) {
    static const struct {
        const char *name;
        off_t size;
    } one[] = {{"d/small", 4500}, {"d/sparse", sizeof sparse}, {"large", sizeof large}};
    whole_vault();
    unwilling = one[_i].size;
    int rc = restore(EXISTING_REFUSE, NULL, 0, 0);
    unwilling = 0;
    ck_assert_msg(rc == 0, "%s", e.msg);
    ck_assert_msg(res.missed == 1 && strncmp(told, one[_i].name, strlen(one[_i].name)) == 0, "%s", told);
    ck_assert(!exists(one[_i].name));
    no_leftovers();
}
END_TEST

static void link_vault(void) {
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .mtime_s = 77, .target = (const uint8_t *)"to", .target_len = 2};
    ln.uid = 7;
    vault_begin();
    add(&ln, "ln");
    vault_end();
}

/* faults: G2 */
START_TEST(a_file_in_the_place_of_a_link_that_was_made_is_not_given_away) {
    struct stat st;
    char secret[128];
    link_vault();
    snprintf(secret, sizeof secret, "%s/secret", dir);
    sh("echo secret >secret && chmod 600 secret");
    exchanging = true;
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    exchanging = false;
    ck_assert_msg(res.missed == 1 && res.others == 0 && strstr(told, "exchanged"), "%s", told);
    if (lstat(secret, &st) == 0) ck_assert_uint_eq(st.st_uid, geteuid());
    ck_assert(!exists("ln"));
}
END_TEST

START_TEST(it_all_comes_back_and_goes_on_where_root_is_nobody) {
    if (geteuid() == 65534) not_run("this user is nobody");
    whole_vault();
    squashing = losing = true;
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_msg(e.id == ZE_IO && exists(".zaibei-restore"), "%s", e.msg);
    losing = false;
    int rc = restore(EXISTING_REFUSE, NULL, 0, 0);
    squashing = false;
    ck_assert_msg(rc == 0 && res.resumed && res.missed == 0, "%s%s", e.msg, told);
    check_all();
    no_leftovers();
    put_target(".zaibei-restore", "{}");
    if (geteuid() != 0) return;
    char marker[128];
    snprintf(marker, sizeof marker, "%s/.zaibei-restore", target);
    ck_assert_int_eq(chown(marker, 7, 7), 0);
    ck_assert_int_lt(restore(EXISTING_ALWAYS, NULL, 0, 0), 0); /* somebody else's */
    ck_assert_int_eq(e.id, ZE_TARGET);
}
END_TEST

enum { MANY = 200 };

/* faults: G7 */
START_TEST(each_of_many_files_that_lack_something_is_told_once) {
    struct entry d = {.type = ENT_DIR, .mode = 0755};
    int status;
    if (geteuid() != 0) not_run("it needs root to become another user");
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    d.uid = d.gid = 65534;
    add(&d, "d");
    for (unsigned i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "d/%03u", i);
        add_small(name, 0, i, 20);
    }
    vault_end();
    sh("chown -R 65534:65534 .");
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0 &&
            restore(EXISTING_REFUSE, NULL, 0, 0) == 0 && res.missed == 0 && res.files == MANY && res.attributes == MANY;
        if (!ok) fprintf(stderr, "%d files, %d lack something: %s%.200s", (int)res.files, (int)res.attributes, e.msg, told);
        _exit(ok ? 0 : 1);
    }
    ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
    is_content("d/199", small + 199, 20);
    no_leftovers();
}
END_TEST

/* faults: B10 */
START_TEST(a_small_file_that_is_not_what_its_digest_says_is_not_given_its_name) {
    struct extent x = {.len = 30};
    struct entry en = {.type = ENT_FILE, .size = 30, .block_shift = 12, .extents = &x, .extents_n = 1};
    vault_begin();
    content(small, sizeof small, 1);
    x.addr = data_at = put_segment(SEG_PACKED, small, sizeof small);
    digest(&en, small, &x, 1);
    add(&en, "a");
    en.digest[5] ^= 1;
    add(&en, "b");
    vault_end();
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_str_eq(e.object, "b");
    ck_assert(res.missed == 1 && !exists("b"));
    is_content("a", small, 30);
    no_leftovers();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("restores and disks");
    TCase *t = tcase_create("restores and disks");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_file_system_below_the_target_is_made_durable);
    tcase_add_test(t, after_a_disk_has_refused_something_the_next_run_believes_nothing);
    tcase_add_test(t, what_a_killed_run_left_in_directories_of_others_goes_too);
    tcase_add_test(t, a_file_that_cannot_be_as_long_as_it_was_is_not_given_its_name);
    tcase_add_test(t, files_come_back_where_there_are_no_hard_links_and_nothing_gives_way_that_should_not);
    tcase_add_test(t, a_directory_with_the_name_of_the_marker_moves_no_others);
    tcase_add_test(t, a_temporary_file_that_is_exchanged_is_not_written_to);
    tcase_add_test(t, what_comes_into_the_target_meanwhile_stays);
    tcase_add_test(t, each_of_many_files_that_lack_something_is_told_once);
    tcase_add_test(t, a_small_file_that_is_not_what_its_digest_says_is_not_given_its_name);
    tcase_add_loop_test(t, a_file_whose_bytes_are_refused_at_the_end_is_not_given_its_name, 0, 3);
    tcase_add_test(t, a_file_in_the_place_of_a_link_that_was_made_is_not_given_away);
    tcase_add_test(t, it_all_comes_back_and_goes_on_where_root_is_nobody);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
