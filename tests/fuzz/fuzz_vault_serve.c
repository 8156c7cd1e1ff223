/* serve's reading of what a hostile agent sends: the input is the agent's side of a session, after the magic. A
 * thread plays the keeper and agrees to everything, so that the code behind each message is reached. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve.h"

/* faults: C7 C8 C9 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int pack_fd = -1;

/* A pack with one segment of 100 bytes in slot 0. */
static void sample_make(void) {
    struct pack_header h = {.kind = PACK_META};
    struct pack_row row = {.offset = PACK_HEADER, .len = 100};
    struct pack_trailer t = {.index_at = PACK_HEADER + 100, .count = 1};
    uint8_t head[PACK_HEADER], seg[100] = {1}, rows[PACK_ROW], tail[PACK_TRAILER];
    struct hash_state hash;
    seal_hash(row.hash, seg, sizeof seg);
    pack_header_put(head, &h);
    pack_row_put(rows, &row);
    hash_init(&hash, NULL);
    hash_update(&hash, head, sizeof head);
    hash_update(&hash, rows, sizeof rows);
    hash_final(&hash, t.hash);
    pack_trailer_put(tail, &t);
    pack_fd = memfd_create("pack", MFD_CLOEXEC);
    if (write(pack_fd, head, sizeof head) < 0 || write(pack_fd, seg, sizeof seg) < 0 ||
        write(pack_fd, rows, sizeof rows) < 0 || write(pack_fd, tail, sizeof tail) < 0)
        abort();
}

static void fd_send(int sock, int fd) {
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    (void)!sendmsg(sock, &m, MSG_NOSIGNAL);
}

static void *keeper_play(void *arg) {
    static const uint8_t answer[256] = {[K_BIND] = F_OKAY,
        [F_HELLO] = F_WELCOME,
        [F_LIST] = F_LIST_END,
        [F_BEGIN] = F_BEGUN,
        [K_SPOOL] = F_OKAY,
        [K_PLACE] = F_PACK_DONE,
        [F_CALL] = F_ANSWER,
        [F_PING] = F_PONG,
        [F_USED] = F_OKAY,
        [F_COMMIT] = F_COMMITTED,
        [F_ABANDON] = F_OKAY,
        [F_INDEX] = F_INDEX_DATA,
        [K_OPEN] = F_OKAY,
        [F_ENROL] = F_ENROLLED};
    static const uint8_t zeros[4 + 3 * SEAL_ID + 100];
    int sock = *(int *)arg;
    struct frames f;
    struct err e = ERR_INIT;
    uint8_t type;
    struct rd r;
    bool spool = false;
    frames_init(&f, sock, sock, -1, "serve");
    while (frames_get(&f, &type, &r, &e) > 0) {
        if (type == K_SPOOL || type == K_OPEN) spool = type == K_SPOOL;
        size_t n = type == K_PLACE ? 12 : sizeof zeros;
        if (type == K_TAKE) {
            int fd = spool ? memfd_create("spool", MFD_CLOEXEC) : dup(pack_fd);
            fd_send(sock, fd);
            close(fd);
        } else if (frames_put(&f, answer[type], zeros, n, NULL, 0, &e) < 0) {
            break;
        }
    }
    frames_free(&f);
    close(sock);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct serve s;
    pthread_t keeper;
    int pair[2];
    if (pack_fd < 0) {
        signal(SIGPIPE, SIG_IGN);
        if (seal_init(&e) < 0) abort();
        sample_make();
    }
    if (size < 1) return 0;
    int in = memfd_create("agent", MFD_CLOEXEC), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (write(in, FRAME_MAGIC, 8) != 8 || write(in, data + 1, size - 1) < 0 || lseek(in, 0, SEEK_SET) != 0) abort();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pthread_create(&keeper, NULL, keeper_play, &pair[1]) != 0)
        abort();
    if (serve_init(&s, in, out, pair[0], &e) < 0) abort();
    s.host = "web", s.system = "oa", s.mode = data[0] & 1 ? BIND_TOKEN : BIND_HOST;
    if (serve_bind(&s, &e) < 0) abort();
    (void)!serve_loop(&s, &e);
    serve_free(&s);
    close(pair[0]);
    pthread_join(keeper, NULL);
    close(in);
    close(out);
    return 0;
}
