/** What the files of the outer process share: the run of one order. */
#ifndef AGENT_WORKER_OUTER_H
#define AGENT_WORKER_OUTER_H

#include "transport.h"
#include "worker.h"
#include "worker_space.h"

enum { LINE_MAX_BYTES = 4 << 20, LISTENERS = 2, READERS_MAX = 2 * WORKER_HOSTS_MAX };

struct outer {
    struct worker_request *q;
    struct clock *clock;
    struct buf in; /* what came on standard input and is no whole line yet */
    struct space space;
    char room[3200]; /* dir/space */
    int lock, sock, listener[LISTENERS];
    pid_t inner;
    struct transport reader[READERS_MAX]; /* commands that read points */
    size_t readers;
    int64_t granted_ns; /* monotonic: the time limit counts from here; 0: no grant has come yet */
    int64_t wall_ns;    /* the wall clock less the monotonic one, at the beginning and again when a grant comes */

    /* What the journal has told so far. */
    struct js *walk_starts, *first_red, *left; /* first_red: NULL while nothing is red */
    char phase[300];                           /* the last one that began, for people */
    bool egress_tried, egress_open, cancelled;
    struct err failed; /* the drill itself could not be done */
};

/** worker_line(in, fd, out, e): 1 and the next line (without its end, NUL-terminated, valid until the next call), 0 when none is
 * whole yet, <0 at the end of the input or past LINE_MAX_BYTES. Reads at most once. */
int worker_line(struct buf *in, int fd, char **out) MUST_CHECK;

/** outer_serve(o): pass on what the inner process tells, do what it asks for, hear what is ordered, until it has ended or is to be
 * ended. */
void outer_serve(struct outer *o);
/** outer_event(o, j): one line of the journal: date it, take note of it, print it. */
void outer_event(struct outer *o, struct js *j);
void outer_print(const struct js *j);
/** outer_clock(o): from here on the journal's times go on from the wall clock of now by the monotonic one: whoever sets the clock
 * while a drill runs makes no RTO shorter. */
void outer_clock(struct outer *o);

/** worker_connect(path, e): pass orders to a worker behind the unix socket ${path}, and its journal back: its exit code. ZE_UNREACHABLE,
 * ZE_CUT. */
int worker_connect(const char *path, struct err *e) MUST_CHECK;

/* worker_egress.c */
/** egress_listen(q, fds, e): listen at every address of this machine, on a port of its own; q->egress names them. */
int egress_listen(struct worker_request *q, int fds[LISTENERS], struct err *e) MUST_CHECK;
/** egress_heard(fds): somebody has connected. */
bool egress_heard(const int fds[LISTENERS]);

#endif
