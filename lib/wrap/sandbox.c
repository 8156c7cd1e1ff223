/* Allow lists. What is not in one fails with EPERM rather than killing: a C library that tries a newer call first
 * falls back, and a process that was taken over is confined just the same. */
#include "wrap/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/random.h>
#include <unistd.h>

static const int relay[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recv),
    SCMP_SYS(send),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(close),
    SCMP_SYS(shutdown),
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(alarm),
    SCMP_SYS(setitimer),
    SCMP_SYS(sigaltstack), /* for the sanitizers */
};

/* What fcntl may be asked: nothing that names a process (F_SETOWN and F_SETSIG would send it any signal). */
static const int questions[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL};

/* Reading within a file comes on top. sysinfo is for qsort. */
static const int session[] = {
    SCMP_SYS(lseek),
    SCMP_SYS(pread64),
    SCMP_SYS(sysinfo),
};

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n) {
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    return rc;
}

/* On a kernel without getrandom a crypto library opens its device, at its own time. */
static int allow_device(scmp_filter_ctx ctx) {
    static const int calls[] = {SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(uname), SCMP_SYS(select), SCMP_SYS(pselect6)};
    char c;
    if (getrandom(&c, 1, GRND_NONBLOCK) >= 0 || errno != ENOSYS) return 0;
    int rc = seccomp_rule_add(
        ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
    return rc == 0 ? allow(ctx, calls, sizeof calls / sizeof *calls) : rc;
}

enum { LOAD_S = 10 };

static int sandbox_load(bool within_files) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!ctx) return -1;
    int rc = allow(ctx, relay, sizeof relay / sizeof *relay);
    if (rc == 0) rc = allow_device(ctx);
    for (size_t i = 0; i < sizeof questions / sizeof *questions && rc == 0; i++)
        rc = seccomp_rule_add(
            ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)questions[i]));
    if (rc == 0 && within_files) rc = allow(ctx, session, sizeof session / sizeof *session);
    /* Without memory libseccomp 2.5 goes round for ever in here: then rather no process. */
    unsigned left = rc == 0 ? alarm(LOAD_S) : 0;
    if (rc == 0) rc = seccomp_load(ctx), alarm(left);
    seccomp_release(ctx);
    return rc < 0 ? -1 : 0;
}

int sandbox_relay_only(void) { return sandbox_load(false); }
int sandbox_session(void) { return sandbox_load(true); }
