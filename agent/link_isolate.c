/* Giving up everything, one layer behind the other, so that a hole in one is covered by the next. Each step may be refused
 * by a kernel, a container or for want of rights; then the others still hold, and what was refused is told.
 *
 * With rights (root) the namespaces and the empty root are made by right; without them in a user namespace of our own,
 * where the kernel lets everybody make one. The capabilities which that gives are gone again before the end. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "sys/file.h"
#include "wrap/sandbox.h"

enum { NOBODY = 65534, CAPS_MAX = 64, APART = CLONE_NEWNET | CLONE_NEWIPC };

const char *const link_words[LINK_KEPT_MAX] = {
    "files", "network", "user", "capabilities", "privileges", "landlock", "seccomp"};

static void limits_set(void) {
    struct rlimit none = {0, 0}, files = {16, 16};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)setrlimit(RLIMIT_NPROC, &none);
    (void)setrlimit(RLIMIT_FSIZE, &none);
}

/* What resolving a name may have left open. */
static void descriptors_close(int socket) {
    for (int fd = LINK_CONTROL + 1; fd < 1024; fd++)
        if (fd != socket) close(fd);
}

/* A directory of a process that has ended is empty, and nothing can ever be made in it. Our root moves there with the
 * child's, which shares it. */
static int root_empty(void) {
    int status = -1;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(chroot("/proc/self/fdinfo") == 0 && chdir("/") == 0 ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return pid > 0 && status == 0 ? 0 : -1;
}

static void bounding_drop(void) {
    for (unsigned long cap = 0; cap < CAPS_MAX; cap++) (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* 0 when no capability is left, neither in force nor to be had. */
static int capabilities_drop(void) {
    struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}}, now[2] = {{~0u, ~0u, ~0u}};
    (void)syscall(SYS_capset, &who, none);
    return syscall(SYS_capget, &who, now) == 0 && memcmp(now, none, sizeof now) == 0 ? 0 : -1;
}

static int user_change(void) {
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0
        ? 0
        : -1;
}

/* No right to any file, TCP port, or to what is outside: as many kinds as the kernel knows (struct landlock_ruleset_attr and
 * its newer members, which old headers do not have). */
static int landlock_nothing(void) {
    static const struct {
        uint8_t fs_bits, net_bits, scope_bits, size;
    } known[] = {{0}, {13, 0, 0, 8}, {14, 0, 0, 8}, {15, 0, 0, 8}, {15, 2, 0, 16}, {16, 2, 0, 16}, {16, 2, 2, 24}};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return -1;
    if (abi > 6) abi = 6;
    uint64_t handled[3] = {((uint64_t)1 << known[abi].fs_bits) - 1, ((uint64_t)1 << known[abi].net_bits) - 1,
        ((uint64_t)1 << known[abi].scope_bits) - 1};
    CLEANUP_FD int set = (int)syscall(SYS_landlock_create_ruleset, handled, (size_t)known[abi].size, 0);
    return set >= 0 && syscall(SYS_landlock_restrict_self, set, 0) == 0 ? 0 : -1;
}

/* Without this call the crypto library reads from a device, which an empty root does not have. */
static bool have_getrandom(void) {
    char c;
    return getrandom(&c, 1, GRND_NONBLOCK) >= 0 || errno != ENOSYS;
}

unsigned link_isolate(int socket) {
    descriptors_close(socket);
    bool random = have_getrandom(), apart = unshare(APART) == 0, empty = random && root_empty() == 0, changed = false;
    bounding_drop();
    if (geteuid() == 0) changed = user_change() == 0;
    if ((!apart || (random && !empty)) && unshare(CLONE_NEWUSER) == 0) {
        apart = apart || unshare(APART) == 0;
        empty = empty || (random && root_empty() == 0);
        bounding_drop();
    }
    limits_set();
    unsigned keeps = 0;
    if (!empty) keeps |= LINK_KEEPS_FILES;
    if (!apart) keeps |= LINK_KEEPS_NETWORK;
    if (!changed) keeps |= LINK_KEEPS_USER;
    if (capabilities_drop() < 0) keeps |= LINK_KEEPS_CAPABILITIES;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) keeps |= LINK_KEEPS_PRIVILEGES;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the change of user has cleared it */
    if (!random || landlock_nothing() < 0) keeps |= LINK_KEEPS_LANDLOCK;
    return keeps;
}
