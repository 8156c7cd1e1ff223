/* A restore over what is there already: the same one, cut off before; files that are right; files and directories of
 * another kind, locked, or with names elsewhere. And what a dry run says of all that. */
#include <linux/fs.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "restore_run.h"
#include "suite.h"

static char *in(const char *name) { /* a path below the test's directory */
    static char path[4][256];
    static unsigned at;
    snprintf(path[++at % 4], sizeof path[0], "%s/%s", dir, name);
    return path[at % 4];
}

static void sh(const char *command) {
    char text[512];
    snprintf(text, sizeof text, "cd %s && %s", dir, command);
    ck_assert_msg(system(text) == 0, "%s", text);
}

static unsigned asked, last; /* calls of cancelled; the one that ends the run */
static bool kill_us;

static bool at_last(void *arg) {
    (void)arg;
    if (++asked != last) return false;
    if (kill_us) kill(getpid(), SIGKILL);
    return true;
}

/* Restore, but only up to the ${n}th time that it asks whether to go on. True when it was cut off there. */
static bool cut_after(unsigned n, bool by_kill, enum restore_existing existing) {
    asked = 0, last = n, kill_us = by_kill;
    request.cancelled = at_last;
    int status = 0, rc = 0;
    if (!by_kill) {
        rc = restore(existing, NULL, 0, 0);
        ck_assert(rc == 0 || e.id == ZE_CANCELLED);
    } else {
        pid_t pid = fork();
        if (pid == 0) _exit(restore(existing, NULL, 0, 0) == 0 ? 0 : 1);
        ck_assert(waitpid(pid, &status, 0) == pid);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    request.cancelled = NULL;
    return rc < 0 || WIFSIGNALED(status);
}

static void all_right(void) {
    check_all();
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    ck_assert(stat_of("d").st_mtim.tv_sec == 500 && stat_of("d").st_mtim.tv_nsec == 1);
    ck_assert(stat_of("d/small").st_mtim.tv_sec == 1000 && stat_of("ln").st_mtim.tv_sec == 77);
    ck_assert(!exists(".zaibei-restore"));
    no_leftovers();
}

static void resumes(bool by_kill) {
    unsigned n = 1, with_files = 0;
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    uint64_t all = fetched.segments;
    for (;; n += n < 16 ? 1 : 3) {
        sh("rm -rf out");
        if (!cut_after(n, by_kill, EXISTING_REFUSE)) break;
        ck_assert(exists(".zaibei-restore"));
        if (!by_kill) no_leftovers();
        bool large_there = exists("large");
        ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%u: %s: %s", n, e.object, e.msg);
        ck_assert(res.resumed && res.missed == 0 && res.attributes == 0);
        ck_assert_uint_eq(res.already + res.files + res.others, 10);
        with_files += large_there;
        if (large_there) ck_assert_uint_le(fetched.segments + 3, all); /* its three, at least, were not fetched again */
        sh("find out/sub -name '.zaibei-restore-*' -delete"); /* no agent leaves out the entries of sub and sub/dir */
        all_right();
    }
    ck_assert_uint_gt(n, 10);
    ck_assert_uint_gt(with_files, 0);
}

/* faults: A15 */
START_TEST(a_cancelled_restore_goes_on_where_it_was) { resumes(false); }
END_TEST

/* faults: A15 A16 */
START_TEST(a_killed_restore_goes_on_where_it_was_and_leaves_nothing_behind) { resumes(true); }
END_TEST

START_TEST(temporary_names_of_others_stay) {
    whole_vault();
    ck_assert(cut_after(8, true, EXISTING_REFUSE));
    put_target(".zaibei-restore-0123456789abcdef-1", "somebody's");
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    is_content(".zaibei-restore-0123456789abcdef-1", (const uint8_t *)"somebody's", 10);
    sh("test $(find out -name '.zaibei-restore*' | wc -l) = 1");
}
END_TEST

START_TEST(only_the_same_restore_goes_on) {
    char *paths[] = {(char *)(uintptr_t) "/d"};
    whole_vault();
    ck_assert(cut_after(8, false, EXISTING_REFUSE));
    for (int existing = EXISTING_REFUSE; existing <= EXISTING_ALWAYS; existing++) {
        ck_assert_int_lt(restore((enum restore_existing)existing, paths, 1, 0), 0);
        ck_assert_int_eq(e.id, ZE_RESUMES);
        ck_assert_int_lt(restore((enum restore_existing)existing, NULL, 0, 1), 0);
        ck_assert_int_eq(e.id, ZE_RESUMES);
    }
    sh("sed -i 's/\"point\":1/\"point\":2/' out/.zaibei-restore");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_RESUMES);
    ck_assert_ptr_nonnull(strstr(e.msg, "point 2 of web"));
    sh("rm out/.zaibei-restore");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
    ck_assert(!exists(".zaibei-restore"));
}
END_TEST

