/* The way to a worker that somebody else has started: zaibeid's own service may not make namespaces, and should not, so systemd starts
 * a worker for each connection to a socket (dist/systemd/zaibei-worker.socket). Bytes go both ways as they are; the last line says
 * how it ended. When this process ends, the worker sees the end of its input, and clears away. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "command.h"
#include "sys/file.h"
#include "sys/sock.h"
#include "worker_outer.h"

enum { CHUNK = 64 << 10, STEP_MS = 250 };

/* From the worker: 0 at its end. */
static int take(int sock, struct buf *in, struct js **last) {
    char *line;
    int rc = worker_line(in, sock, &line);
    for (; rc > 0; rc = memchr(in->p, '\n', in->len) ? worker_line(in, sock, &line) : 0) {
        struct err ignored = ERR_INIT;
        js_free(*last);
        *last = js_parse(line, strlen(line), "worker", &ignored);
        puts(line);
        fflush(stdout);
    }
    return rc == 0;
}

/* To the worker: false when there is no more to say. */
static bool give(int sock) {
    char more[CHUNK];
    ssize_t n = read(STDIN_FILENO, more, sizeof more);
    if (n < 0 && errno == EINTR) return true;
    return n > 0 && file_write_all(sock, more, (size_t)n) == 0;
}

static void relay(int sock, struct buf *in, struct js **last) {
    struct pollfd p[] = {{.fd = sock, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    for (bool open = true; open;) {
        if (command_cancelled(NULL) && p[1].fd >= 0) p[1].fd = -1, shutdown(sock, SHUT_WR);
        if (poll(p, 2, STEP_MS) <= 0) continue;
        if (p[0].revents) open = take(sock, in, last);
        if (p[1].fd >= 0 && p[1].revents && !give(sock)) p[1].fd = -1, shutdown(sock, SHUT_WR);
    }
}

int worker_connect(const char *path, struct err *e) {
    struct buf in;
    struct js *last = NULL;
    CLEANUP_FD int sock = sock_connect(path, e);
    if (sock < 0) return -1;
    buf_init(&in, LINE_MAX_BYTES);
    relay(sock, &in, &last);
    buf_free(&in);
    char verdict[16];
    snprintf(verdict, sizeof verdict, "%s", js_str(last, "verdict", js_str(last, "event", "")));
    js_free(last);
    if (!*verdict) return err_set(e, ZE_CUT, path, _("the worker ended without a word"));
    if (!strcmp(verdict, "green") || !strcmp(verdict, "clean")) return ZB_EXIT_OK;
    return strcmp(verdict, "cancelled") ? ZB_EXIT_FAILED : ZB_EXIT_CANCELLED;
}
