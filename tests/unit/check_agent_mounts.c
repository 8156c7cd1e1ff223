/* What is mounted, and what a walk makes of it: file systems by kind, loops, and mounts whose server may be silent. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "mounts.h"
#include "walk.h"
#include "suite.h"

static char dir[64];

static void setup(void) {
    strcpy(dir, "/tmp/zbmountsXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
}

static void teardown(void) {
    char cmd[160];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void shell(const char *cmd) { ck_assert_msg(system(cmd) == 0, "%s", cmd); }

START_TEST(a_file_system_is_judged_by_its_type_and_place) {
    static const struct {
        const char *type, *source, *point;
        enum mount_kind kind;
    } rows[] = {
        {"ext4", "/dev/vda1", "/", MOUNT_LOCAL},
        {"btrfs", "none", "/srv", MOUNT_LOCAL},
        {"tmpfs", "tmpfs", "/tmp", MOUNT_LOCAL},
        {"tmpfs", "tmpfs", "/run", MOUNT_MEMORY},
        {"tmpfs", "tmpfs", "/run/user/0", MOUNT_MEMORY},
        {"tmpfs", "tmpfs", "/dev/shm", MOUNT_MEMORY},
        {"tmpfs", "tmpfs", "/running", MOUNT_LOCAL},
        {"devtmpfs", "udev", "/srv/jail/dev", MOUNT_MEMORY},
        {"proc", "proc", "/proc", MOUNT_PSEUDO},
        {"cgroup2", "cgroup2", "/sys/fs/cgroup", MOUNT_PSEUDO},
        {"fuse.lxcfs", "lxcfs", "/var/lib/lxcfs", MOUNT_PSEUDO},
        {"autofs", "systemd-1", "/misc", MOUNT_AUTOMOUNT},
        {"nfs4", "server:/export", "/nfs", MOUNT_FOREIGN},
        {"nfs", "/10.0.0.1:/export", "/nfs", MOUNT_FOREIGN},
        {"cifs", "//server/share", "/smb", MOUNT_FOREIGN},
        {"fuse.sshfs", "me@host:/", "/ssh", MOUNT_FOREIGN},
        {"fuseblk", "/dev/sdb1", "/usb", MOUNT_FOREIGN},
        {"9p", "share", "/host", MOUNT_FOREIGN},
        {"ceph", "10.0.0.1:6789:/", "/ceph", MOUNT_FOREIGN},
        {"of-tomorrow", "somewhere", "/x", MOUNT_FOREIGN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(mount_kind_of(rows[i].type, rows[i].source, rows[i].point) == rows[i].kind, "%s at %s", rows[i].type,
            rows[i].point);
}
END_TEST

static const struct mount *over(const struct mounts *m, const char *path) {
    return mounts_over(m, (const uint8_t *)path, strlen(path));
}

START_TEST(the_kernels_list_is_read_with_its_escapes_and_lines_that_make_no_sense_are_passed_over) {
    struct mounts m;
    struct err e = ERR_INIT;
    FILE *f = fopen("mountinfo", "w");
    fputs("22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
          "nonsense\n\n23 22 0:21 / \n - - -\n24 22 x:y / /bad rw - ext4 /dev/vdb rw\n"
          "30 22 0:40 / /mnt/with\\040space\\134 rw shared:5 master:1 - nfs4 server:/a\\040b rw\n"
          "31 22 0:41 / /mnt rw - tmpfs none rw\n"
          "32 31 0:42 / /mnt/deep/er rw - fuse.sshfs x: rw\n"
          "33 32 0:43 / /mnt/deep/er rw - tmpfs none rw\n",
        f);
    fclose(f);
    ck_assert_int_eq(mounts_load(&m, "mountinfo", &e), 0);
    ck_assert_uint_eq(m.n, 5);
    ck_assert_uint_eq(m.foreign, 2);
    ck_assert_str_eq(over(&m, "mnt/with space\\/x")->point, "/mnt/with space\\");
    ck_assert_str_eq(over(&m, "mnt/with")->point, "/mnt");
    ck_assert_str_eq(over(&m, "mnt/deep/erase")->point, "/mnt");
    ck_assert_int_eq(over(&m, "mnt/deep/er/x")->kind, MOUNT_LOCAL); /* what lies on top */
    ck_assert_str_eq(over(&m, "mn")->point, "/");
    ck_assert_str_eq(over(&m, "")->point, "/");
    ck_assert_ptr_null(mounts_at(&m, (const uint8_t *)"mnt/deep", 8));
    ck_assert_int_eq(mounts_at(&m, (const uint8_t *)"mnt/deep/er", 11)->kind, MOUNT_LOCAL);
    mounts_free(&m);
    ck_assert_int_eq(mounts_load(&m, "absent", &e), 0);
    ck_assert_uint_eq(m.n, 0);
    ck_assert_ptr_null(over(&m, "mnt"));
}
END_TEST

