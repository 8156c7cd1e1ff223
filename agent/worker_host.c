/* The namespaces of one host. What is mounted below its root (proc, devices, run) is made before the root changes, where no name of
 * the tree is in the way, and put in place afterwards, where no name of the tree leads out.
 *
 * Its pid 1 is a process of ours that does nothing but exist; who starts something in the host enters the namespaces by
 * descriptors that it has handed over. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "worker_net.h"
#include "worker_service.h"
#include "worker_space.h"

static const char *const ns_names[NS_COUNT] = {"pid", "ipc", "uts", "net", "mnt"};
enum { NS_NET = 3 };

struct opening {
    const struct worker *w;
    const struct worker_host *h;
    bool wired;
    int sock;
    char place[160]; /* /work/run/HOST */
};

static int directory(const char *path) { return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0; }

static int below(const struct opening *o, const char *name, char out[256]) {
    snprintf(out, 256, "%s/%s", o->place, name);
    return directory(out);
}

/* The tree as lower layer; whatever is written goes to the upper one, which goes with the drill. */
static int overlay(const struct opening *o, char root[256]) {
    char upper[256], work[256], options[1024];
    if (directory("/work/run") < 0 || directory(o->place) < 0 || below(o, "upper", upper) < 0) return -1;
    if (below(o, "work", work) < 0 || below(o, "root", root) < 0) return -1;
    snprintf(options, sizeof options, "userxattr,lowerdir=%s,upperdir=%s,workdir=%s", o->h->tree, upper, work);
    return mount("overlay", root, "overlay", MS_NODEV, options);
}

static int taken(const char *path) {
    return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

/* proc, dev and run as mounts without a place. */
static int system_make(const struct opening *o, int tree[3]) {
    static const char *const names[] = {"sys/proc", "sys/dev", "sys/run"};
    char sys[256], path[256];
    if (below(o, "sys", sys) < 0 || space_devices(sys) < 0) return -1;
    if (below(o, names[0], path) < 0 || mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return -1;
    if (below(o, names[2], path) < 0 || mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", o->place, names[i]);
        if ((tree[i] = taken(path)) < 0) return -1;
    }
    return 0;
}

/* A tree that lacks the directory, or has a link in its place, gets none of it. */
static int root_change(const char *root, const int tree[3]) {
    static const char *const names[] = {"/proc", "/dev", "/run"};
    if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        (void)directory(names[i]);
        if (move_mount(tree[i], "", AT_FDCWD, names[i], MOVE_MOUNT_F_EMPTY_PATH) < 0) return -1;
        close(tree[i]);
    }
    return directory("/run/lock") < 0 ? -1 : chmod("/run/lock", 01777);
}

static int wire(const struct opening *o, struct err *e) {
    if (!o->wired) return 0;
    if (!o->h->address) return net_loopback(e);
    return net_address(o->h->nic ? o->h->nic : "eth0", o->h->address, o->w->q->gateway, e);
}

static const char *prepare(const struct opening *o, int ns[NS_COUNT], struct err *e) {
    char root[256], path[64];
    int tree[3];
    for (int i = 0; i < NS_COUNT; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", ns_names[i]);
        if ((ns[i] = open(path, O_RDONLY | O_CLOEXEC)) < 0) return "namespaces";
    }
    if (overlay(o, root) < 0) return "overlay";
    if (system_make(o, tree) < 0) return "proc, dev, run";
    if (root_change(root, tree) < 0) return "root directory";
    if (sethostname(o->h->host, strlen(o->h->host)) < 0) return "hostname";
    return wire(o, e) < 0 ? "network" : NULL;
}

/* Zombies of processes that lost their parents are nobody's concern. */
__attribute__((noreturn)) static void pid_1(struct opening *o) {
    int fds[SOCK_FDS_MAX], ns[NS_COUNT];
    struct err e = ERR_INIT;
    struct js *go = sock_get(o->sock, fds), *answer = js_object();
    if (!go) _exit(1); /* the cable could not be laid */
    const char *failed = prepare(o, ns, &e);
    if (failed && e.id == ZE_NONE) err_set(&e, ZE_SPACE, o->h->host, "%s: %s", failed, strerror(errno));
    if (failed) js_set_str(answer, "message", e.msg);
    bool told = sock_put(o->sock, answer, ns, failed ? 0 : NS_COUNT);
    if (failed || !told) _exit(1);
    (void)close_range(0, ~0u, 0);
    signal(SIGCHLD, SIG_IGN);
    for (;;) pause();
}

/* Hear what has become of it. */
static int answer_take(int sock, struct host_space *s, struct err *e) {
    int fds[SOCK_FDS_MAX];
    CLEANUP_JS struct js *go = js_object();
    CLEANUP_JS struct js *answer = sock_put(sock, go, NULL, 0) ? sock_get(sock, fds) : NULL;
    if (!answer) return err_set(e, ZE_SPACE, s->h->host, _("its namespaces ended"));
    if (js_has(answer, "message")) return err_set(e, ZE_SPACE, s->h->host, "%s", js_str(answer, "message", ""));
    memcpy(s->ns, fds, sizeof s->ns);
    return 0;
}

int host_open(const struct worker *w, const struct worker_host *h, unsigned number, bool wired, struct host_space *s,
    struct err *e) {
    int pair[2];
    struct opening o = {.w = w, .h = h, .wired = wired};
    unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD;
    *s = (struct host_space){.h = h, .number = number, .ns = {-1, -1, -1, -1, -1}};
    snprintf(o.place, sizeof o.place, "/work/run/%s", h->host);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return err_sys(e, h->host, "socketpair");
    s->pid = (pid_t)syscall(SYS_clone, flags | (wired ? CLONE_NEWNET : 0), 0, 0, 0, 0);
    if (s->pid == 0) {
        close(pair[0]);
        o.sock = pair[1];
        pid_1(&o);
    }
    close(pair[1]);
    int rc = s->pid < 0 ? err_set(e, ZE_SPACE, h->host, "clone: %s", strerror(errno)) : 0;
    if (s->pid < 0) s->pid = 0;
    if (rc == 0 && wired && h->address) rc = net_cable(number, s->pid, h->nic ? h->nic : "eth0", h->mac, e);
    if (rc == 0) rc = answer_take(pair[0], s, e);
    close(pair[0]);
    if (rc < 0) host_close(s);
    return rc;
}

void host_close(struct host_space *s) {
    if (!s->pid) return;
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {}
    for (int i = 0; i < NS_COUNT; i++) file_close_ptr(&s->ns[i]), s->ns[i] = -1;
    s->pid = 0;
}

int host_network(const struct host_space *s) { return setns(s->ns[NS_NET], CLONE_NEWNET); }
