/**
 * Included once by a test program: its own write, fsync, link … in libc's place, for everything that is linked into it.
 * Each makes the real call and tells crash_log.h, or fails when its turn has come. fsync does not wait for the disk:
 * the power cuts here are made, not suffered.
 */
#ifndef TESTS_CRASH_SEAM_H
#define TESTS_CRASH_SEAM_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash_log.h"

/* A name of our own here, libc's in the object file: what headers say about libc's does not meet it. */
#define SEAM(name, result, params)                 \
    result seam_##name params __asm__(#name);      \
    result seam_##name params

SEAM(write, ssize_t, (int fd, const void *p, size_t n)) {
    if (crash_due("write")) return -1;
    ssize_t got = syscall(SYS_write, fd, p, n);
    if (got > 0 && crash_recording()) crash_note_write(fd, p, (size_t)got);
    return got;
}

SEAM(fsync, int, (int fd)) {
    if (crash_due("fsync")) return -1;
    if (crash_recording()) crash_note_sync(fd);
    return 0;
}

SEAM(linkat, int, (int a, const char *from, int b, const char *to, int flags)) {
    if (crash_due("link")) return -1;
    int rc = (int)syscall(SYS_linkat, a, from, b, to, flags);
    if (rc == 0 && crash_recording()) crash_note_link(b, to);
    return rc;
}

SEAM(renameat, int, (int a, const char *from, int b, const char *to)) {
    if (crash_due("link")) return -1;
    int rc = (int)syscall(SYS_renameat2, a, from, b, to, 0);
    if (rc == 0 && crash_recording()) crash_note_link(b, to), crash_note_unlink(a, from);
    return rc;
}

SEAM(unlinkat, int, (int dir, const char *path, int flags)) {
    if (crash_due("unlink")) return -1;
    int rc = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (rc == 0 && crash_recording()) crash_note_unlink(dir, path);
    return rc;
}

SEAM(mkdirat, int, (int dir, const char *path, mode_t mode)) {
    if (crash_due("open")) return -1;
    int rc = (int)syscall(SYS_mkdirat, dir, path, mode);
    if (rc == 0 && crash_recording()) crash_note_create(dir, path, true);
    return rc;
}

SEAM(openat64, int, (int dir, const char *path, int flags, ...)) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    if (crash_due("open")) return -1;
    bool fresh = (flags & O_CREAT) && crash_recording() && syscall(SYS_faccessat, dir, path, F_OK) < 0;
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0 && fresh) crash_note_create(dir, path, false);
    return fd;
}

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t n), *__libc_calloc(size_t n, size_t m), *__libc_realloc(void *p, size_t n);
SEAM(malloc, void *, (size_t n)) { return crash_due("malloc") ? NULL : __libc_malloc(n); }
SEAM(calloc, void *, (size_t n, size_t m)) { return crash_due("malloc") ? NULL : __libc_calloc(n, m); }
SEAM(realloc, void *, (void *p, size_t n)) { return crash_due("malloc") ? NULL : __libc_realloc(p, n); }
#endif

#endif
