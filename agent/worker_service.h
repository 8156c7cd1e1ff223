/**
 * What runs in a drill: one set of namespaces for each host (mounts with an overlay over its restored tree as root, processes, IPC,
 * host name, and at level 2 a network with its original address), and jobs: services, and the commands and requests of checks.
 * Nothing restored is written. Everything ends with the host's pid 1, and that with the space.
 */
#ifndef AGENT_WORKER_SERVICE_H
#define AGENT_WORKER_SERVICE_H

#include "worker.h"

enum { NS_COUNT = 5 };

struct host_space {
    const struct worker_host *h;
    unsigned number;
    pid_t pid;        /* its pid 1; 0: none */
    int ns[NS_COUNT]; /* -1: the drill's own */
};

/** host_open(w, h, number, wired, s, e): make the namespaces of ${h}; ${wired}: with a network of its own at its address, else with the
 * drill's. ZE_SPACE, ZE_DRILLFAILED. host_close ends everything in it; harmless on a zeroed struct. */
int host_open(const struct worker *w, const struct worker_host *h, unsigned number, bool wired, struct host_space *s,
    struct err *e) MUST_CHECK;
void host_close(struct host_space *s);
/** host_network(s): this process goes into the host's network. -1 with errno. */
int host_network(const struct host_space *s) MUST_CHECK;

/** A job: a process with what it has printed. Its last JOB_TEXT bytes are kept. */
enum { JOB_TEXT = 64 << 10, JOBS_MAX = WORKER_HOSTS_MAX * WORKER_SERVICES_MAX + 1 };
struct job {
    pid_t pid; /* 0: none */
    int out;
    bool ended;
    int status; /* as exit(3); 128 + n: died of signal n */
    int stop;   /* the signal that ends it */
    size_t n;
    char *text;
};

/** job_command(s, user, command, j, e): ${command} by the tree's own /bin/sh as ${user} within the host. job_call: ${fn} in a child of
 * ours, in the drill's network, with its output as the job's. */
int job_command(
    const struct host_space *s, const char *user, const char *command, struct job *j, struct err *e) MUST_CHECK;
int job_call(int (*fn)(void *arg), void *arg, struct job *j, struct err *e) MUST_CHECK;

/** jobs_step(jobs, n, ms): of n ≤ JOBS_MAX, all services of a drill and a check: wait at most so long for output or an end; take note of both. */
void jobs_step(struct job *const *jobs, size_t n, int ms);
/** job_end(j): kill what is left of it, release; harmless on a zeroed struct. */
void job_end(struct job *j);
/** job_last_lines(j, out, cap): the last lines, as one, for people. */
void job_last_lines(const struct job *j, char *out, size_t cap);

/** become(user): within a host: this user of the tree's /etc/passwd, with its groups; no capability but those that ordinary
 * services need, and none to be gained. False after a line on standard error. */
bool become(const char *user) MUST_CHECK;
/** nobody(): the same without a user: no right, and no descriptor but the first three. False with errno. */
bool nobody(void) MUST_CHECK;

#endif
