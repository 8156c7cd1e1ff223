/* tool_orchestrator_agents SOCKET HOSTS: hosts h00000 … that speak to zaibeid as serve passes their calls on (PROTOCOL.md), as
 * fast as it answers, and back nothing up. A line for each thing that a host knows to have happened: "begin HOST JOB" when it
 * was given a job, "done HOST JOB" when its result was taken, "dropped HOST JOB" when it was told to stop. Whenever
 * zaibeid is not there it is tried again. Until SIGTERM. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/sock.h"
#include "wire/frame.h"
#include "wrap/json.h"

enum { WORKERS = 4, ANSWER = 0x41, CALL = 0x01, ROUNDS = 3 };

struct host {
    char name[16];
    long long job; /* 0: idle */
    int rounds;    /* of progress that are left */
};

static void tell(const char *what, const struct host *h) {
    char line[100];
    int n = snprintf(line, sizeof line, "%s %s %lld\n", what, h->name, h->job);
    if (file_write_all(STDOUT_FILENO, line, (size_t)n) < 0) exit(1);
}

/* One call on a connection of its own; NULL when no answer came. */
static struct js *call(const char *socket, const struct host *h, const char *request) {
    struct err e = ERR_INIT;
    struct frames f;
    struct buf b;
    struct rd r;
    struct js *j = NULL;
    uint8_t type;
    size_t n;
    int fd = sock_connect(socket, &e);
    if (fd < 0) return NULL;
    frames_init(&f, fd, fd, 5000, "zaibeid");
    buf_init(&b, FRAME_MAX - 1);
    buf_str(&b, h->name);
    buf_blob(&b, request, strlen(request));
    if (frames_put_buf(&f, CALL, &b, &e) == 0 && frames_get(&f, &type, &r, &e) > 0 && type == ANSWER) {
        const uint8_t *p = rd_blob(&r, &n, FRAME_MAX);
        j = p ? js_parse(p, n, "zaibeid", &e) : NULL;
    }
    buf_free(&b);
    frames_free(&f);
    close(fd);
    return j;
}

static bool report(const char *socket, struct host *h) {
    char q[200];
    bool last = h->rounds == 0;
    if (last) snprintf(q, sizeof q, "{\"op\":\"result\",\"job\":\"%lld\",\"state\":\"ok\",\"point\":1}", h->job);
    else snprintf(q, sizeof q, "{\"op\":\"progress\",\"job\":\"%lld\",\"phase\":\"send\",\"files\":1}", h->job);
    CLEANUP_JS struct js *j = call(socket, h, q);
    if (!j || js_get(j, "error")) return false;
    bool stop = !last && js_bool(j, "cancel", false);
    if (last || stop) tell(last ? "done" : "dropped", h), h->job = 0;
    else h->rounds--;
    return true;
}

static bool call_in(const char *socket, struct host *h) {
    CLEANUP_JS struct js *j = call(socket, h, "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}");
    const struct js *offer = js_at(js_get(j, "jobs"), 0);
    if (offer) {
        h->job = atoll(js_str(offer, "job", "0")), h->rounds = (int)(h->job % ROUNDS);
        tell("begin", h);
    }
    return j && !js_get(j, "error");
}

static int work(const char *socket, int from, int n) {
    struct host *hosts = calloc((size_t)n, sizeof *hosts);
    if (!hosts) return 1;
    for (int i = 0; i < n; i++) snprintf(hosts[i].name, sizeof hosts[i].name, "h%05d", from + i);
    for (int i = 0;; i = (i + 1) % n)
        if (!(hosts[i].job ? report(socket, &hosts[i]) : call_in(socket, &hosts[i]))) poll(NULL, 0, 20);
}

int main(int argc, char **argv) {
    int n = argc == 3 ? atoi(argv[2]) / WORKERS : 0;
    if (n < 1) return fprintf(stderr, "usage: tool_orchestrator_agents SOCKET HOSTS (%d or more)\n", WORKERS), 2;
    signal(SIGPIPE, SIG_IGN);
    setpgid(0, 0);
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0) return work(argv[1], i * n, n);
    while (wait(NULL) > 0) {}
    return 1;
}
