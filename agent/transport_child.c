/* Starting the agent's child with exactly the descriptors it needs, and collecting it and its last words. The pipe for its
 * standard error does not block: nobody has to read it while all goes well, and a peer cannot fill more than the pipe. */
#include "transport.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { PIPE_BYTES = 1 << 20 };

void program_self(char *out, size_t cap) {
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);
    out[n > 0 ? n : 0] = 0;
    if (access(out, X_OK) < 0) snprintf(out, cap, "/proc/self/exe");
}

void program_path(const char *name, char *out, size_t cap) {
    char self[4096];
    program_self(self, sizeof self);
    snprintf(out, cap, "%.*s/%s", (int)(strrchr(self, '/') - self), self, name);
    if (access(out, X_OK) < 0) snprintf(out, cap, "%s", name);
}

int child_start(const char *const *argv, int cwd, int control, struct transport *t, struct err *e) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, said[2] = {-1, -1}, rc = -1;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC | O_NONBLOCK) < 0 ||
        fcntl(in[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0 || fcntl(out[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0) {
        err_sys(e, argv[0], "pipe");
    } else {
        (void)fcntl(in[1], F_SETPIPE_SZ, PIPE_BYTES); /* fewer wake-ups; the default will do */
        (void)fcntl(out[1], F_SETPIPE_SZ, PIPE_BYTES);
        rc = proc_spawn_apart(&t->child, argv, (int[]){in[0], out[1], said[1], control}, control < 0 ? 3 : 4, cwd, e);
    }
    if (rc == 0) {
        t->wfd = in[1], t->rfd = out[0], t->errfd = said[0];
        in[1] = out[0] = said[0] = -1;
    }
    for (int i = 0; i < 2; i++) file_close_ptr(&in[i]), file_close_ptr(&out[i]), file_close_ptr(&said[i]);
    return rc;
}

void child_words(struct transport *t, char *out, size_t cap) {
    size_t n = 0;
    char more[1024];
    ssize_t got;
    while (t->errfd >= 0 && (got = read(t->errfd, more, sizeof more)) > 0) {
        size_t take = (size_t)got < cap - 1 ? (size_t)got : cap - 1, keep = n < cap - 1 - take ? n : cap - 1 - take;
        memmove(out, out + n - keep, keep);
        memcpy(out + keep, more + (size_t)got - take, take);
        n = keep + take;
    }
    out[n] = 0;
}
