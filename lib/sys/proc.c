/* Children by fork and exec.
 *
 * Between fork and exec only async-signal-safe calls are made. Descriptors are first copied above those that the child is
 * to have, so that no copy can overwrite one that is still needed; all others are marked close-on-exec. A second pipe,
 * close-on-exec, brings the errno of a failed exec back: that a program does not exist is known when proc_spawn returns. */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { HIGH = PROC_FDS_MAX };

void proc_begin(void) {
    sigset_t none;
    /* A descriptor 0, 1 or 2 that is closed would be given to a key file or to a peer. */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd) _exit(ZB_EXIT_FAILED);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Everything from ${from} on gets close-on-exec. */
static void child_close(int from) {
    if (close_range((unsigned)from, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
    long max = sysconf(_SC_OPEN_MAX); /* a kernel before 5.11 */
    for (int fd = from; fd < (max > 0 && max < 65536 ? max : 65536); fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct how {
    bool apart;
    int cwd;
};

__attribute__((noreturn)) static void child(
    const char *const argv[], const int *fds, size_t n, struct how how, int report) {
    int high[PROC_FDS_MAX], count = (int)(n < 3 ? 3 : n);
    int back = fcntl(report, F_DUPFD_CLOEXEC, HIGH);
    for (int i = 0; i < count; i++) {
        int from = i < (int)n ? fds[i] : i == 2 ? 2 : -1;
        int null = from < 0 ? open("/dev/null", i ? O_WRONLY : O_RDONLY) : -1;
        high[i] = fcntl(from < 0 ? null : from, F_DUPFD_CLOEXEC, HIGH);
        if (high[i] < 0) goto failed;
    }
    if (how.apart && setpgid(0, 0) < 0) goto failed;
    if (how.cwd >= 0 && fchdir(how.cwd) < 0) goto failed;
    for (int i = 0; i < count; i++)
        if (dup2(high[i], i) < 0) goto failed;
    child_close(count);
    child_signals();
    execvp(argv[0], (char *const *)(uintptr_t)argv); /* exec does not write to it */
failed:;
    int why = errno;
    if (write(back, &why, sizeof why) < 0) _exit(126);
    _exit(127);
}

static int spawn(struct proc *p, const char *const argv[], const int *fds, size_t n, struct how how, struct err *e) {
    *p = (struct proc)PROC_NONE;
    const char *base = strrchr(argv[0], '/');
    snprintf(p->name, sizeof p->name, "%s", base ? base + 1 : argv[0]);
    int report[2], why = 0;
    if (n > PROC_FDS_MAX) return err_set(e, ZE_INTERNAL, argv[0], "descriptors");
    if (pipe2(report, O_CLOEXEC) < 0) return err_sys(e, argv[0], "pipe");
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* no handler of ours runs in the child */
    pid_t pid = fork();
    if (pid == 0) child(argv, fds, n, how, report[1]);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(report[1]);
    ssize_t got = pid < 0 ? 0 : file_read_full(report[0], &why, sizeof why);
    close(report[0]);
    errno = saved;
    if (pid < 0) return err_sys(e, argv[0], "fork");
    if (got == sizeof why) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        return err_set(e, ZE_CHILD, argv[0], _("cannot be started: %s"), strerror(why));
    }
    p->pid = pid;
    return 0;
}

int proc_spawn(struct proc *p, const char *const argv[], const int *fds, size_t n, struct err *e) {
    return spawn(p, argv, fds, n, (struct how){.cwd = -1}, e);
}

int proc_spawn_apart(struct proc *p, const char *const argv[], const int *fds, size_t n, int cwd, struct err *e) {
    return spawn(p, argv, fds, n, (struct how){.apart = true, .cwd = cwd}, e);
}

int proc_open(struct proc *p, const char *const argv[], struct err *e) {
    int to[2], from[2];
    *p = (struct proc)PROC_NONE;
    if (pipe2(to, O_CLOEXEC) < 0) return err_sys(e, argv[0], "pipe");
    if (pipe2(from, O_CLOEXEC) < 0) {
        err_sys(e, argv[0], "pipe");
        close(to[0]), close(to[1]);
        return -1;
    }
    int rc = proc_spawn(p, argv, (int[]){to[0], from[1]}, 2, e);
    close(to[0]), close(from[1]);
    if (rc < 0) {
        close(to[1]), close(from[0]);
        return -1;
    }
    p->in = to[1], p->out = from[0];
    return 0;
}

/* Wait at most so long: 1 when the child has ended, 0 when it has not. Sleeps grow from 1 to 50 ms. */
static int wait_for(struct proc *p, int timeout_ms, int *status) {
    int step = 1;
    for (int left = timeout_ms;; left -= step, step = step < 50 ? step * 2 : 50) {
        pid_t got = waitpid(p->pid, status, timeout_ms < 0 ? 0 : WNOHANG);
        if (got == p->pid) return 1;
        if (got < 0 && errno != EINTR) return *status = 0, 1;
        if (timeout_ms < 0) continue;
        if (left <= 0) return 0;
        poll(NULL, 0, step);
    }
}

int proc_wait(struct proc *p, int timeout_ms, struct err *e) {
    if (p->in >= 0) close(p->in);
    if (p->out >= 0) close(p->out);
    p->in = p->out = -1;
    if (!p->pid) return 0;
    int status = 0, late = !wait_for(p, timeout_ms, &status);
    if (late) {
        kill(p->pid, SIGTERM);
        if (!wait_for(p, 2000, &status)) {
            kill(p->pid, SIGKILL);
            wait_for(p, -1, &status);
        }
    }
    p->pid = 0;
    if (late) return err_set(e, ZE_CHILD, p->name, _("did not end in time"));
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return err_set(e, ZE_CHILD, p->name, _("died of signal %d (%s)"), WTERMSIG(status), strsignal(WTERMSIG(status)));
}

void proc_step_back(bool idle) {
    int io = idle ? IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0) : IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7);
    if (idle) (void)setpriority(PRIO_PROCESS, 0, 19);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, io);
}