/* The names that ${dir} has below it as the walk tells them, each with why what is below it is left out. */
static const char *walk(bool cross) {
    static char told[4096];
    char *const here[] = {dir};
    struct walk_item item;
    struct err e = ERR_INIT;
    size_t at = 0, cut = strlen(dir);
    struct walk *w = walk_new(here, 1, NULL, 0, NULL, &e);
    ck_assert_msg(w != NULL, "%s", e.msg);
    walk_choose(w, NULL, cross, false);
    told[0] = 0;
    for (int rc; (rc = walk_next(w, &item, &e)) > 0;) {
        ck_assert_int_eq(rc, WALK_ITEM);
        if (item.path_len > cut)
            at += (size_t)snprintf(told + at, sizeof told - at, "%.*s%s%s ", (int)(item.path_len - cut), item.path + cut,
                item.left ? "=" : "", left_word(item.left));
        ck_assert_uint_lt(at, sizeof told);
    }
    walk_free(w);
    return told;
}

/* faults: F14 */
START_TEST(mounts_that_hold_nothing_to_restore_and_loops_are_not_entered) {
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        not_run("no mounts for this user");
    shell("mkdir a a/b m p d; touch a/f; mount -t tmpfs none m; touch m/f; mount -t proc none p; mount -t devtmpfs none d;"
          "mount --bind a a/b");
    ck_assert_str_eq(walk(false), "a a/b=loop a/f d=other-file-system m=other-file-system p=other-file-system ");
    ck_assert_str_eq(walk(true), "a a/b=loop a/f d=memory m m/f p=kernel ");
    shell("umount a/b m p d");
}
END_TEST

START_TEST(each_reason_has_a_word_and_a_sentence_and_only_failures_make_a_point_partial) {
    for (unsigned i = 1; i < LEFT_N; i++) {
        ck_assert_msg(*left_word((enum left)i) && *left_text((enum left)i), "reason %u", i);
        for (unsigned k = 1; k < i; k++) ck_assert_str_ne(left_word((enum left)i), left_word((enum left)k));
    }
    ck_assert(left_on_purpose(LEFT_SOCKET) && left_on_purpose(LEFT_LOOP));
    ck_assert(!left_on_purpose(LEFT_UNREADABLE) && !left_on_purpose(LEFT_SILENT) && !left_on_purpose(LEFT_CHANGED));
}
END_TEST

START_TEST(without_a_watch_its_calls_are_the_plain_ones) {
    struct stat st, same;
    char text[8];
    shell("echo 1234567 >f; ln -s f link; mkdir d");
    int fd = watch_open(NULL, AT_FDCWD, "f");
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(watch_stat(NULL, fd, &st), 0);
    ck_assert_int_eq(watch_look(NULL, AT_FDCWD, "f", false, &same), 0);
    ck_assert_uint_eq(st.st_ino, same.st_ino);
    ck_assert_int_eq(watch_look(NULL, AT_FDCWD, "f", true, &same), 0);
    ck_assert(st.st_ino == same.st_ino && st.st_dev == same.st_dev && st.st_mode == same.st_mode &&
              st.st_ctim.tv_nsec == same.st_ctim.tv_nsec && st.st_size == same.st_size && st.st_nlink == same.st_nlink);
    ck_assert_int_eq(watch_read(NULL, fd, text, sizeof text, 4), 4);
    ck_assert_int_eq(watch_open(NULL, AT_FDCWD, "link"), -1); /* never followed */
    ck_assert_int_eq(watch_link(NULL, AT_FDCWD, "link", text, sizeof text), 1);
    ck_assert_int_eq(watch_enter(NULL, AT_FDCWD, "f"), -1);
    ck_assert(!watch_gave_up(NULL));
    watch_close(NULL, fd);
    watch_close(NULL, WATCH_FD);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("mounts");
    TCase *t = tcase_create("mounts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_file_system_is_judged_by_its_type_and_place);
    tcase_add_test(t, the_kernels_list_is_read_with_its_escapes_and_lines_that_make_no_sense_are_passed_over);
    tcase_add_test(t, mounts_that_hold_nothing_to_restore_and_loops_are_not_entered);
    tcase_add_test(t, each_reason_has_a_word_and_a_sentence_and_only_failures_make_a_point_partial);
    tcase_add_test(t, without_a_watch_its_calls_are_the_plain_ones);
    suite_add_tcase(s, t);
    return suite_run(s);
}
