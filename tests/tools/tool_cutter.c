/* tool_cutter PLAN LOG PROGRAM [ARGUMENT...]: stands between an agent and the `serve` it starts, passes all bytes on,
 * and cuts the stream where PLAN (a file of one line) says:
 *
 *   up K       after K messages from the agent were passed whole     down K     after K from the vault
 *   up-bytes N, down-bytes N                                          never
 *   hold-down K   nothing from the vault is passed after its message K; nothing is closed (a silent vault)
 *   hold-up K     the same for the agent's messages
 *   slow N        about N bytes a second, both directions together
 *
 * The plan is for one session: the file is removed when it was read, and without one nothing is cut.
 *
 * A cut closes both sides; the program may finish what it has heard, what it then says is lost. At the end one line is
 * appended to LOG: messages and bytes passed up, messages and bytes passed down, then the types of the messages passed
 * (hex, with > for up and < for down) in the order they were seen. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP = 64 << 10, TYPES_MAX = 1 << 20, MAGIC = 8, HEAD = 5 };

struct way {
    char mark;
    int from, to;
    uint64_t messages, bytes, limit_messages, limit_bytes;
    bool hold, held; /* at its limit it keeps silent instead of cutting */
    uint8_t head[HEAD];
    unsigned have;  /* of magic or head */
    bool greeted, ended;
    uint64_t left;  /* of the message under way */
};

static char *types;
static unsigned long long rate; /* bytes a second; 0: as they come */
static size_t types_n;

static void note(const struct way *w) {
    if (types_n + 8 < TYPES_MAX) types_n += (size_t)sprintf(types + types_n, " %c%02x", w->mark, w->head[4]);
}

/* How many of ${n} bytes may be passed; counts messages. 0 when the limit is reached. */
static size_t allow(struct way *w, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (w->messages >= w->limit_messages || w->bytes >= w->limit_bytes) return i;
        w->bytes++;
        if (!w->greeted) {
            w->greeted = ++w->have == MAGIC;
            if (w->greeted) w->have = 0;
        } else if (w->have < HEAD) {
            w->head[w->have++] = p[i];
            if (w->have == 4) w->left = w->head[0] | w->head[1] << 8 | w->head[2] << 16 | (uint64_t)w->head[3] << 24;
            if (w->have < HEAD) continue;
            note(w);
            w->left--;
        } else {
            size_t more = w->left < n - i ? (size_t)w->left : n - i;
            if (more > w->limit_bytes - w->bytes + 1) more = (size_t)(w->limit_bytes - w->bytes + 1);
            w->left -= more, w->bytes += more - 1, i += more - 1;
        }
        if (w->greeted && w->have == HEAD && !w->left) w->messages++, w->have = 0;
    }
    return n;
}

static bool pass(struct way *w) {
    static uint8_t p[STEP];
    if (rate) usleep(100000);
    ssize_t n = read(w->from, p, rate ? rate / 10 : sizeof p);
    if (n <= 0) {
        w->ended = true;
        return false;
    }
    size_t may = allow(w, p, (size_t)n);
    for (size_t at = 0; at < may;) {
        ssize_t put = write(w->to, p + at, may - at);
        if (put < 0) return false;
        at += (size_t)put;
    }
    if (w->messages < w->limit_messages && w->bytes < w->limit_bytes) return true;
    return w->held = w->hold;
}

static void plan_read(const char *path, struct way *up, struct way *down) {
    char word[32] = "never";
    unsigned long long n = 0;
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%31s %llu", word, &n) < 1) strcpy(word, "never");
    if (f) fclose(f), unlink(path);
    if (!strcmp(word, "up")) up->limit_messages = n;
    if (!strcmp(word, "down")) down->limit_messages = n;
    if (!strcmp(word, "up-bytes")) up->limit_bytes = n;
    if (!strcmp(word, "down-bytes")) down->limit_bytes = n;
    if (!strcmp(word, "slow")) rate = n < 10 ? 10 : n < STEP ? n : STEP;
    if (!strcmp(word, "hold-up")) up->limit_messages = n, up->hold = true;
    if (!strcmp(word, "hold-down")) down->limit_messages = n, down->hold = true;
}

static void log_write(const char *path, const struct way *up, const struct way *down) {
    FILE *f = fopen(path, "a");
    if (!f) return;
    fprintf(f, "%llu %llu %llu %llu%s\n", (unsigned long long)up->messages, (unsigned long long)up->bytes,
        (unsigned long long)down->messages, (unsigned long long)down->bytes, types);
    fclose(f);
}

static pid_t start(char **argv, int *to, int *from) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(in[0]), close(out[1]);
    *to = in[1], *from = out[0];
    return pid;
}

int main(int argc, char **argv) {
    struct way up = {.mark = '>', .from = 0, .limit_messages = UINT64_MAX, .limit_bytes = UINT64_MAX};
    struct way down = {.mark = '<', .to = 1, .limit_messages = UINT64_MAX, .limit_bytes = UINT64_MAX};
    if (argc < 4) return 2;
    signal(SIGPIPE, SIG_IGN);
    types = calloc(1, TYPES_MAX);
    plan_read(argv[1], &up, &down);
    pid_t pid = start(argv + 3, &up.to, &down.from);
    if (pid < 0 || !types) return 2;
    for (;;) {
        struct pollfd p[2] = {{.fd = up.from, .events = up.held ? 0 : POLLIN},
            {.fd = down.from, .events = down.held ? 0 : POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR) break;
        if ((up.held && p[0].revents) || (down.held && up.ended)) break; /* who was kept waiting has gone */
        /* What the vault said before the agent's limit is reached is passed first. */
        if (p[1].revents && !pass(&down)) break;
        if (!p[1].revents && p[0].revents && !pass(&up)) {
            if (!up.ended) break;
            close(up.to); /* the agent has ended; the program may still answer */
            up.from = -1;
        }
    }
    close(0), close(1);
    if (!up.ended) close(up.to);
    /* The program hears the end of its input only, so that it finishes what it was told. */
    static uint8_t lost[STEP];
    while (down.from >= 0 && read(down.from, lost, sizeof lost) > 0) continue;
    log_write(argv[2], &up, &down);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
