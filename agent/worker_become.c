/* From the root of the space to a user of the restored tree. The names are the tree's, so its files are read by the C library's own
 * parser, by a process that holds nothing and is about to run that tree's programs anyway. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "worker_service.h"
#include "wrap/sandbox.h"

enum { GROUPS_TAKEN = 256, CAPS_MAX = 64, NOBODY = 65534 };

static FILE *tree_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? NULL : fdopen(fd, "r");
}

static struct passwd *user_find(const char *user) {
    static char name[] = "root", home[] = "/";
    static struct passwd root = {.pw_name = name, .pw_dir = home};
    FILE *f = tree_file("/etc/passwd");
    struct passwd *pw = NULL;
    while (f && (pw = fgetpwent(f)) && strcmp(pw->pw_name, user) != 0) {}
    if (f) fclose(f);
    return pw ? pw : strcmp(user, "root") ? NULL : &root;
}

static int groups_find(const char *user, gid_t own, gid_t out[GROUPS_TAKEN]) {
    FILE *f = tree_file("/etc/group");
    int n = 0;
    out[n++] = own;
    for (struct group *g; f && n < GROUPS_TAKEN && (g = fgetgrent(f));)
        for (char **m = g->gr_mem; *m; m++)
            if (!strcmp(*m, user) && g->gr_gid != own) {
                out[n++] = g->gr_gid;
                break;
            }
    if (f) fclose(f);
    return n;
}

/* What a service is given in a container elsewhere, too: not to administer networks, mounts, processes of others, or limits. */
static void capabilities_bound(void) {
    static const unsigned char kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID,
        CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_IPC_LOCK};
    struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    for (unsigned char cap = 0; cap < CAPS_MAX; cap++)
        if (memchr(kept, cap, sizeof kept)) data[cap / 32].effective |= 1u << cap % 32;
        else (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    for (int i = 0; i < 2; i++) data[i].permitted = data[i].effective;
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)syscall(SYS_capset, &who, data);
}

static void environment(const struct passwd *pw) {
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", pw->pw_dir, 1);
    setenv("USER", pw->pw_name, 1);
    setenv("LOGNAME", pw->pw_name, 1);
    setenv("LANG", "C.UTF-8", 1);
}

bool nobody(void) {
    return close_range(3, ~0u, 0) == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_service() == 0;
}

bool become(const char *user) {
    gid_t groups[GROUPS_TAKEN];
    struct passwd *pw = user_find(user);
    if (!pw) {
        fprintf(stderr, _("the restored /etc/passwd has no user %s\n"), user);
        return false;
    }
    int n = groups_find(user, pw->pw_gid, groups);
    environment(pw);
    capabilities_bound();
    if (setgroups((size_t)n, groups) == 0 && setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        sandbox_service() == 0)
        return true;
    fprintf(stderr, _("becoming user %s: %s\n"), user, strerror(errno));
    return false;
}
