/* Seccomp says what, Landlock where (nowhere): each is enough for most of it, so that a kernel that lacks one still
 * confines. Landlock by its system calls; glibc has no wrappers, and its newer rights are given by number, since headers
 * are older than kernels. Rights that a kernel does not know are left out of the set, as its manual asks. */
#include "confine.h"

#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/file.h"
#include "wrap/sandbox.h"

enum { VERSION_ONLY = 1, ABI_MAX = 6 };
struct ruleset { /* struct landlock_ruleset_attr of ABI 6 */
    uint64_t fs, net, scoped;
};

/* File rights: 13 in the first version, then refer (2), truncate (3) and ioctl on devices (5). From 4 on binding and
 * connecting by TCP, from 6 on abstract unix sockets and signals. */
static int landlock(struct err *e) {
    static const unsigned fs_bits[ABI_MAX + 1] = {0, 13, 14, 15, 15, 16, 16};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ONLY);
    if (abi < 1) return 1;
    if (abi > ABI_MAX) abi = ABI_MAX;
    struct ruleset all = {(1ull << fs_bits[abi]) - 1, abi >= 4 ? 3 : 0, abi >= 6 ? 3 : 0};
    size_t size = abi >= 6 ? sizeof all : abi >= 4 ? 2 * sizeof all.fs : sizeof all.fs;
    CLEANUP_FD int set = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
    if (set < 0 || syscall(SYS_landlock_restrict_self, set, 0) < 0) return err_sys(e, "serve", "landlock");
    return 0;
}

int confine(struct err *e) {
    struct rlimit bytes;
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &bytes) < 0) return err_sys(e, "serve", "getrlimit");
    if (bytes.rlim_max > ZB_PACK_MAX) bytes.rlim_cur = bytes.rlim_max = ZB_PACK_MAX;
    if (setrlimit(RLIMIT_FSIZE, &bytes) < 0) return err_sys(e, "serve", "setrlimit");
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, "serve", "prctl");
    int rc = landlock(e);
    return rc >= 0 && sandbox_session() < 0 ? 1 : rc;
}
