/* The keeper daemon: two sockets and one child for each connection. A child holds no state that the store does not
 * hold, so any of them, and this process too, may be killed at any moment: locks end with their process, sockets are
 * made anew at the next start. Children end with the daemon, so that stopping it stops everything it started. */
#include "keep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "clockwatch.h"
#include "door.h"
#include "gc.h"
#include "keeper.h"
#include "reserve.h"
#include "scrub_keep.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/sock.h"

/* serve gives up an agent that is silent for 15 minutes, and speaks to us more often than that. */
enum { CHILDREN_MAX = 512, SILENCE_MS = 30 * 60 * 1000 };

static volatile sig_atomic_t stop_asked;
static void on_stop(int sig) { stop_asked = 1; }
static void on_child(int sig) {}

static void signals_set(void) {
    struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGCHLD, &child, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void child_main(struct vault *v, int fd, enum keeper_role role) {
    struct err e = ERR_INIT;
    int rc = keeper_run(v, fd, role, role == ROLE_CONTROL ? -1 : SILENCE_MS, &e);
    if (rc < 0 && e.id != ZE_CUT) err_print("zaibei-vault keep", &e);
    vault_close(v);
    _exit(rc < 0);
}

/* One connection: a child that has only it and the vault. */
static int connection(
    struct vault *v, int listener, const int *close_too, size_t n, enum keeper_role role, struct err *e) {
    pid_t parent = getpid();
    CLEANUP_FD int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return errno == EINTR || errno == ECONNABORTED || errno == EAGAIN ? 0 : err_sys(e, v->dir, "accept");
    pid_t pid = fork();
    if (pid < 0) return err_sys(e, v->dir, "fork");
    if (pid > 0) return 1;
    signal(SIGINT, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (size_t i = 0; i < n; i++) close(close_too[i]);
    child_main(v, fd, role);
    return 0;
}

/* A jump that cannot be logged now is found again at the next look. */
static void clock_look(struct vault *v, struct clock_reading *last) {
    struct err e = ERR_INIT;
    if (clockwatch(v, last, &e) < 0) err_print("zaibei-vault keep", &e);
}

/* The daily collection, in a child like any connection: killed with us, or alone, at any instruction. */
static int collection(struct vault *v, const int *close_too, size_t n, struct err *e) {
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) return err_sys(e, v->dir, "fork");
    if (pid > 0) return 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (size_t i = 0; i < n; i++) close(close_too[i]);
    proc_step_back(false);
    gc_daily(v);
    vault_close(v);
    _exit(0);
}

static int keep_loop(struct vault *v, const int fds[3], struct err *e) {
    unsigned children = 0;
    struct clock_reading clock = {0};
    struct pollfd p[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    while (!stop_asked) {
        clock_look(v, &clock);
        while (children && waitpid(-1, NULL, WNOHANG) > 0) children--;
        children += scrub_tick(v, children, fds, 3);
        /* Full: connections wait in the backlog until a child ends. The short wait makes up for a signal that came
         * between. */
        int ready = poll(p, children < CHILDREN_MAX ? 2 : 0, 1000);
        if (ready < 0 && errno != EINTR) return err_sys(e, v->dir, "poll");
        if (gc_due(v, !children)) {
            int rc = collection(v, fds, 3, e);
            if (rc < 0) return -1;
            children += (unsigned)rc;
        }
        for (int i = 0; ready > 0 && i < 2; i++) {
            if (!(p[i].revents & POLLIN)) continue;
            int rc = connection(v, fds[i], fds, 3, i ? ROLE_CONTROL : ROLE_SERVE, e);
            if (rc < 0) return -1;
            children += (unsigned)rc;
        }
    }
    return 0;
}

int keep_main(const char *dir, struct clock *clock, struct err *e) {
    struct vault v;
    int fds[3] = {-1, -1, -1}; /* serve, control, the lock of the one keeper */
    signals_set();
    umask(007); /* each mode is chosen where a file is made */
    if (vault_open(&v, dir, clock, e) < 0) return -1;
    int rc = -1;
    fds[2] = lock_file(&v, ".keep", e);
    if (fds[2] < 0 && e->id == ZE_BUSY) err_set(e, ZE_BUSY, v.dir, _("a keeper of this vault is running"));
    if (fds[2] >= 0 && authkeys_write(&v, e) == 0) fds[0] = door_listen(v.fd, SERVE_SOCKET, 0660, e);
    if (fds[0] >= 0) fds[1] = door_listen(v.fd, CONTROL_SOCKET, 0600, e);
    if (fds[1] >= 0) {
        reserve_make(&v);
        sock_ready();
        rc = keep_loop(&v, fds, e);
    }
    for (int i = 0; i < 3; i++) file_close_ptr(&fds[i]);
    vault_close(&v);
    return rc;
}

int keep_fork(const char *dir, struct clock *clock, struct err *e) {
    int pair[2];
    struct vault v;
    if (vault_open(&v, dir, clock, e) < 0) return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        err_sys(e, dir, "socketpair");
        vault_close(&v);
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        close(pair[0]);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        child_main(&v, pair[1], ROLE_LOCAL);
    }
    close(pair[1]);
    vault_close(&v);
    if (pid > 0) return pair[0];
    close(pair[0]);
    return err_sys(e, dir, "fork");
}