START_TEST(a_marker_that_somebody_else_may_have_written_means_nothing) {
    whole_vault();
    ck_assert(cut_after(8, false, EXISTING_REFUSE));
    ck_assert_int_eq(chmod(in("out/.zaibei-restore"), 0622), 0);
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
    sh("mv out/.zaibei-restore m && chmod 600 m && ln -s ../m out/.zaibei-restore");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert(!exists("large"));
}
END_TEST

START_TEST(a_torn_marker_means_that_nothing_had_begun) {
    whole_vault();
    put_target(".zaibei-restore", "{\"about\":\"zaib");
    ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%s", e.msg);
    ck_assert(!res.resumed);
    all_right();
    put_target(".zaibei-restore", "");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
}
END_TEST

START_TEST(two_restores_do_not_work_in_one_target) {
    whole_vault();
    ck_assert(cut_after(8, false, EXISTING_REFUSE));
    int fd = open(in("out/.zaibei-restore"), O_RDONLY);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0); /* the other one */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_BUSY);
    close(fd);
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    all_right();
}
END_TEST

/* Other bytes in d/small, while size, mode and time say nothing of it. */
static void change_unseen(void) {
    struct timespec t[2] = {{.tv_sec = 1000, .tv_nsec = 123456789}, {.tv_sec = 1000, .tv_nsec = 123456789}};
    int fd = open(in("out/d/small"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "XX", 2, 4096), 2);
    ck_assert_int_eq(futimens(fd, t), 0);
    close(fd);
}

START_TEST(after_a_reboot_content_is_compared_not_believed) {
    unsigned n = 1;
    whole_vault();
    for (; !exists("d/small"); n++) {
        sh("rm -rf out");
        ck_assert(cut_after(n, true, EXISTING_REFUSE));
    }
    change_unseen();
    sh("sed 's/\"boot\":\"[^\"]*\"/\"boot\":\"before\"/' out/.zaibei-restore >m && cat m >out/.zaibei-restore");
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.replaced, 1);
    all_right();
}
END_TEST

START_TEST(going_on_never_leaves_what_stood_there_before) {
    whole_vault();
    sh("mkdir -p out/sub && chmod 711 out out/sub && echo mine >out/large && sleep 0.02");
    for (unsigned n = 1; cut_after(n, true, EXISTING_NEVER); n += 3) {
        ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0); /* as the first run was told */
        is_content("large", (const uint8_t *)"mine\n", 5);
        is_content("d/small", small + 100, 4500);
        is_content("sub/dir/deep", small + 1, 1);
        ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750); /* ours */
        ck_assert_uint_eq(stat_of("sub").st_mode, S_IFDIR | 0711);
        ck_assert_uint_eq(stat_of("hard1").st_ino, stat_of("hard2").st_ino);
        ck_assert_uint_eq(res.skipped, 1);
        no_leftovers();
        sh("rm -rf out/d out/hard? out/ln out/pipe out/sub/dir");
    }
}
END_TEST

START_TEST(a_clock_that_was_set_back_meanwhile_costs_nothing) {
    unsigned n = 1;
    whole_vault();
    for (; !exists("large"); n++) {
        sh("rm -rf out");
        ck_assert(cut_after(n, true, EXISTING_REFUSE));
    }
    sh("find out -name '.zaibei-restore-*' -delete; sleep 0.02; cp -p out/.zaibei-restore m && mv m out/.zaibei-restore");
    put_target("d/other", "somebody's");
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_msg(res.resumed && res.missed == 0 && res.replaced == 0, "%s", told);
    ck_assert_int_eq(unlink(in("out/d/other")), 0);
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.already, 10);
    all_right();
}
END_TEST

START_TEST(a_large_file_that_is_right_is_not_fetched) {
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(chmod(in("out/large"), 0644), 0);
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.already, 10);
    ck_assert_uint_eq(res.files, 0);
    ck_assert_uint_lt(fetched.bytes, 4096); /* pages of the manifest, and its own */
    ck_assert_uint_eq(stat_of("large").st_mode, S_IFREG | 0600);
    int fd = open(in("out/large"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "X", 1, 2000000), 1);
    close(fd);
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert(res.already == 9 && res.files == 1 && res.replaced == 1);
    ck_assert_uint_gt(fetched.bytes, 1 << 20);
    all_right();
}
END_TEST

