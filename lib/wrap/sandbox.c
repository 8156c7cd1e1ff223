/* Allow lists, and one list of what is refused (sandbox_service). What is not in one fails with EPERM rather than killing: a C library that tries a newer call first
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

static const int refused[] = {
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns),
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(quotactl), SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(syslog), SCMP_SYS(vhangup),
};
static const unsigned long spaces[] = {
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, /* CLONE_NEWNS … CLONE_NEWNET */
};

int sandbox_service(void) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx) return -1;
    int rc = 0;
    if (seccomp_arch_native() == SCMP_ARCH_X86_64) rc = seccomp_arch_add(ctx, SCMP_ARCH_X86);
    for (size_t i = 0; i < sizeof refused / sizeof *refused && rc == 0; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces && rc == 0; i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
    /* Its flags are in memory, where a filter cannot look; a C library then uses the older call. */
    if (rc == 0) rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    unsigned left = rc == 0 ? alarm(LOAD_S) : 0; /* see sandbox_load */
    if (rc == 0) rc = seccomp_load(ctx), alarm(left);
    seccomp_release(ctx);
    return rc < 0 ? -1 : 0;
}
