/* tool_deny CALL[,CALL…] [errno=EPERM] PROGRAM [ARGUMENT…]: runs the program on a kernel that does not know these calls.
 *
 * They return ENOSYS, as on a kernel that is too old, for the program and everything it starts; with errno=EPERM they are
 * refused, as by a container's filter that does not know them either. `all` is what Linux has gained since 3.10 and a C
 * library or a program might try; `all,-getrandom` is all but that one. With `all` the kernel also says it is of version 2.6,
 * since there are libraries (OpenSSL's) that believe the version. */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

static const char all[] =
    "openat2,statx,landlock_create_ruleset,landlock_add_rule,landlock_restrict_self,getrandom,renameat2,copy_file_range,"
    "close_range,memfd_create,io_uring_setup,io_uring_enter,io_uring_register,faccessat2,fchmodat2,pidfd_open,pidfd_getfd,"
    "pidfd_send_signal,execveat,preadv2,pwritev2,clone3,rseq,membarrier,mlock2,futex_waitv,epoll_pwait2,process_madvise,"
    "userfaultfd,bpf,sched_setattr,sched_getattr,mount_setattr,open_tree,move_mount,fsopen,fsmount,statmount,listmount";

/* Is "-NAME" one of the words? */
static bool spared(const char *words, const char *name) {
    size_t n = strlen(name);
    for (const char *at = words; (at = strstr(at, ",-")); at += 2)
        if (!strncmp(at + 2, name, n) && (!at[2 + n] || at[2 + n] == ',')) return true;
    return false;
}

static int deny(scmp_filter_ctx filter, const char *names, const char *words, unsigned number) {
    char *copy = strdup(names), *end = NULL;
    int rc = copy ? 0 : -1;
    for (char *name = copy ? strtok_r(copy, ",", &end) : NULL; name && rc == 0; name = strtok_r(NULL, ",", &end)) {
        int call = seccomp_syscall_resolve_name(name);
        if (*name == '-' || spared(words, name)) continue;
        if (!strcmp(name, "all")) rc = deny(filter, all, words, number);
        else if (call != __NR_SCMP_ERROR) rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(number), call, 0);
        else if (names != all) rc = -1; /* a library that does not know it yet: only among all of them */
    }
    free(copy);
    return rc;
}

int main(int argc, char **argv) {
    bool refuse = argc > 2 && !strcmp(argv[2], "errno=EPERM");
    char **program = argv + 2 + refuse;
    if (argc < 3 + refuse) return fprintf(stderr, "usage: tool_deny CALL,… [errno=EPERM] PROGRAM [ARGUMENT…]\n"), 2;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter || deny(filter, argv[1], argv[1], refuse ? EPERM : ENOSYS) < 0 || seccomp_load(filter) < 0)
        return fprintf(stderr, "tool_deny: no filter for %s\n", argv[1]), 2;
    seccomp_release(filter);
    if (!strncmp(argv[1], "all", 3) && !refuse) (void)personality(UNAME26);
    execvp(*program, program);
    perror(*program);
    return 127;
}