/* faults: G1 */
START_TEST(what_was_written_where_the_point_has_a_hole_goes) {
    static const struct {
        const char *name;
        off_t at;
    } holes[] = {{"d/sparse", 8192}, {"d/hole", 8192}, {"large", 4096}};
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        char path[32];
        snprintf(path, sizeof path, "out/%s", holes[i].name);
        int fd = open(in(path), O_WRONLY);
        ck_assert_int_eq(pwrite(fd, "newer", 5, holes[i].at), 5);
        close(fd);
    }
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.replaced, 3);
    all_right();
}
END_TEST

/* faults: G1 */
START_TEST(a_file_with_a_name_outside_is_replaced_not_changed) {
    struct stat st;
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    sh("chmod 600 out/d/small && ln out/d/small outside && ln out/pipe outpipe && chmod 600 outpipe");
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert(lstat(in("outside"), &st) == 0 && st.st_mode == (S_IFREG | 0600) && st.st_nlink == 1);
    ck_assert(lstat(in("outpipe"), &st) == 0 && st.st_mode == (S_IFIFO | 0600) && st.st_nlink == 1);
    ck_assert_uint_eq(stat_of("d/small").st_mode, S_IFREG | 0640);
    all_right();
}
END_TEST

/* faults: G1 */
START_TEST(extended_attributes_that_the_point_does_not_have_go) {
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    if (setxattr(in("out/d/small"), "user.x", "1", 1, 0) < 0) not_run("no extended attributes here");
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert_int_lt(getxattr(in("out/d/small"), "user.x", NULL, 0), 0);
    ck_assert_uint_eq(res.already, 10);
}
END_TEST

/* faults: G1 */
START_TEST(what_is_of_another_kind_gives_way_unless_it_would_be_lost) {
    whole_vault();
    sh("mkdir -p out/large out/hard1 out/pipe/full elsewhere && echo x >elsewhere/x && ln -s ../elsewhere out/d && "
       "ln -s ../elsewhere/x out/hard2");
    ck_assert_int_eq(restore(EXISTING_ALWAYS, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.missed, 1);
    ck_assert_ptr_nonnull(strstr(told, "pipe: a directory that is not empty"));
    ck_assert(S_ISDIR(stat_of("pipe/full").st_mode) && S_ISDIR(stat_of("d").st_mode));
    is_content("large", large, sizeof large);
    is_content("hard2", small + 7, 20);
    sh("test \"$(cat elsewhere/x)\" = x && test $(ls elsewhere | wc -l) = 1");
    no_leftovers();
}
END_TEST

/* faults: G1 */
START_TEST(without_a_policy_for_it_nothing_gives_way) {
    whole_vault();
    sh("mkdir -p out elsewhere && ln -s ../elsewhere out/d");
    ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.missed, 5); /* d and the four files in it */
    ck_assert(S_ISLNK(stat_of("d").st_mode));
    is_content("large", large, sizeof large);
    sh("test -z \"$(ls elsewhere)\"");
}
END_TEST

