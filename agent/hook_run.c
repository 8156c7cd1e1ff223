/* The child leads a session and group, so that what it started ends with it: also when it ends by itself, since what is left
 * would hold the pipes. A dump's output comes through a pipe and is written here, so that a full disk is seen here, whatever
 * the command makes of it. Nothing but the pipes is inherited: the guard has every descriptor close-on-exec, and the child
 * closes them too. */
#include "hook_run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"

enum { STEP_MS = 50, ENV_MAX = 16, READS_MAX = 64 };

struct user {
    bool other;
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
};

struct running {
    const struct hook_job *job;
    struct hook_end *end;
    pid_t pid;
    int out, err;          /* our ends; -1: at its end */
    int64_t until_ns;      /* then it is told to end, and after that, killed */
    bool told, killed;
    uint64_t said;         /* bytes in all; the last of them are in end->said, in turn */
};

static bool user_of(const struct hook *h, struct user *u) {
    struct passwd *p = h->user ? getpwnam(h->user) : getpwuid(geteuid());
    *u = (struct user){.uid = geteuid(), .gid = getegid(), .home = "/"};
    if (p) {
        snprintf(u->name, sizeof u->name, "%s", p->pw_name);
        snprintf(u->home, sizeof u->home, "%s", p->pw_dir);
    }
    if (!h->user) return true;
    if (!p || strcmp(u->name, h->user) != 0) return false;
    u->other = p->pw_uid != geteuid();
    u->uid = p->pw_uid, u->gid = p->pw_gid;
    return !u->other || geteuid() == 0;
}

/* For good: real, effective and saved ids, and the groups; with the ids of root all capabilities go. */
static bool become(const struct user *u) {
    if (!u->other) return true;
    if (initgroups(u->name, u->gid) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
        return false;
    return u->uid == 0 || setuid(0) < 0;
}

__attribute__((noreturn)) static void child(const struct hook_job *job, const struct user *u, int out, int err) {
    char phase[32], name[128], home[300], user[80], logname[80];
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
    char *env[ENV_MAX + 1] = {path, lang, home, user, logname, phase, name};
    size_t n = 7;
    sigset_t none;
    snprintf(home, sizeof home, "HOME=%s", u->home);
    snprintf(user, sizeof user, "USER=%s", u->name);
    snprintf(logname, sizeof logname, "LOGNAME=%s", u->name);
    snprintf(phase, sizeof phase, "ZAIBEI_PHASE=%s", hook_phase_word(job->phase));
    snprintf(name, sizeof name, "ZAIBEI_NAME=%s", job->hook->name);
    for (size_t i = 0; job->env && job->env[i] && n < ENV_MAX; i++) env[n++] = job->env[i];
    int null = open("/dev/null", O_RDONLY);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(077);
    if (setsid() < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
    (void)close_range(3, ~0u, 0); /* a kernel before 5.9 has only what close-on-exec does */
    /* After the change of user, which forgets it: the command does not outlive a guard that is killed. */
    if (become(u) && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && chdir("/") == 0)
        execve(job->hook->argv[0], job->hook->argv, env);
    dprintf(2, "%s: %s\n", job->hook->argv[0], strerror(errno));
    _exit(127);
}

static bool start(struct running *r) {
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    struct user u;
    bool known = user_of(r->job->hook, &u);
    errno = 0;
    bool ok = known && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 &&
        fcntl(out[0], F_SETFL, O_RDONLY | O_NONBLOCK) == 0 && fcntl(err[0], F_SETFL, O_RDONLY | O_NONBLOCK) == 0;
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* no handler of ours runs in the child */
    r->pid = ok ? fork() : -1;
    if (r->pid == 0) child(r->job, &u, out[1], err[1]);
    int why = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (r->pid > 0) r->out = out[0], r->err = err[0], out[0] = err[0] = -1;
    for (int i = 0; i < 2; i++) file_close_ptr(&out[i]), file_close_ptr(&err[i]);
    errno = why;
    return r->pid > 0;
}

static void say(struct running *r, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) r->end->said[r->said++ % HOOK_SAID_MAX] = p[i];
}

/* Tell the group to end; when that was done before, kill it. */
static void hurry(struct running *r, enum hook_how how) {
    if (!r->told) {
        r->end->how = how;
        r->until_ns = r->job->clock->mono_ns(r->job->clock) + (int64_t)HOOK_GRACE_MS * 1000000;
        kill(-r->pid, SIGTERM);
    } else if (!r->killed) {
        kill(-r->pid, SIGKILL);
        r->killed = true;
    }
    r->told = true;
}

/* What is in a pipe now; of one that never runs dry a part, so that the time is looked at. */
static void take(struct running *r, int *fd, bool dump) {
    char p[16384];
    ssize_t got = 0;
    for (int i = 0; i < READS_MAX && (got = read(*fd, p, sizeof p)) > 0; i++) {
        if (!dump) {
            say(r, p, (size_t)got);
        } else if (!r->told && file_write_all(r->job->out, p, (size_t)got) < 0) {
            r->end->status = errno;
            hurry(r, HOOK_UNSTORED);
        } else {
            r->end->out += (uint64_t)got;
        }
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) file_close_ptr(fd), *fd = -1;
}

/* Wait for the end, which leaves nothing of the group. The child is collected last, so that the group stays its own. */
static int watch(struct running *r) {
    siginfo_t info;
    int status = 0;
    do {
        struct pollfd p[] = {{.fd = r->out, .events = POLLIN}, {.fd = r->err, .events = POLLIN},
            {.fd = r->told ? -1 : r->job->stop, .events = POLLIN}};
        (void)poll(p, 3, STEP_MS);
        if (r->out >= 0) take(r, &r->out, r->job->out >= 0);
        if (r->err >= 0) take(r, &r->err, false);
        if (p[2].revents) hurry(r, HOOK_STOPPED);
        if (r->job->clock->mono_ns(r->job->clock) >= r->until_ns) hurry(r, HOOK_LATE);
        info.si_pid = 0;
    } while (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0);
    kill(-r->pid, SIGKILL);
    if (r->out >= 0) take(r, &r->out, r->job->out >= 0);
    if (r->err >= 0) take(r, &r->err, false);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

/* What it said last, in its order. */
static void said_in_order(struct running *r) {
    struct hook_end *end = r->end;
    end->said_n = r->said < HOOK_SAID_MAX ? (size_t)r->said : HOOK_SAID_MAX;
    size_t first = r->said < HOOK_SAID_MAX ? 0 : r->said % HOOK_SAID_MAX;
    char *copy = first ? malloc(HOOK_SAID_MAX) : NULL;
    if (copy) {
        memcpy(copy, end->said + first, HOOK_SAID_MAX - first);
        memcpy(copy + HOOK_SAID_MAX - first, end->said, first);
        memcpy(end->said, copy, HOOK_SAID_MAX);
    }
    free(copy);
}

void hook_run(const struct hook_job *job, struct hook_end *end) {
    struct running r = {.job = job, .end = end, .out = -1, .err = -1};
    end->how = HOOK_EXITED, end->status = 0, end->out = 0, end->said_n = 0;
    r.until_ns = job->clock->mono_ns(job->clock) + (int64_t)job->timeout_s * 1000000000;
    if (!start(&r)) {
        end->how = HOOK_UNBEGUN, end->status = errno;
        return;
    }
    int status = watch(&r);
    file_close_ptr(&r.out);
    file_close_ptr(&r.err);
    said_in_order(&r);
    if (end->how != HOOK_EXITED) return;
    end->how = WIFSIGNALED(status) ? HOOK_SIGNALLED : HOOK_EXITED;
    end->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}
