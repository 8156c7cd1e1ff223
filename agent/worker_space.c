/* Making the space. The order matters: the directory is taken hold of while we are still who we were (it is 0700), then we
 * become the root of the new ids, which owns nothing of the machine, and build a root directory of our own: what is not
 * mounted there cannot be named any more once the old root is gone.
 *
 * If interrupted here nothing is left: mounts, network and processes belong to namespaces that end with their pid 1, which the
 * kernel kills when the outer process ends (PR_SET_PDEATHSIG), however that happens. Between clone and prctl the pipe tells: the
 * first byte comes from a living outer process. */
#include "worker_space.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum {
    PROCESSES = 4096, /* of one user of the drill */
    APART = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
};
#define NEW_ROOT \
    "/tmp" /* any directory that is everywhere: what lies below it outside is not hidden from us, but gone */

struct start {
    const struct space *s;
    int (*inside)(void *arg);
    void *arg;
    int (*work)(const char *name); /* with the ids only, in the directory ${in} */
    const char *in, *name;
    int pipe[2];
    bool apart; /* in a space; else only with its ids */
};

/* SIGKILL when the process that made us ends. */
static bool dies_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0; }

/* ---- the new root ---- */

static int directory(const char *path) { return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0; }

/* The machine's ${path} at the same place of the new root: read-only, and no program of it gives rights. */
static int bind_system(const char *path) {
    char to[256], link[256];
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    snprintf(to, sizeof to, NEW_ROOT "%s", path);
    ssize_t n = readlink(path, link, sizeof link - 1);
    if (n > 0) {
        link[n] = 0;
        return symlink(link, to);
    }
    if (access(path, F_OK) < 0) return 0;
    if (directory(to) < 0 || mount(path, to, NULL, MS_BIND | MS_REC, NULL) < 0) return -1;
    return mount_setattr(AT_FDCWD, to, AT_RECURSIVE, &attr, sizeof attr);
}

static int device(const char *at, const char *name, bool needed) {
    char from[64], to[512];
    snprintf(from, sizeof from, "/dev/%s", name);
    snprintf(to, sizeof to, "%s/dev/%s", at, name);
    if (access(from, F_OK) < 0) return needed ? -1 : 0;
    CLEANUP_FD int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    return mount(from, to, NULL, MS_BIND, NULL) < 0 && needed ? -1 : 0;
}

static int mounted(const char *at, const char *name, const char *type, unsigned long flags, const char *data) {
    char to[512];
    snprintf(to, sizeof to, "%s/%s", at, name);
    return directory(to) < 0 ? -1 : mount(type, to, type, flags, data);
}

