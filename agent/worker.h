/**
 * `zaibei-agent worker` (docs/DRILLS.md): one drill, one granted restore to a directory of this machine, or clearing away what
 * killed drills left. Orders are JSON lines on standard input, the journal JSON lines on standard output.
 *
 * Two processes. The OUTER one has the rights of whoever started it; it parses nothing that a tenant wrote, starts the commands
 * that read points, and clears away. The INNER one is shut in (worker_space.h) and does all else.
 */
#ifndef AGENT_WORKER_H
#define AGENT_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/clock.h"
#include "wire/manifest.h"
#include "wrap/json.h"

/** `worker`; see command.h. */
int cmd_worker(int argc, char **argv, struct err *e);

enum {
    WORKER_HOSTS_MAX = 64,
    WORKER_SERVICES_MAX = 32,
    WORKER_CHECKS_MAX = 256,
    WORKER_READ_MAX = 32,  /* words of the command that reads points */
    WORKER_EGRESS_MAX = 32 /* addresses that must not be reached */
};

enum worker_op { WORKER_DRILL, WORKER_RESTORE, WORKER_CLEAN };

struct worker_service {
    const char *name, *user, *start;
};

struct worker_host {
    const char *host, *address, *nic, *mac; /* all but host may be NULL; address with its prefix length */
    uint8_t host_id[SEAL_ID];
    uint32_t point;
    uint64_t memory; /* bytes; level 4 */
    uint64_t after;  /* bit i: host i of the request must be up before */
    struct worker_service service[WORKER_SERVICES_MAX];
    size_t services;
    char tree[128]; /* where its restored tree is, within the space */
    bool restored;
    bool red; /* something about it was red, so those after it cannot be judged */
};

struct worker_check {
    const char *name, *host, *run, *http, *expect; /* exactly one of run and http */
    int status;                                    /* of http */
    int64_t within_ms;                             /* 0: what the level gives */
    int level;                                     /* the least level at which it is asked */
};

/** What was asked for. Strings belong to ${json}. */
struct worker_request {
    struct js *json;
    enum worker_op op;
    const char *id, *dir, *target, *gateway, *accel;
    bool egress_open; /* control: the drill's network is opened on purpose */
    int level;
    const char *read[WORKER_READ_MAX + 1];
    uint64_t memory, disk; /* bytes; 0: no limit */
    int64_t time_ms;
    uint32_t ids_base, ids_count; /* 0: by /etc/subuid */
    struct worker_host host[WORKER_HOSTS_MAX];
    size_t hosts;
    struct worker_check check[WORKER_CHECKS_MAX];
    size_t checks;
    char egress[WORKER_EGRESS_MAX][64]; /* "10.0.0.5:4711": listened at by the outer process */
    size_t egress_n;
};

/** worker_request_read(p, n, q, e): an order. ZE_USAGE naming what is wrong. worker_request_free: harmless on a zeroed struct. */
int worker_request_read(const char *p, size_t n, struct worker_request *q, struct err *e) MUST_CHECK;
void worker_request_free(struct worker_request *q);

/** worker_order(q, order, e): the hosts' numbers so that each comes after those it is after; else as they were written.
 * ZE_USAGE naming a host of a circle. */
int worker_order(const struct worker_request *q, size_t order[WORKER_HOSTS_MAX], struct err *e) MUST_CHECK;

/** What the inner process has: the order, the way to the outer process, the clock. */
struct worker {
    struct worker_request *q;
    int sock; /* to the outer process: packets of JSON, descriptors with them (worker_sock.c) */
    struct clock *clock;
};

