/* Pid 1 of the space: first the process with the keys, until it has ended; then, without any key, the levels. Whatever is
 * started here ends with this process. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "worker.h"
#include "worker_space.h"

static int keys_process(struct worker *w, struct err *e) {
    int status = 0;
    pid_t pid = fork();
    if (pid < 0) return err_sys(e, NULL, "fork");
    if (pid == 0) _exit(worker_restore(w));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return err_set(e, ZE_DRILLFAILED, NULL,
        _("the restoring process died of signal %d; the memory limit may be too low"), WTERMSIG(status));
}

/* Which trees are there: what the process with the keys knew has gone with it. */
static void trees_look(struct worker_request *q) {
    for (size_t i = 0; i < q->hosts; i++) q->host[i].restored = access(q->host[i].tree, F_OK) == 0;
}

static int inner(struct worker *w, struct err *e) {
    struct pollfd outer = {.fd = w->sock};
    if (poll(&outer, 1, 0) > 0 && (outer.revents & POLLHUP)) return err_set(e, ZE_CANCELLED, NULL, "poll");
    if (w->q->op == WORKER_DRILL && mkdir("/work/trees", 0755) < 0) return err_sys(e, "trees", "mkdir");
    room_begin(w);
    int rc = keys_process(w, e);
    if (rc != 0 || w->q->level < 2) return rc;
    trees_look(w->q);
    return worker_levels(w, e);
}

int worker_inner(struct worker *w) {
    struct err e = ERR_INIT;
    int rc = inner(w, &e);
    if (rc < 0) journal_failed(w, &e);
    return rc != 0;
}
