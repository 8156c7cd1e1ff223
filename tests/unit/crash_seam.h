/**
 * Included once by a test program: its own write, fsync, link … in libc's place, for everything that is linked into it.
 * Each makes the real call and tells crash_log.h, or fails when its turn has come. fsync does not wait for the disk:
 * the power cuts here are made, not suffered.
 */
#ifndef TESTS_CRASH_SEAM_H
#define TESTS_CRASH_SEAM_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash_log.h"
#include "wrap/seal.h"

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

/* What is written is new files, from their beginning on (crash_log.h); to anything else the harness would be blind. */
SEAM(pwrite64, ssize_t, (int fd, const void *p, size_t n, off_t at)) {
    if (crash_recording()) abort();
    return syscall(SYS_pwrite64, fd, p, n, at);
}

/* The keeper's reserve (64 MiB) in each of 100,000 vaults: none of them has one. */
SEAM(fallocate64, int, (int fd, int mode, off_t at, off_t n)) { return errno = EOPNOTSUPP, -1; }

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

/* The same few signatures are checked in each of the vaults: each is checked once, and its result remembered by a hash of
 * key, signature and text. */
SEAM(crypto_sign_verify_detached, int,
    (const unsigned char *sig, const unsigned char *m, unsigned long long n, const unsigned char *pub)) {
    static int (*real)(const unsigned char *, const unsigned char *, unsigned long long, const unsigned char *);
    static struct {
        uint8_t hash[SEAL_HASH];
        int result;
    } known[4096];
    struct hash_state s;
    uint8_t hash[SEAL_HASH];
    hash_init(&s, NULL);
    hash_update(&s, pub, SEAL_SIGN_PUB);
    hash_update(&s, sig, SEAL_SIG);
    hash_update(&s, m, (size_t)n);
    hash_final(&s, hash);
    size_t at = (hash[0] | (size_t)hash[1] << 8) % (sizeof known / sizeof known[0]);
    if (memcmp(known[at].hash, hash, SEAL_HASH) == 0) return known[at].result;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "crypto_sign_verify_detached");
    memcpy(known[at].hash, hash, SEAL_HASH);
    return known[at].result = real(sig, m, n, pub);
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
