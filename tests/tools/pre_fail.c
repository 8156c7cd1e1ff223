/* Loaded before libc, this makes the n-th call of one kind fail in one program, so that a loop over n meets every place
 * where that call is made.
 *
 *   FAIL_PROGRAM  "zaibei-agent backup": the program's name, and if given its first argument; no other program is touched
 *   FAIL_CALL     a kind of call, the first word of the table below: read, open, malloc …
 *   FAIL_AT       "7" the seventh call, "7+" it and all that follow, "/3" each third; without it calls are only counted
 *   FAIL_ERRNO    EIO, ENOSPC, … (EIO)
 *   FAIL_SHORT    instead of failing, read and write that many bytes: 1, or -1 for one less than was asked
 *   FAIL_COUNT    a file: u64 calls made, u64 calls made to fail. It is mapped, so that it is right also when the program
 *                 dies, and so that what the program forks goes on counting
 *   FAIL_SHOW     where it happened, on standard error (for addr2line)
 *
 * close really closes, as the kernel does when it reports an error; fsync does not write. Everything is set up before
 * main; memory comes from libc's own entry points, so that looking up symbols cannot call back. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct count {
    uint64_t calls, failed;
} none, *count = &none;
static const char *kind; /* NULL: nothing is done here */
static uint64_t at, every;
static bool onward, show;
static int error_no = EIO;
static long short_by;

static int errno_of(const char *name) {
    for (int i = 1; i < 200; i++)
        if (strerrorname_np(i) && !strcmp(strerrorname_np(i), name)) return i;
    return EIO;
}

static bool program_is(const char *want, int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    size_t n = strcspn(want, " ");
    if (strlen(name) != n || strncmp(want, name, n) != 0) return false;
    return !want[n] || (argc > 1 && !strcmp(want + n + 1, argv[1]));
}

__attribute__((constructor)) static void set_up(int argc, char **argv, char **env) {
    const char *program = getenv("FAIL_PROGRAM"), *when = getenv("FAIL_AT"), *file = getenv("FAIL_COUNT");
    (void)env;
    if (!program || !argc || !program_is(program, argc, argv)) return;
    if (file) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        void *p = MAP_FAILED;
        if (fd >= 0 && syscall(SYS_ftruncate, fd, sizeof none) == 0)
            p = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) abort();
        count = p;
        syscall(SYS_close, fd);
    }
    if (getenv("FAIL_ERRNO")) error_no = errno_of(getenv("FAIL_ERRNO"));
    if (getenv("FAIL_SHORT")) short_by = atol(getenv("FAIL_SHORT"));
    show = getenv("FAIL_SHOW");
    if (when && *when == '/') every = strtoull(when + 1, NULL, 10);
    else if (when) at = strtoull(when, NULL, 10), onward = strchr(when, '+');
    kind = getenv("FAIL_CALL");
}

static void tell(void) {
    void *frames[32];
    static __thread bool inside;
    if (!show || inside) return;
    inside = true;
    backtrace_symbols_fd(frames, backtrace(frames, 32), 2);
    inside = false;
}

/* Whether this call is one to fail; then errno is set. */
static bool due(const char *what) {
    if (!kind || strcmp(kind, what) != 0) return false;
    uint64_t n = __atomic_add_fetch(&count->calls, 1, __ATOMIC_SEQ_CST);
    if (!(every ? n % every == 0 : onward ? n >= at && at : n == at)) return false;
    __atomic_add_fetch(&count->failed, 1, __ATOMIC_SEQ_CST);
    tell();
    errno = error_no;
    return true;
}

static void *find(void **real, const char *name) {
    if (!*real) *real = dlsym(RTLD_NEXT, name);
    if (!*real) abort();
    return *real;
}

/* Each function has a name of its own here and libc's in the object file: nothing that headers say about libc's (inline
 * definitions, attributes, 64-bit names) meets it. */
#define OURS(name, result, params) result fail_##name params __asm__(#name)
#define REAL(name)                                                   \
    static void *real;                                               \
    __typeof__(fail_##name) *next = (__typeof__(next))find(&real, #name)

/* FAIL(kind, name, what it returns when it fails, result, parameters, arguments) */
#define FAIL(what, name, bad, result, params, args)                  \
    OURS(name, result, params);                                      \
    result fail_##name params {                                      \
        REAL(name);                                                  \
        return due(what) ? (bad) : next args;                        \
    }

