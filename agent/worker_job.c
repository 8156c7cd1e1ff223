/* Jobs. Two processes for each command in a host: one of ours, which enters the namespaces and waits (who enters a process
 * namespace is not in it, only its children are), and the command. To end a command that one is asked, not killed: it kills the command
 * and takes its status. Without it the command would become a child of this process, which waits for none that it does not know;
 * and the host's namespace would wait for ever for whoever keeps a place in it. Output is read all the time, so
 * that nothing waits for us, and only its end is kept. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"
#include "worker_service.h"
#include "worker_space.h"

enum { LINES_SHOWN = 3, TAKEN_MAX = 1 << 20 };

static int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

__attribute__((noreturn)) static void command(const char *user, const char *text, const sigset_t *mask) {
    (void)setsid();
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)close_range(3, ~0u, 0);
    if (chdir("/") < 0 || !become(user)) _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the change of user has cleared it */
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    fprintf(stderr, "/bin/sh: %s\n", strerror(errno));
    _exit(127);
}

/* ${told}: blocked since before this process was; ${mask}: as it was. */
__attribute__((noreturn)) static void enter(
    const struct host_space *s, const char *user, const char *text, const sigset_t *told, const sigset_t *mask) {
    int status = 0, signal = 0;
    for (int i = 0; i < NS_COUNT; i++)
        if (setns(s->ns[i], 0) < 0) _exit(126);
    pid_t pid = fork();
    if (pid == 0) command(user, text, mask);
    while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0)
        if (sigwait(told, &signal) == 0 && signal == SIGTERM) kill(pid, SIGKILL);
    _exit(pid < 0 ? 126 : status_of(status));
}

/* In the child: standard input from nowhere, output to the pipe. */
static void output_to(int fd) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(126);
}

static pid_t begin(struct job *j, const char *name, struct err *e) {
    int pipe[2];
    *j = (struct job){.out = -1, .stop = SIGKILL, .text = malloc(JOB_TEXT)};
    if (!j->text) return err_set(e, ZE_NOMEM, name, _("its output"));
    if (pipe2(pipe, O_CLOEXEC) < 0) return err_sys(e, name, "pipe");
    (void)fcntl(pipe[0], F_SETFL, O_NONBLOCK);
    j->pid = fork();
    if (j->pid == 0) output_to(pipe[1]);
    if (j->pid < 0) err_sys(e, name, "fork");
    j->out = pipe[0];
    close(pipe[1]);
    return j->pid;
}

int job_command(const struct host_space *s, const char *user, const char *text, struct job *j, struct err *e) {
    sigset_t told, mask;
    (void)sigemptyset(&told), (void)sigaddset(&told, SIGTERM), (void)sigaddset(&told, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &told, &mask);
    pid_t pid = begin(j, s->h->host, e);
    if (pid == 0) enter(s, user, text, &told, &mask);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    j->stop = SIGTERM;
    return pid < 0 ? -1 : 0;
}

int job_call(int (*fn)(void *arg), void *arg, struct job *j, struct err *e) {
    pid_t pid = begin(j, "fork", e);
    if (pid == 0) _exit(fn(arg));
    return pid < 0 ? -1 : 0;
}

/* What is there, but not what somebody who never stops printing goes on to say meanwhile; what came first gives way. */
static void output_take(struct job *j) {
    char more[4096];
    for (size_t taken = 0; j->out >= 0 && taken < TAKEN_MAX;) {
        ssize_t n = read(j->out, more, sizeof more);
        if (n < 0) return;
        if (n == 0) file_close_ptr(&j->out), j->out = -1;
        taken += (size_t)n;
        size_t keep = j->n < JOB_TEXT - (size_t)n ? j->n : JOB_TEXT - (size_t)n;
        memmove(j->text, j->text + j->n - keep, keep);
        memcpy(j->text + keep, more, (size_t)n);
        j->n = keep + (size_t)n;
    }
}

static void end_note(struct job *const *jobs, size_t n, pid_t pid, int status) {
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->pid == pid && !jobs[i]->ended) {
            jobs[i]->ended = true, jobs[i]->status = status_of(status);
            output_take(jobs[i]);
        }
}

void jobs_step(struct job *const *jobs, size_t n, int ms) {
    struct pollfd p[JOBS_MAX];
    int status;
    size_t count = n < JOBS_MAX ? n : JOBS_MAX;
    for (size_t i = 0; i < count; i++) p[i] = (struct pollfd){.fd = jobs[i]->out, .events = POLLIN};
    if (poll(p, count, ms) > 0)
        for (size_t i = 0; i < count; i++)
            if (p[i].revents) output_take(jobs[i]);
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->pid && !jobs[i]->ended && waitpid(jobs[i]->pid, &status, WNOHANG) == jobs[i]->pid)
            end_note(jobs, n, jobs[i]->pid, status);
}

void job_end(struct job *j) {
    if (j->pid > 0 && !j->ended) {
        kill(j->pid, j->stop);
        while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    if (j->pid > 0) file_close_ptr(&j->out);
    free(j->text);
    *j = (struct job){.out = -1};
}

void job_last_lines(const struct job *j, char *out, size_t cap) {
    char raw[400];
    size_t end = j->n, lines = 0;
    while (end && strchr("\r\n\t ", j->text[end - 1])) end--;
    size_t from = end;
    while (from && end - from < sizeof raw && (j->text[from - 1] != '\n' || ++lines < LINES_SHOWN)) from--;
    for (size_t i = from; i < end; i++) raw[i - from] = j->text[i] == '\n' ? ' ' : j->text[i];
    text_escape(out, cap, raw, end - from);
}
