/** Checks: a command in a restored tree or a request in the drill's network, asked again until it is green or its time is over. */
#ifndef AGENT_WORKER_CHECK_H
#define AGENT_WORKER_CHECK_H

#include "worker_service.h"

/** One stage of a drill: the hosts that are up, and what of them is watched while it is waited. */
struct stage {
    struct worker *w;
    int level; /* 2 or 4: checks up to it are asked */
    struct host_space space[WORKER_HOSTS_MAX];
    struct job *service; /* services_n: all that were started; service_of: whose */
    struct service_of {
        size_t host;
        struct phase phase;
        bool told;  /* that it has ended */
        bool asked; /* it was running when its host's checks had been asked */
    } * service_of;
    size_t services_n, services_cap;
    void (*watch)(struct stage *st); /* called at each step: hosts that have gone become red (told once); may be NULL */
    void *arg;
};

/**
 * check_expect(expect, text, n, why, cap): whether ${text} (its line ends at the end are cut) fits the POSIX extended regular
 * expression: 1, or 0 with ${why}. <0, with ${why}, for one that is none, or fits the empty text: it would be green for an empty page.
 */
int check_expect(const char *expect, const char *text, size_t n, char *why, size_t cap) MUST_CHECK;

/** stage_step(st, job, ms): wait at most so long, reading what services and ${job} (may be NULL) print; then st->watch. */
void stage_step(struct stage *st, struct job *job, int ms);

/** stage_checks(st, host): ask the checks of host number ${host} that belong to st->level, in their order. A red one makes the host
 * red. stage_again: ask those that were right once more; only what is wrong now is told. stage_orphans(st): checks of hosts that are not in this drill: each is red. */
void stage_checks(struct stage *st, size_t host);
void stage_again(struct stage *st, size_t host);
void stage_orphans(struct stage *st);

/** stage_red(st, host, p, fmt, …): the phase is red, and with it the host. */
void stage_red(struct stage *st, size_t host, const struct phase *p, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** stage_free(st): end all services and hosts. */
void stage_free(struct stage *st);

#endif