int space_devices(const char *at) {
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    char name[512];
    if (mounted(at, "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m") < 0) return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (device(at, names[i], i < 5) < 0) return -1;
    if (mounted(at, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620") < 0) return -1;
    if (mounted(at, "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=256m") < 0) return -1;
    static const char *const links[][2] = {{"pts/ptmx", "ptmx"}, {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"},
        {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(name, sizeof name, "%s/dev/%s", at, links[i][1]);
        if (symlink(links[i][0], name) < 0) return -1;
    }
    return 0;
}

static int tree_place(int tree, const char *to) {
    if (tree < 0) return 0;
    return directory(to) < 0 ? -1 : move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH);
}

/* ${dir} and ${target} are mounts without a place yet. */
static int root_build(int dir, int target) {
    static const char *const system[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    if (mount("tmpfs", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m") < 0) return -1;
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (bind_system(system[i]) < 0) return -1;
    if (mounted(NEW_ROOT, "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    if (space_devices(NEW_ROOT) < 0 || device(NEW_ROOT, "kvm", false) < 0) return -1;
    if (directory(NEW_ROOT "/dev/net") < 0 || device(NEW_ROOT, "net/tun", false) < 0) return -1;
    if (mounted(NEW_ROOT, "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m") < 0 ||
        directory(NEW_ROOT "/etc") < 0)
        return -1;
    return tree_place(dir, NEW_ROOT "/work") < 0 ? -1 : tree_place(target, NEW_ROOT "/target");
}

static int root_change(void) {
    if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return -1;
    return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -1 : 0;
}

/* ---- pid 1 ---- */

static void limits_set(const struct space *s) {
    struct rlimit none = {0, 0}, data = {s->memory, s->memory}, processes = {PROCESSES, PROCESSES};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_NPROC, &processes);
    if (s->memory) (void)setrlimit(RLIMIT_DATA, &data);
}

static int root_become(void) { return setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ? -1 : setresuid(0, 0, 0); }

static void descriptors_close(int keep) {
    if (keep > 3) (void)close_range(3, (unsigned)keep - 1, 0);
    (void)close_range(keep > 2 ? (unsigned)keep + 1 : 3, ~0u, 0);
}

static int tree_take(const char *path) {
    return path ? open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE) : -1;
}

static const char *enter(const struct space *s) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return "private mounts";
    int dir = tree_take(s->dir), target = tree_take(s->target);
    if (dir < 0 || (s->target && target < 0)) return s->dir;
    if (root_become() < 0) return "ids";
    if (!dies_with_parent()) return "prctl"; /* the change of user has cleared it */
    if (root_build(dir, target) < 0 || root_change() < 0) return "root directory";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return "no_new_privs";
    (void)!sethostname("drill", 5);
    descriptors_close(s->keep);
    limits_set(s);
    return NULL;
}

__attribute__((noreturn)) static void pid_1(struct start *st) {
    char go;
    close(st->pipe[1]);
    signal(SIGINT, SIG_IGN); /* ^C is the outer process's to judge */
    if (!dies_with_parent() || read(st->pipe[0], &go, 1) != 1) _exit(SPACE_FAILED);
    close(st->pipe[0]);
    const char *failed = enter(st->s);
    if (failed) {
        fprintf(stderr, _("the drill's own space: %s: %s\n"), failed, strerror(errno));
        _exit(SPACE_FAILED);
    }
    _exit(st->inside(st->arg));
}

/* Wake the child once its ids are mapped; without a byte it ends. */
static int mapped_go(const struct start *st, pid_t pid, struct err *e) {
    int rc = space_ids_map(st->s, pid, !st->apart, e);
    if (rc == 0 && write(st->pipe[1], "g", 1) != 1) rc = err_set(e, ZE_SPACE, NULL, "%s", strerror(errno));
    return rc;
}

static pid_t start(const struct space *s, struct start *st, void (*child)(struct start *), struct err *e) {
    unsigned long flags = CLONE_NEWUSER | SIGCHLD | (st->apart ? APART : 0);
    if (pipe2(st->pipe, O_CLOEXEC) < 0) return err_sys(e, s->dir, "pipe");
    st->s = s;
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid == 0) child(st);
    int rc = pid < 0 ? err_set(e, ZE_SPACE, NULL, _("namespaces: %s"), strerror(errno)) : mapped_go(st, pid, e);
    close(st->pipe[0]), close(st->pipe[1]);
    if (rc < 0 && pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    return rc < 0 ? -1 : pid;
}

pid_t space_start(const struct space *s, int (*inside)(void *arg), void *arg, struct err *e) {
    struct start st = {.inside = inside, .arg = arg, .apart = true};
    return start(s, &st, pid_1, e);
}

__attribute__((noreturn)) static void as_root(struct start *st) {
    char go;
    close(st->pipe[1]);
    if (!dies_with_parent() || read(st->pipe[0], &go, 1) != 1) _exit(SPACE_FAILED);
    /* While we are still who we were: directories above may be closed to the ids of the drill. */
    if (chdir(st->in) < 0 || root_become() < 0) _exit(SPACE_FAILED);
    _exit(st->work(st->name));
}

int space_as_root(const struct space *s, const char *path, int (*work)(const char *name), struct err *e) {
    char in[4096];
    int status = 0, n = snprintf(in, sizeof in, "%s", path);
    char *slash = strrchr(in, '/');
    if (n >= (int)sizeof in || !slash || slash == in) return err_set(e, ZE_USAGE, path, _("expected an absolute path"));
    *slash = 0;
    struct start st = {.work = work, .in = in, .name = slash + 1};
    pid_t pid = start(s, &st, as_root, e);
    if (pid < 0) return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status)
                             : err_set(e, ZE_SPACE, path, _("died of signal %d"), WTERMSIG(status));
}