static bool set_flags(const char *name, int flags) {
    int fd = open(name, O_RDONLY | O_NONBLOCK), now = 0;
    bool ok = ioctl(fd, FS_IOC_GETFLAGS, &now) == 0;
    now = (now & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | flags;
    ok = ok && ioctl(fd, FS_IOC_SETFLAGS, &now) == 0;
    close(fd);
    return ok;
}

static int flags_of(const char *name) {
    int flags = 0, fd = open(name, O_RDONLY | O_NONBLOCK);
    ck_assert_int_eq(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
    close(fd);
    return flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

/* faults: G1 */
START_TEST(locked_files_and_directories_give_way_and_what_is_outside_stays_locked) {
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    sh("ln out/d/sparse outside && echo other >out/large && rm out/hard1");
    if (!set_flags(in("outside"), FS_IMMUTABLE_FL)) not_run("no immutable files for this user here");
    ck_assert(set_flags(in("out/large"), FS_APPEND_FL) && set_flags(in("out/d/small"), FS_IMMUTABLE_FL));
    ck_assert(set_flags(in("out/d"), FS_IMMUTABLE_FL));
    int always = restore(EXISTING_ALWAYS, NULL, 0, 0);
    bool stays = flags_of(in("outside")) == FS_IMMUTABLE_FL;
    ck_assert(set_flags(in("outside"), 0));
    sh("rm -f outside; chattr -R -ia out 2>/dev/null || true");
    ck_assert_msg(always == 0 && res.missed == 0, "%s%s", e.msg, told);
    ck_assert(stays);
    all_right();
}
END_TEST

/* faults: F8 */
START_TEST(an_immutable_file_with_two_names_comes_back_so) {
    struct extent x = {.len = 20};
    struct entry en = {.type = ENT_FILE,
        .flags = EF_HARDLINK,
        .link_group = 9,
        .size = 20,
        .block_shift = 12,
        .extents = &x,
        .extents_n = 1,
        .has_file_flags = true,
        .file_flags = FS_IMMUTABLE_FL};
    vault_begin();
    content(small, sizeof small, 1);
    x.addr = data_at = put_segment(SEG_PACKED, small, sizeof small);
    digest(&en, small, &x, 1);
    add(&en, "a");
    add(&en, "b");
    vault_end();
    write_file("try", "", 0);
    if (!set_flags(in("try"), FS_IMMUTABLE_FL)) not_run("no immutable files for this user here");
    ck_assert(set_flags(in("try"), 0));
    for (int again = 0; again < 2; again++) {
        int rc = restore(again ? EXISTING_IF_DIFFERENT : EXISTING_REFUSE, NULL, 0, 0);
        int a = flags_of(in("out/a"));
        sh("chattr -i out/a");
        ck_assert_msg(rc == 0 && res.missed == 0, "%s", told);
        ck_assert(a == FS_IMMUTABLE_FL && stat_of("b").st_nlink == 2);
        ck_assert_uint_eq(res.already, again ? 2 : 0);
        if (!again) ck_assert(set_flags(in("out/a"), FS_IMMUTABLE_FL));
    }
}
END_TEST

/* faults: F8 A16 */
START_TEST(a_target_that_is_locked_in_the_end_is_finished_all_the_same) {
    int lock = _i ? FS_APPEND_FL : FS_IMMUTABLE_FL;
    struct entry top = {
        .type = ENT_DIR, .mode = 0751, .mtime_s = 5, .has_file_flags = true, .file_flags = (uint32_t)lock};
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&top, "");
    add_small("f", 0, 0, 9);
    vault_end();
    write_file("try", "", 0);
    if (!set_flags(in("try"), FS_IMMUTABLE_FL)) not_run("no immutable files for this user here");
    ck_assert(set_flags(in("try"), 0));
    for (int again = 0; again < 2; again++) { /* at last after it was killed when the flags stood already */
        int rc = restore(EXISTING_REFUSE, NULL, 0, 0), flags = flags_of(target);
        struct stat st = stat_of("");
        sh("chattr -ia out");
        ck_assert_msg(rc == 0 && res.missed == 0, "%d: %s%s", again, e.msg, told);
        ck_assert(flags == lock && st.st_mtim.tv_sec == 5 && (st.st_mode & 07777) == 0751);
        is_content("f", small, 9);
        ck_assert(!exists(".zaibei-restore"));
        if (again) break;
        sh("rm -r out");
        ck_assert(cut_after(3, true, EXISTING_REFUSE) && exists(".zaibei-restore"));
        sh("rm -f out/f");
        ck_assert(set_flags(target, lock));
    }
}
END_TEST

/* faults: G1 */
START_TEST(a_program_that_runs_is_replaced_beside_itself) {
    whole_vault();
    sh("mkdir out && cp $(command -v sleep) out/large");
    pid_t pid = fork();
    if (pid == 0) {
        execl(in("out/large"), "sleep", "60", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200; i++) { /* until it is busy */
        int fd = open(in("out/large"), O_WRONLY);
        if (fd < 0 && errno == ETXTBSY) break;
        close(fd);
        usleep(5000);
    }
    int rc = restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), still = kill(pid, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert(rc == 0 && still == 0);
    all_right();
}
END_TEST

START_TEST(a_dry_run_says_what_would_be_and_writes_nothing) {
    whole_vault();
    request.dry_run = true;
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert(res.files == 8 && res.dirs == 1 && res.others == 2 && res.already == 0 && res.missed == 0);
    ck_assert_int_ne(access(target, F_OK), 0);
    sh("mkdir -p out/large out/hard1/full && touch out/d out/pipe");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
    ck_assert_int_eq(restore(EXISTING_ALWAYS, NULL, 0, 0), 0);
    ck_assert_msg(
        res.files == 7 && res.others == 2 && res.missed == 1 && res.replaced == 3 && res.kinds == 3, "%s", told);
    ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
    ck_assert_msg(res.skipped == 3 && res.missed == 1, "%s", told); /* d is in the way */
    sh("test \"$(find out | sort | tr '\\n' ' ')\" = 'out out/d out/hard1 out/hard1/full out/large out/pipe '");
    sh("rm -r out");
    request.dry_run = false;
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    request.dry_run = true;
    ck_assert_int_eq(chmod(in("out/large"), 0777), 0);
    ck_assert_int_eq(restore(EXISTING_IF_DIFFERENT, NULL, 0, 0), 0);
    ck_assert(res.already == 10 && res.files == 0 && res.others == 0);
    ck_assert_uint_eq(stat_of("large").st_mode, S_IFREG | 0777);
}
END_TEST

static void other_user(void) {
    struct xattr x[2] = {{(const uint8_t *)"security.capability", (const uint8_t *)"x", 19, 1},
        {(const uint8_t *)"trusted.t", (const uint8_t *)"x", 9, 1}};
    struct entry dev = {.type = ENT_CHAR, .mode = 0600, .dev_major = 1, .dev_minor = 3, .uid = 7};
    struct entry pipe = {.type = ENT_FIFO, .mode = 04755, .uid = 7, .gid = 7};
    struct entry more = {.type = ENT_DIR, .mode = 0500, .uid = 7, .xattrs = x, .xattrs_n = 2};
    add(&dev, "dev");
    add(&more, "more");
    add_small("more/f", 0, 0, 9);
    add(&pipe, "pipe");
}

/* faults: G7 */
START_TEST(an_ordinary_user_gets_what_is_possible_and_a_list_of_the_rest) {
    static const uint64_t want[LACKS] = {[0] = 3, [3] = 1, [4] = 1, [8] = 1};
    if (geteuid() != 0) not_run("it needs root to become another user");
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    other_user();
    vault_end();
    ck_assert_int_eq(chown(dir, 65534, 65534), 0);
    sh("chown -R 65534:65534 .");
    pid_t pid = fork();
    if (pid == 0) {
        bool ok = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
        for (int dry = 1; ok && dry >= 0; dry--) {
            request.dry_run = dry;
            ok = restore(EXISTING_REFUSE, NULL, 0, 0) == 0 && res.missed == 1 && res.attributes == 3 &&
                memcmp(res.lacks, want, sizeof want) == 0;
        }
        if (!ok) fprintf(stderr, "%d: %s%s", request.dry_run, e.msg, told);
        _exit(ok ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
    ck_assert_uint_eq(stat_of("pipe").st_mode, S_IFIFO | 0755); /* nobody's set-user-id */
    ck_assert_uint_eq(stat_of("more").st_mode, S_IFDIR | 0500);
    is_content("more/f", small, 9);
    ck_assert(!exists("dev"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("restore again");
    TCase *t = tcase_create("restore again");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_cancelled_restore_goes_on_where_it_was);
    tcase_add_test(t, a_killed_restore_goes_on_where_it_was_and_leaves_nothing_behind);
    tcase_add_test(t, temporary_names_of_others_stay);
    tcase_add_test(t, only_the_same_restore_goes_on);
    tcase_add_test(t, a_marker_that_somebody_else_may_have_written_means_nothing);
    tcase_add_test(t, a_torn_marker_means_that_nothing_had_begun);
    tcase_add_test(t, two_restores_do_not_work_in_one_target);
    tcase_add_test(t, after_a_reboot_content_is_compared_not_believed);
    tcase_add_test(t, going_on_never_leaves_what_stood_there_before);
    tcase_add_test(t, a_clock_that_was_set_back_meanwhile_costs_nothing);
    tcase_add_test(t, a_large_file_that_is_right_is_not_fetched);
    tcase_add_test(t, what_was_written_where_the_point_has_a_hole_goes);
    tcase_add_test(t, a_file_with_a_name_outside_is_replaced_not_changed);
    tcase_add_test(t, what_is_of_another_kind_gives_way_unless_it_would_be_lost);
    tcase_add_test(t, without_a_policy_for_it_nothing_gives_way);
    tcase_add_test(t, a_program_that_runs_is_replaced_beside_itself);
    tcase_add_test(t, a_dry_run_says_what_would_be_and_writes_nothing);
    tcase_add_test(t, an_ordinary_user_gets_what_is_possible_and_a_list_of_the_rest);
    suite_add_tcase(suite, t);
    t = tcase_create("on a disk");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup_disk, teardown);
    tcase_add_test(t, extended_attributes_that_the_point_does_not_have_go);
    tcase_add_test(t, locked_files_and_directories_give_way_and_what_is_outside_stays_locked);
    tcase_add_loop_test(t, a_target_that_is_locked_in_the_end_is_finished_all_the_same, 0, 2);
    tcase_add_test(t, an_immutable_file_with_two_names_comes_back_so);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
