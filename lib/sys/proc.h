/**
 * Children: started without a shell, with exactly the descriptors they are given, and never forgotten.
 */
#ifndef SYS_PROC_H
#define SYS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/**
 * proc_begin():
 * First in main: whatever started us, descriptors 0, 1 and 2 are open (/dev/null where they were not), no signal is blocked,
 * children can be waited for, and a file that grows past its limit is an error (EFBIG), not a signal. Ends the process when
 * there is no /dev/null.
 */
void proc_begin(void);

enum { PROC_FDS_MAX = 12 };

struct proc {
    pid_t pid;    /* 0: none */
    int in, out;  /* our ends of its standard input and output, or -1 */
    char name[64];
};
#define PROC_NONE {.pid = 0, .in = -1, .out = -1}

/**
 * proc_spawn(p, argv, fds, n, e):
 * Start argv[0] (searched in PATH) with descriptor i being a copy of fds[i] for i < ${n} ≤ PROC_FDS_MAX (-1: /dev/null;
 * where ${n} ≤ 2 standard error is ours, missing ones are /dev/null) and no other descriptor. Signals have their default
 * action and none is blocked. ${fds} stay the caller's. Return 0, or <0: ZE_CHILD naming the program when it cannot be
 * executed. p->in and p->out are -1.
 */
int proc_spawn(struct proc *p, const char *const argv[], const int *fds, size_t n, struct err *e) MUST_CHECK;

/** proc_spawn_apart: the same in a process group of its own, so that ^C is ours alone to handle, and with ${cwd} (a directory
 * descriptor, or -1) as working directory. */
int proc_spawn_apart(struct proc *p, const char *const argv[], const int *fds, size_t n, int cwd, struct err *e)
    MUST_CHECK;

/** proc_open(p, argv, e): the same with pipes: we write p->in, it reads them as standard input, and the other way about. */
int proc_open(struct proc *p, const char *const argv[], struct err *e) MUST_CHECK;

/**
 * proc_wait(p, timeout_ms, e):
 * Close our ends, wait for the end of the child (-1: as long as it takes). When it has not ended in time it gets SIGTERM,
 * two seconds later SIGKILL. Return its exit status 0…255, or <0 with ZE_CHILD when it died of a signal or was killed. A
 * proc without a child gives 0. Afterwards p->pid is 0.
 */
int proc_wait(struct proc *p, int timeout_ms, struct err *e);

/** proc_step_back(idle): this process does what can wait: it comes last at the disk from now on, with ${idle} only when nobody
 * else wants it, and the processor too. What the kernel refuses stays as it is. */
void proc_step_back(bool idle);

#endif
