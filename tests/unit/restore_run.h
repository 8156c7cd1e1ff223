/** Restoring from the vault of restore_vault.h, and looking at what came back. */
#ifndef TESTS_RESTORE_RUN_H
#define TESTS_RESTORE_RUN_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "restore.h"
#include "restore_vault.h"
#include "sys/file.h"

static struct restore_result res;
static struct fetch_count fetched;
static char told[4096];

static inline void tell(void *arg, const struct restore_told *t) {
    size_t at = strlen(told);
    (void)arg;
    snprintf(
        told + at, sizeof told - at, "%s%.*s: %s\n", t->restored ? "attribute " : "", (int)t->n, t->path, t->why->msg);
}

static struct restore_request request; /* whatever a test wants otherwise */

static inline int restore(enum restore_existing existing, char *const *paths, size_t n, unsigned strip) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    struct restore_request q = request;
    q.target = target, q.paths = paths, q.paths_n = n, q.strip = strip, q.existing = existing, q.tell = tell;
    static struct source s;
    struct opened o;
    e = (struct err)ERR_INIT;
    told[0] = 0;
    if (source_open(&s, &from, &e) < 0) return -1;
    int rc = point_open(&s, "latest", &o, &e);
    if (rc == 0) {
        rc = restore_run(&s, &o, &q, &res, &e);
        fetched = fetch_count(s.fetch);
        point_close(&o);
    }
    source_close(&s);
    return rc;
}

static inline struct stat stat_of(const char *name) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", target, name);
    ck_assert_msg(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
    return st;
}

static inline bool exists(const char *name) {
    char path[256];
    struct stat st;
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", target, name), (int)sizeof path);
    return lstat(path, &st) == 0;
}

static inline void is_content(const char *name, const uint8_t *want, size_t n) {
    char path[256];
    struct buf b;
    snprintf(path, sizeof path, "%s/%s", target, name);
    buf_init(&b, 16 << 20);
    ck_assert_msg(file_load(AT_FDCWD, path, 16 << 20, &b, &e) == 0, "%s: %s", name, e.msg);
    ck_assert_uint_eq(b.len, n);
    ck_assert_msg(n == 0 || memcmp(b.p, want, n) == 0, "%s", name);
    buf_free(&b);
}

static inline void put_target(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", target, name);
    ck_assert_int_ge(file_mkdirs(AT_FDCWD, target, 0700, &e), 0);
    ck_assert_int_ge(file_replace(AT_FDCWD, path, text, strlen(text), 0600, &e), 0);
}

static inline void no_leftovers(void) {
    char command[256];
    snprintf(command, sizeof command, "! find %s -name '.zaibei-restore-*' | grep -q .", dir);
    ck_assert_int_eq(system(command), 0);
}

static inline void setup_in(const char *where) {
    request = (struct restore_request){.target = NULL};
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    snprintf(dir, sizeof dir, "%s/zb-restore-XXXXXX", where);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(target, sizeof target, "%s/out", dir);
    snprintf(kit, sizeof kit, "%s/kit", dir);
    sealer = sealer_new();
}

/* In memory where possible, since each restore waits for the disk; on a disk for what only disks have. */
static inline void setup(void) { setup_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); }
static inline void setup_disk(void) { setup_in("/tmp"); }

static inline void teardown(void) {
    char command[128];
    sealer_free(sealer);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static inline void check_all(void) {
    is_content("d/empty", small, 0);
    is_content("d/small", small + 100, 4500);
    is_content("d/sparse", sparse, sizeof sparse);
    is_content("hard1", small + 7, 20);
    is_content("large", large, sizeof large);
    is_content("sub/dir/deep", small + 1, 1);
    ck_assert_uint_eq(stat_of("hard1").st_ino, stat_of("hard2").st_ino);
    ck_assert_uint_eq(stat_of("hard1").st_nlink, 2);
    ck_assert_int_eq(stat_of("d/hole").st_blocks, 0);
    ck_assert_int_lt(stat_of("d/sparse").st_blocks * 512, 64 << 10);
    ck_assert(S_ISFIFO(stat_of("pipe").st_mode) && S_ISLNK(stat_of("ln").st_mode));
}

#endif