/* The same for reading and writing, which can also come back short. */
#define SHORT(what, name, params, args_of, n)                        \
    OURS(name, ssize_t, params);                                     \
    ssize_t fail_##name params {                                     \
        REAL(name);                                                  \
        if (!due(what)) return next args_of(n);                      \
        if (!short_by) return -1;                                    \
        size_t less = n < 2 ? n : short_by > 0 ? (size_t)short_by : n - 1; \
        return next args_of(less);                                   \
    }
#define ARGS_RW(n) (fd, p, n)
#define ARGS_PRW(n) (fd, p, n, off)
#define ARGS_RCHK(n) (fd, p, n, size)
#define ARGS_PRCHK(n) (fd, p, n, off, size)

SHORT("read", read, (int fd, void *p, size_t n), ARGS_RW, n)
SHORT("read", __read_chk, (int fd, void *p, size_t n, size_t size), ARGS_RCHK, n)
SHORT("pread", pread64, (int fd, void *p, size_t n, off_t off), ARGS_PRW, n)
SHORT("pread", __pread64_chk, (int fd, void *p, size_t n, off_t off, size_t size), ARGS_PRCHK, n)
SHORT("write", write, (int fd, const void *p, size_t n), ARGS_RW, n)
SHORT("pwrite", pwrite64, (int fd, const void *p, size_t n, off_t off), ARGS_PRW, n)
FAIL("fsync", fsync, -1, int, (int fd), (fd))
FAIL("fsync", fdatasync, -1, int, (int fd), (fd))
FAIL("fsync", syncfs, -1, int, (int fd), (fd))
FAIL("fsync", sync_file_range, -1, int, (int fd, off_t off, off_t n, unsigned flags), (fd, off, n, flags))
FAIL("rename", rename, -1, int, (const char *a, const char *b), (a, b))
FAIL("rename", renameat, -1, int, (int x, const char *a, int y, const char *b), (x, a, y, b))
FAIL("rename", renameat2, -1, int, (int x, const char *a, int y, const char *b, unsigned f), (x, a, y, b, f))
FAIL("link", linkat, -1, int, (int x, const char *a, int y, const char *b, int f), (x, a, y, b, f))
FAIL("unlink", unlink, -1, int, (const char *a), (a))
FAIL("unlink", unlinkat, -1, int, (int x, const char *a, int f), (x, a, f))
FAIL("mkdir", mkdir, -1, int, (const char *a, mode_t m), (a, m))
FAIL("mkdir", mkdirat, -1, int, (int x, const char *a, mode_t m), (x, a, m))
FAIL("symlink", symlinkat, -1, int, (const char *a, int x, const char *b), (a, x, b))
FAIL("mknod", mknodat, -1, int, (int x, const char *a, mode_t m, dev_t d), (x, a, m, d))
FAIL("truncate", ftruncate64, -1, int, (int fd, off_t n), (fd, n))
FAIL("fallocate", fallocate64, -1, int, (int fd, int mode, off_t off, off_t n), (fd, mode, off, n))
FAIL("lseek", lseek64, -1, off_t, (int fd, off_t off, int whence), (fd, off, whence))
FAIL("stat", fstat64, -1, int, (int fd, struct stat64 *st), (fd, st))
FAIL("stat", lstat64, -1, int, (const char *a, struct stat64 *st), (a, st))
FAIL("stat", fstatat64, -1, int, (int x, const char *a, struct stat64 *st, int f), (x, a, st, f))
FAIL("stat", faccessat, -1, int, (int x, const char *a, int m, int f), (x, a, m, f))
FAIL("readdir", readdir64, NULL, struct dirent64 *, (DIR *d), (d))
FAIL("readdir", fdopendir, NULL, DIR *, (int fd), (fd))
FAIL("readlink", readlinkat, -1, ssize_t, (int x, const char *a, char *p, size_t n), (x, a, p, n))
FAIL("owner", fchownat, -1, int, (int x, const char *a, uid_t u, gid_t g, int f), (x, a, u, g, f))
FAIL("owner", fchown, -1, int, (int x, uid_t u, gid_t g), (x, u, g))
FAIL("mode", fchmod, -1, int, (int x, mode_t m), (x, m))
FAIL("mode", fchmodat, -1, int, (int x, const char *a, mode_t m, int f), (x, a, m, f))
FAIL("times", futimens, -1, int, (int x, const struct timespec t[2]), (x, t))
FAIL("times", utimensat, -1, int, (int x, const char *a, const struct timespec t[2], int f), (x, a, t, f))
FAIL("xattr", fgetxattr, -1, ssize_t, (int fd, const char *a, void *p, size_t n), (fd, a, p, n))
FAIL("xattr", lgetxattr, -1, ssize_t, (const char *f, const char *a, void *p, size_t n), (f, a, p, n))
FAIL("xattr", flistxattr, -1, ssize_t, (int fd, char *p, size_t n), (fd, p, n))
FAIL("xattr", llistxattr, -1, ssize_t, (const char *f, char *p, size_t n), (f, p, n))
FAIL("xattr", fsetxattr, -1, int, (int fd, const char *a, const void *p, size_t n, int f), (fd, a, p, n, f))
FAIL("pipe", pipe2, -1, int, (int p[2], int f), (p, f))
FAIL("pipe", socketpair, -1, int, (int d, int t, int p, int v[2]), (d, t, p, v))
FAIL("socket", socket, -1, int, (int d, int t, int p), (d, t, p))
FAIL("socket", connect, -1, int, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAIL("fork", fork, -1, pid_t, (void), ())
FAIL("poll", poll, -1, int, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
FAIL("dup", dup, -1, int, (int fd), (fd))
FAIL("lock", flock, -1, int, (int fd, int how), (fd, how))
FAIL("random", getrandom, -1, ssize_t, (void *p, size_t n, unsigned f), (p, n, f))
FAIL("mmap", mmap64, MAP_FAILED, void *, (void *a, size_t n, int prot, int f, int fd, off_t off), (a, n, prot, f, fd, off))
FAIL("thread", pthread_create, error_no, int,
    (pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x), (t, a, f, x))

FAIL("mmap", mmap, MAP_FAILED, void *, (void *a, size_t n, int prot, int f, int fd, off_t off), (a, n, prot, f, fd, off))

OURS(close, int, (int fd));
int fail_close(int fd) {
    REAL(close);
    int rc = next(fd);
    return due("close") ? -1 : rc;
}

/* ---- calls with a variable number of arguments ---- */

#define MODE_OF(flags, last)                                                   \
    mode_t mode = 0;                                                           \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                   \
        va_list ap;                                                            \
        va_start(ap, last);                                                    \
        mode = va_arg(ap, mode_t);                                             \
        va_end(ap);                                                            \
    }

OURS(open64, int, (const char *path, int flags, ...));
int fail_open64(const char *path, int flags, ...) {
    MODE_OF(flags, flags)
    return due("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

OURS(openat64, int, (int dir, const char *path, int flags, ...));
int fail_openat64(int dir, const char *path, int flags, ...) {
    MODE_OF(flags, flags)
    return due("open") ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

FAIL("open", __open64_2, -1, int, (const char *path, int flags), (path, flags))
FAIL("open", __openat64_2, -1, int, (int dir, const char *path, int flags), (dir, path, flags))

OURS(fcntl64, int, (int fd, int cmd, ...));
int fail_fcntl64(int fd, int cmd, ...) {
    va_list ap;
    va_start(ap, cmd);
    long argument = va_arg(ap, long);
    va_end(ap);
    return (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) && due("dup") ? -1 : (int)syscall(SYS_fcntl, fd, cmd, argument);
}

OURS(syscall, long, (long number, ...));
long fail_syscall(long number, ...) {
    long a[6];
    va_list ap;
    REAL(syscall);
    va_start(ap, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_openat2 && due("open")) return -1;
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- memory ---- */

extern void *__libc_malloc(size_t n), *__libc_calloc(size_t n, size_t m), *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t a, size_t n);

OURS(malloc, void *, (size_t n));
OURS(calloc, void *, (size_t n, size_t m));
OURS(realloc, void *, (void *p, size_t n));
OURS(reallocarray, void *, (void *p, size_t n, size_t m));
OURS(aligned_alloc, void *, (size_t a, size_t n));
OURS(posix_memalign, int, (void **p, size_t a, size_t n));

void *fail_malloc(size_t n) { return due("malloc") ? NULL : __libc_malloc(n); }
void *fail_calloc(size_t n, size_t m) { return due("malloc") ? NULL : __libc_calloc(n, m); }
void *fail_realloc(void *p, size_t n) { return due("malloc") ? NULL : __libc_realloc(p, n); }
void *fail_aligned_alloc(size_t a, size_t n) { return due("malloc") ? NULL : __libc_memalign(a, n); }

void *fail_reallocarray(void *p, size_t n, size_t m) {
    size_t bytes;
    if (__builtin_mul_overflow(n, m, &bytes)) return errno = ENOMEM, NULL;
    return fail_realloc(p, bytes);
}

int fail_posix_memalign(void **p, size_t a, size_t n) {
    if (due("malloc")) return ENOMEM;
    *p = __libc_memalign(a, n);
    return *p ? 0 : ENOMEM;
}