/* worker_journal.c: the journal. Each line is one packet to the outer process, which passes it on. */
struct phase {
    const struct worker *w;
    const char *host, *phase, *name;
    int64_t began_ns;
};
/** phase_begin(w, host, phase, name): tell that it begins; ${host} and ${name} may be "". */
struct phase phase_begin(const struct worker *w, const char *host, const char *phase, const char *name);
/** phase_ok, phase_red: how it ended. ${more} (may be NULL; taken) has members for the line. */
void phase_ok(const struct phase *p, struct js *more);
void phase_red(const struct phase *p, struct js *more, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void journal_adapted(const struct worker *w, const char *host, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void journal_console(const struct worker *w, const char *host, const char *text, size_t n);
void journal_progress(const struct worker *w, const char *host, const char *phase, uint64_t files, uint64_t bytes,
    uint64_t files_total, uint64_t bytes_total);
/** journal_failed(w, e): the drill itself could not be done: the last line of the inner process. */
void journal_failed(const struct worker *w, const struct err *e);
/** js_set_time_ms(j, key, ns): RFC 3339 in UTC with milliseconds. */
void js_set_time_ms(struct js *j, const char *key, int64_t ns);

/* worker_sock.c: packets between the two processes. */
enum { SOCK_PACKET_MAX = 64 << 10, SOCK_FDS_MAX = 8 };
/** sock_put(sock, j, fds, n): one packet, with ${n} ≤ SOCK_FDS_MAX descriptors; false when the other side is gone. sock_get: the next
 * packet, waiting for it; NULL at the end or for what is no JSON. ${fds} get the descriptors, or -1. */
bool sock_put(int sock, const struct js *j, const int *fds, size_t n) MUST_CHECK;
struct js *sock_get(int sock, int fds[SOCK_FDS_MAX]) MUST_CHECK;

/* worker_inner.c: what the inner process does, as pid 1 of its space: 0, or 1 after journal_failed. */
int worker_inner(struct worker *w);

/* worker_levels.c: levels 2 and 4 over the trees that are there. 0, also when something was red; <0 when it could not be tried. */
int worker_levels(struct worker *w, struct err *e) MUST_CHECK;

/* worker_room.c */
/** room_begin(w): before anything is written; what is forked off later knows it too. */
void room_begin(const struct worker *w);
/** room_watch(w): now and then while something runs: past the disk limit it tells so and ends this process. Cheap between its looks. */
void room_watch(const struct worker *w);
/** room_gone(w): the file system has been filled since room_begin, by whomever. room_of: the bytes that so many files with so many bytes
 * take on a disk, at most. */
bool room_gone(const struct worker *w);
int room_full(const struct worker *w, const char *object, struct err *e); /* ZE_DRILLROOM, with the limit that was reached */
uint64_t room_of(uint64_t files, uint64_t bytes);

/* worker_restore.c: keys, restoring, level 1: in a process of its own, so that no other ever holds a key. Its exit status. */
int worker_restore(struct worker *w);

/* worker_content.c */
struct source;
struct opened;
struct content {
    uint64_t files, bytes, entries; /* compared */
    uint64_t early;                 /* of these files, the content while the restore went on */
    uint64_t differ, absent, more;  /* of other content or attributes; not there; there and not in the point */
    uint64_t devices, owners,
        attributes;  /* cannot be here: device nodes, owners out of range, attributes of the machine's root */
    char first[600]; /* the first difference, for people; "": none */
};
/**
 * worker_content(w, h, s, o, early, c, e):
 * Compare the tree of ${h} on the disk with the point ${o}, every byte and attribute, and look for what is there besides. 0 also
 * when something differs: ${c} says. <0 with ${e} when it could not be compared. ${early} (worker_early.h) may be NULL.
 */
struct early;
int worker_content(const struct worker *w, const struct worker_host *h, struct source *s, const struct opened *o,
    struct early *early, struct content *c, struct err *e) MUST_CHECK;

/* worker_clean.c */
/** worker_leftovers(dir, left): push {what, name} for each process, mount and name that belongs to drill directory ${dir}. */
void worker_leftovers(const char *dir, struct js *left);
/** worker_remove(q, dir, e): remove a drill's directory, whoever owns what is in it; its lock goes last. */
int worker_remove(const struct worker_request *q, const char *dir, struct err *e) MUST_CHECK;
/** worker_clean(q, e): op "clean": answers on standard output; the exit code. */
int worker_clean(const struct worker_request *q, struct err *e) MUST_CHECK;
/** worker_lock(dir, e): make ${dir}, and hold it until the descriptor is closed by everybody. ZE_BUSY. */
int worker_lock(const char *dir, struct err *e) MUST_CHECK;

#endif
