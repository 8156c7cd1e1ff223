/* One order from its line to its end. Whatever happens in between, the end is the same: the inner process is killed, which ends
 * everything in its space; the directory is removed; it is looked whether anything is left; then the last line is written.
 *
 * If interrupted here, the kernel ends the inner process with us, and only the directory is left, with a lock that nobody holds:
 * op "clean" removes it. */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "command.h"
#include "sys/file.h"
#include "worker_net.h"
#include "worker_outer.h"

enum { READER_END_MS = 2000 };

static int inside(void *arg) { return worker_inner(arg); }

/* The inner process has a copy of everything the order says; its end of the socket is the only descriptor it keeps. */
static int inner_start(struct outer *o, struct err *e) {
    int pair[2];
    struct worker w = {.q = o->q, .clock = o->clock};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return err_sys(e, o->q->id, "socketpair");
    o->sock = pair[0], w.sock = o->space.keep = pair[1];
    o->inner = space_start(&o->space, inside, &w, e);
    close(pair[1]);
    return o->inner < 0 ? -1 : 0;
}

static int begin(struct outer *o, struct err *e) {
    struct worker_request *q = o->q;
    o->lock = worker_lock(q->dir, e);
    if (o->lock < 0) return -1;
    snprintf(o->room, sizeof o->room, "%s/space", q->dir);
    o->space = (struct space){
        .dir = o->room, .target = q->target, .base = q->ids_base, .count = q->ids_count, .memory = q->memory};
    if (q->op == WORKER_DRILL) o->space.target = NULL;
    if (space_ids(&o->space, e) < 0 || space_dir(o->room, &o->space, e) < 0) return -1;
    q->ids_base = o->space.base, q->ids_count = o->space.count; /* from here on they are known */
    if (o->space.target && space_dir(o->space.target, &o->space, e) < 0) return -1;
    if (q->level >= 2 && egress_listen(q, o->listener, e) < 0) return -1;
    if (inner_start(o, e) < 0) return -1;
    return q->egress_open ? net_leak_outside(o->inner, e) : 0;
}

/* Why it has ended, where it could not say so itself. */
static void inner_end(struct outer *o) {
    int status = 0;
    if (o->inner <= 0) return;
    if (o->cancelled || o->failed.id != ZE_NONE) kill(o->inner, SIGKILL);
    while (waitpid(o->inner, &status, 0) < 0 && errno == EINTR) {}
    if (o->cancelled || o->failed.id != ZE_NONE || status == 0) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SPACE_FAILED)
        err_set(&o->failed, ZE_SPACE, o->q->id, _("see the log above it"));
    else
        err_set(&o->failed, ZE_DRILLFAILED, o->q->id, _("the inner process ended with status %d, in: %s"), status,
            o->phase);
}

static void readers_end(struct outer *o) {
    char words[2048];
    struct err e = ERR_INIT;
    for (size_t i = 0; i < o->readers; i++) {
        (void)proc_wait(&o->reader[i].child, READER_END_MS, &e);
        child_words(&o->reader[i], words, sizeof words);
        if (*words) fprintf(stderr, "%s\n", words);
        close(o->reader[i].errfd);
    }
}

static void teardown(struct outer *o) {
    struct err e = ERR_INIT;
    inner_end(o);
    struct js *j = js_object();
    int64_t began = o->clock->mono_ns(o->clock);
    js_set_str(j, "event", "phase");
    js_set_str(j, "host", "");
    js_set_str(j, "phase", "teardown");
    js_set_str(j, "name", "");
    js_set_str(j, "state", "begin");
    outer_event(o, j);
    readers_end(o);
    if (o->lock >= 0 && worker_remove(o->q, o->q->dir, &e) < 0) err_print("worker", &e);
    worker_leftovers(o->q->dir, o->left);
    js_set_ms(j, "seconds", (o->clock->mono_ns(o->clock) - began) / 1000000);
    js_set_str(j, "state", js_count(o->left) ? "red" : "ok");
    if (js_count(o->left)) js_set_str(j, "detail", js_str(js_at(o->left, 0), "name", ""));
    outer_event(o, j);
    js_free(j);
}

