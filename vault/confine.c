/* Landlock says where, seccomp says what. Landlock by its three system calls; glibc has no wrappers. Rights that a
 * kernel does not know are left out of the set, as its manual asks, so older kernels confine as much as they can. */
#include "confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/file.h"
#include "wrap/sandbox.h"

enum {
    SPOOL_RIGHTS = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
        LANDLOCK_ACCESS_FS_MAKE_REG
};

static int landlock(int dirfd, struct err *e) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return 1;
    struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
#ifdef LANDLOCK_ACCESS_FS_REFER
    if (abi >= 2) all.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
    if (abi >= 3) all.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
    CLEANUP_FD int set = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (set < 0) return err_sys(e, "serve", "landlock");
    struct landlock_path_beneath_attr below = {.allowed_access = SPOOL_RIGHTS, .parent_fd = dirfd};
    if ((dirfd >= 0 && syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0) ||
        syscall(SYS_landlock_restrict_self, set, 0) < 0)
        return err_sys(e, "serve", "landlock");
    return 0;
}

int confine_to(int dirfd, struct err *e) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return err_sys(e, "serve", "no_new_privs");
    int rc = landlock(dirfd, e);
    return rc == 0 && sandbox_session() < 0 ? 1 : rc;
}