static const char *verdict(struct outer *o) {
    if (o->failed.id == ZE_CANCELLED) o->cancelled = true;
    if (o->cancelled) return "cancelled";
    if (o->q->egress_open && !o->egress_open && o->failed.id == ZE_NONE)
        err_set(&o->failed, ZE_DRILLFAILED, o->q->id, _("the control did not turn the drill red"));
    return o->failed.id != ZE_NONE ? "failed" : o->first_red ? "red" : "green";
}

static int end(struct outer *o) {
    char id[16];
    CLEANUP_JS struct js *j = js_object();
    const char *v = verdict(o);
    js_set_str(j, "event", "end");
    js_set_str(j, "verdict", v);
    js_set(j, "walk_starts", o->walk_starts);
    js_set(j, "left", o->left);
    if (o->first_red) js_set(j, "first_red", o->first_red);
    if (o->egress_tried) js_set_str(j, "egress", o->egress_open ? "open" : "closed");
    if (o->q->egress_open) js_set_str(j, "control", "egress-open");
    if (!strcmp(v, "failed")) {
        snprintf(id, sizeof id, "ZB-%u", (unsigned)o->failed.id);
        js_set_str(j, "id", id);
        js_set_str(j, "object", o->failed.object);
        js_set_str(j, "message", *o->failed.msg ? o->failed.msg : err_text(o->failed.id));
    }
    outer_print(j);
    return *v == 'g' ? ZB_EXIT_OK : *v == 'c' ? ZB_EXIT_CANCELLED : ZB_EXIT_FAILED;
}

static int order_run(struct outer *o) {
    struct err e = ERR_INIT;
    o->lock = o->sock = -1;
    for (size_t i = 0; i < LISTENERS; i++) o->listener[i] = -1;
    o->walk_starts = js_object(), o->left = js_array();
    outer_clock(o);
    if (begin(o, &e) == 0) outer_serve(o);
    else o->failed = e;
    if (egress_heard(o->listener)) o->egress_tried = o->egress_open = true;
    teardown(o);
    for (size_t i = 0; i < LISTENERS; i++) file_close_ptr(&o->listener[i]);
    file_close_ptr(&o->sock);
    file_close_ptr(&o->lock);
    return end(o);
}

/* The first line, whenever it comes. */
static int order_read(struct buf *in, struct worker_request *q, struct err *e) {
    char *line;
    int rc = 0;
    while (rc == 0) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (command_cancelled(NULL)) return err_set(e, ZE_CANCELLED, NULL, _("before an order came"));
        if (poll(&p, 1, 250) > 0) rc = worker_line(in, STDIN_FILENO, &line);
    }
    if (rc < 0) return err_set(e, ZE_USAGE, NULL, _("no order came on standard input; see zaibei-agent(1)"));
    return worker_request_read(line, strlen(line), q, e);
}

int cmd_worker(int argc, char **argv, struct err *e) {
    static struct worker_request q;
    static struct outer o;
    const char *connect = NULL;
    const struct command_option options[] = {{"--connect", OPT_TEXT, &connect}, {NULL, OPT_FLAG, NULL}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("orders come on standard input"));
    if (connect) return worker_connect(connect, e);
    /* newuidmap wants to see whose process it maps; this one never has a secret */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    umask(022); /* whoever starts it may have a stricter one; the users of a restored machine look into what is made for them */
    o.q = &q, o.clock = clock_real();
    buf_init(&o.in, LINE_MAX_BYTES);
    int rc = order_read(&o.in, &q, e);
    if (rc == 0) rc = q.op == WORKER_CLEAN ? worker_clean(&q, e) : order_run(&o);
    buf_free(&o.in);
    worker_request_free(&q);
    return rc;
}
