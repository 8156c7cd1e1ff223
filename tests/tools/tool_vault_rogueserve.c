/* A program in the place of serve, as if a hostile host had taken it over: it connects to the keeper and says whose session
 * it is, as the forced command fixes it, confines itself as serve does, and then tries everything. Each attempt must be
 * refused; whoever started it compares the vault afterwards.
 *
 *   tool_vault_rogueserve DIR HOST VICTIM VICTIM-GENERATION OWN-GENERATION OWN-DATA-PACK KEEPER-PID
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "confine.h"
#include "door.h"
#include "keeper_proto.h"
#include "packs.h"
#include "vault.h"
#include "wire/frame.h"
#include "wire/record.h"

static struct frames f;
static int dir_fd, bad, tried;
static uint8_t victim_gen[SEAL_ID], own_gen[SEAL_ID], system_id[SEAL_ID], host_id[SEAL_ID], gen[SEAL_ID];
static uint32_t first_pack, own_data;
static const uint8_t nothing[SEAL_HASH];
static const char *victim, *own;

static void judge(const char *what, bool refused) {
    tried++;
    bad += !refused;
    printf("%s: %s\n", refused ? "refused" : "GOT THROUGH", what);
}

/* 0 when the answer is of type ${want}, else the number of the error; the payload in ${r}. */
static int ask(uint8_t type, const struct buf *b, uint8_t want, struct rd *r) {
    struct err e = ERR_INIT;
    uint8_t got = 0;
    if (frames_put(&f, type, b ? b->p : NULL, b ? b->len : 0, NULL, 0, &e) < 0 || frames_get(&f, &got, r, &e) <= 0) {
        printf("the keeper has gone\n");
        exit(2);
    }
    if (got == F_ERROR) return frames_take_error(r, &e), (int)e.id;
    return got == want ? 0 : -1;
}

static void try_ask(const char *what, uint8_t type, struct buf *b, uint8_t want) {
    struct rd r;
    int rc = ask(type, b, want, &r);
    judge(what, rc > 0);
    buf_reset(b);
}

/* ---- what a process can try ---- */

static void try_file(const char *what, int dirfd, const char *name) {
    struct stat st;
    char label[512];
    snprintf(label, sizeof label, "read, write, list, remove, rename, link, stat %s", what);
    judge(label,
        openat(dirfd, name, O_RDONLY) < 0 && openat(dirfd, name, O_WRONLY) < 0 &&
            openat(dirfd, name, O_WRONLY | O_CREAT, 0600) < 0 && openat(dirfd, name, O_PATH) < 0 &&
            unlinkat(dirfd, name, 0) < 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 &&
            renameat(dirfd, name, dirfd, "x") < 0 && linkat(dirfd, name, dirfd, "x", 0) < 0 &&
            symlinkat(name, dirfd, "x") < 0 && mkdirat(dirfd, name, 0700) < 0 && fchmodat(dirfd, name, 0777, 0) < 0 &&
            fstatat(dirfd, name, &st, 0) < 0 && mknodat(dirfd, "x", S_IFIFO | 0600, 0) < 0);
}

static void try_files(void) {
    char name[256], hex[HEX_ID];
    text_hex(hex, victim_gen, SEAL_ID);
    snprintf(name, sizeof name, "store/hosts/%s/packs/%s/00000000.00", victim, hex);
    try_file("the victim's pack", dir_fd, name);
    snprintf(name, sizeof name, "store/hosts/%s/log/0000000000000000", victim);
    try_file("the victim's log", dir_fd, name);
    try_file("the signing key", dir_fd, "keeper/key");
    try_file("the victim's rights", dir_fd, "rights");
    try_file("the spool", dir_fd, "spool");
    try_file("authorized_keys", dir_fd, "ssh/authorized_keys");
    try_file("/etc/passwd", AT_FDCWD, "/etc/passwd");
    try_file("/proc/self/mem", AT_FDCWD, "/proc/self/mem");
}

static void try_sockets(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int pair[2];
    judge("a unix socket, an internet socket, a pair",
        socket(AF_UNIX, SOCK_STREAM, 0) < 0 && socket(AF_INET, SOCK_STREAM, 0) < 0 &&
            socket(AF_INET6, SOCK_DGRAM, 0) < 0 && socket(AF_NETLINK, SOCK_RAW, 0) < 0 &&
            socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0);
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", dir_fd, CONTROL_SOCKET);
    judge("connect, bind, listen, accept with a socket that is there",
        connect(f.rfd, (struct sockaddr *)&a, sizeof a) < 0 && bind(f.rfd, (struct sockaddr *)&a, sizeof a) < 0 &&
            listen(f.rfd, 1) < 0 && accept(f.rfd, NULL, NULL) < 0);
}

static void try_processes(pid_t keeper) {
    struct iovec iov = {&keeper, sizeof keeper};
    judge("signals to the keeper",
        kill(keeper, SIGTERM) < 0 && kill(keeper, 0) < 0 && kill(-1, 0) < 0 &&
            syscall(SYS_tgkill, keeper, keeper, 9) < 0 && syscall(SYS_pidfd_open, keeper, 0) < 0 &&
            sigqueue(keeper, SIGKILL, (union sigval){0}) < 0);
    judge("signals by a descriptor's owner", fcntl(f.rfd, F_SETOWN, keeper) < 0 && fcntl(f.rfd, F_SETSIG, SIGKILL) < 0);
    judge("ptrace, memory of others",
        ptrace(PTRACE_ATTACH, keeper, 0, 0) < 0 && ptrace(PTRACE_SEIZE, keeper, 0, 0) < 0 &&
            process_vm_readv(keeper, &iov, 1, &iov, 1, 0) < 0 && process_vm_writev(keeper, &iov, 1, &iov, 1, 0) < 0);
    judge("exec and new processes",
        execl("/bin/sh", "sh", "-c", "exit 0", NULL) < 0 && fork() < 0 &&
            syscall(SYS_execveat, dir_fd, "x", NULL, NULL, 0) < 0 && syscall(SYS_unshare, 0) < 0);
    judge("another user, limits, namespaces, keys, io_uring, bpf, memfd",
        setuid(0) < 0 && setgid(0) < 0 && syscall(SYS_prlimit64, keeper, 0, NULL, NULL) < 0 &&
            syscall(SYS_setns, dir_fd, 0) < 0 && syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0 &&
            syscall(SYS_io_uring_setup, 1, NULL) < 0 && syscall(SYS_bpf, 0, NULL, 0) < 0 &&
            syscall(SYS_memfd_create, "x", 0) < 0 && syscall(SYS_mount, "x", "y", "z", 0, NULL) < 0);
}

/* ---- what can be said to the keeper ---- */

static struct buf b; /* the payload of the next request */

static void put_place(uint32_t pack, uint8_t kind) { buf_u32(&b, pack), buf_u8(&b, kind); }

static void put_bind(uint8_t mode, const char *host) { buf_u8(&b, mode), buf_str(&b, host), buf_str(&b, "oa"); }

static int fd_receive(void) {
    struct err e = ERR_INIT;
    char byte;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    int fd = -1;
    if (frames_put(&f, K_TAKE, NULL, 0, NULL, 0, &e) < 0 || frames_flush(&f, &e) < 0) exit(2);
    if (recvmsg(f.rfd, &m, 0) == 1 && CMSG_FIRSTHDR(&m)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static int spool(uint8_t kind) {
    struct rd r;
    buf_reset(&b);
    buf_u8(&b, kind);
    int rc = ask(K_SPOOL, &b, F_OKAY, &r);
    buf_reset(&b);
    return rc == 0 ? fd_receive() : -1;
}

struct forged { /* a pack of two segments of 1000 bytes, and what is wrong with it */
    uint32_t pack;
    uint8_t kind;
    const uint8_t *generation, *host;
    bool hash, gap, overlap, outside, twice, short_of;
    uint8_t fill;
};

static void pack_write(int fd, const struct forged *w) {
    uint8_t head[PACK_HEADER], seg[2000], rows[2 * PACK_ROW], tail[PACK_TRAILER];
    struct pack_header h = {.kind = w->kind, .pack = w->pack};
    struct pack_trailer t = {.index_at = PACK_HEADER + sizeof seg, .count = 2};
    struct hash_state state;
    memcpy(h.system_id, system_id, SEAL_ID);
    memcpy(h.host_id, w->host ? w->host : host_id, SEAL_ID);
    memcpy(h.generation, w->generation ? w->generation : gen, SEAL_ID);
    memset(seg, w->fill, sizeof seg);
    pack_header_put(head, &h);
    for (uint32_t i = 0; i < 2; i++) {
        struct pack_row row = {.slot = w->twice ? 0 : i, .offset = PACK_HEADER + 1000 * i, .len = 1000};
        seal_hash(row.hash, seg, 1000);
        if (w->hash) row.hash[0] ^= 1;
        if (w->gap && i == 0) row.len = 999;
        if (w->overlap && i == 1) row.offset -= 500;
        if (w->outside && i == 1) row.len = 1u << 31;
        pack_row_put(rows + i * PACK_ROW, &row);
    }
    hash_init(&state, NULL);
    hash_update(&state, head, sizeof head);
    hash_update(&state, rows, sizeof rows);
    hash_final(&state, t.hash);
    pack_trailer_put(tail, &t);
    (void)!write(fd, head, sizeof head);
    (void)!write(fd, seg, sizeof seg);
    (void)!write(fd, rows, sizeof rows);
    (void)!write(fd, tail, w->short_of ? sizeof tail - 1 : sizeof tail);
}

static int place(const struct forged *w, uint32_t as_pack, uint8_t as_kind) {
    struct rd r;
    int fd = spool(w->kind);
    pack_write(fd, w);
    put_place(as_pack, as_kind);
    int rc = ask(K_PLACE, &b, F_PACK_DONE, &r);
    buf_reset(&b);
    close(fd);
    return rc;
}

static void put_upload(uint8_t first) {
    for (int i = 0; i < SEAL_ID; i++) buf_u8(&b, first);
}

static void put_commit(uint8_t upload, const uint8_t hash[SEAL_HASH]) {
    put_upload(upload);
    buf_u8(&b, STATE_COMPLETE);
    for (int i = 0; i < 5; i++) buf_u64(&b, 0);
    buf_blob(&b, "root", 4);
    buf_vu(&b, 1);
    buf_u32(&b, 0);
    buf_put(&b, hash, SEAL_HASH);
}

static void try_others(void) {
    put_bind(BIND_HOST, victim), try_ask("the session of another host", K_BIND, &b, F_OKAY);
    put_bind(BIND_TOKEN, victim), try_ask("an enrolment as another host", K_BIND, &b, F_OKAY);
    put_bind(BIND_LOCAL, victim), try_ask("a local session", K_BIND, &b, F_OKAY);
    buf_put(&b, "{\"op\":\"hosts\"}", 14), try_ask("the platform's requests", K_CONTROL, &b, K_CONTROL);
    try_ask("an enrolment", F_ENROL, &b, F_ENROLLED);
    buf_put(&b, victim_gen, SEAL_ID), buf_u32(&b, 0), try_ask("a pack of the victim", K_OPEN, &b, F_OKAY);
    buf_put(&b, victim_gen, SEAL_ID), buf_u32(&b, 0), try_ask("an index of the victim", F_INDEX, &b, F_INDEX_DATA);
    try_ask("a descriptor that was not opened", K_TAKE, &b, F_OKAY);
    buf_put(&b, own_gen, SEAL_ID), buf_u32(&b, own_data), try_ask("own data without a grant", K_OPEN, &b, F_OKAY);
    buf_u8(&b, PACK_DATA), try_ask("a spool file before BEGIN", K_SPOOL, &b, F_OKAY);
    put_place(0, PACK_DATA), try_ask("a pack before BEGIN", K_PLACE, &b, F_PACK_DONE);
    put_upload(7), buf_str(&b, "no"), try_ask("ABANDON of another's upload", F_ABANDON, &b, F_OKAY);
    put_commit(7, nothing), try_ask("COMMIT of another's upload", F_COMMIT, &b, F_COMMITTED);
    buf_str(&b, victim), try_ask("another host's points without a grant", F_SOURCE, &b, F_OKAY);
    buf_str(&b, "no-such-host"), try_ask("points of a host that does not exist", F_SOURCE, &b, F_OKAY);
    buf_str(&b, "../hosts/x"), try_ask("a source that is no name", F_SOURCE, &b, F_OKAY);
    buf_str(&b, own), try_ask("more of its own points without a grant", F_SOURCE, &b, F_OKAY);
    buf_put(&b, victim_gen, SEAL_ID), buf_u32(&b, 0), try_ask("a pack of the victim, after that", K_OPEN, &b, F_OKAY);
    for (unsigned type = 0x26; type < 0x30; type++) try_ask("a request that does not exist", (uint8_t)type, &b, 0);
}

static void begin(void) {
    struct rd r;
    buf_u8(&b, KIND_FULL), put_upload(9), buf_str(&b, "");
    if (ask(F_BEGIN, &b, F_BEGUN, &r) != 0) exit(2);
    buf_reset(&b);
    rd_copy(&r, system_id, SEAL_ID), rd_copy(&r, host_id, SEAL_ID), rd_copy(&r, gen, SEAL_ID);
    first_pack = rd_u32(&r);
}

static void try_packs(void) {
    static const uint8_t other[SEAL_ID] = {1};
    const uint32_t n = first_pack;
    const struct {
        const char *what;
        struct forged w;
        uint32_t as_pack;
        uint8_t as_kind;
    } packs[] = {
        {"a pack of another host", {.pack = n, .kind = PACK_DATA, .host = other}, n, PACK_DATA},
        {"a pack of the victim's generation", {.pack = n, .kind = PACK_DATA, .generation = victim_gen}, n, PACK_DATA},
        {"a pack of an older generation", {.pack = n, .kind = PACK_DATA, .generation = own_gen}, n, PACK_DATA},
        {"a pack under another number", {.pack = n + 1, .kind = PACK_DATA}, n, PACK_DATA},
        {"a pack far ahead", {.pack = n + 9, .kind = PACK_DATA}, n + 9, PACK_DATA},
        {"a pack of another kind", {.pack = n, .kind = PACK_DATA}, n, PACK_META},
        {"a kind that does not exist", {.pack = n, .kind = PACK_DATA}, n, 0},
        {"a wrong hash", {.pack = n, .kind = PACK_DATA, .hash = true}, n, PACK_DATA},
        {"a gap", {.pack = n, .kind = PACK_DATA, .gap = true}, n, PACK_DATA},
        {"an overlap", {.pack = n, .kind = PACK_DATA, .overlap = true}, n, PACK_DATA},
        {"a segment outside of the file", {.pack = n, .kind = PACK_DATA, .outside = true}, n, PACK_DATA},
        {"one slot twice", {.pack = n, .kind = PACK_DATA, .twice = true}, n, PACK_DATA},
        {"a file that is too short", {.pack = n, .kind = PACK_DATA, .short_of = true}, n, PACK_DATA},
    };
    for (size_t i = 0; i < sizeof packs / sizeof packs[0]; i++) {
        int rc = place(&packs[i].w, packs[i].as_pack, packs[i].as_kind);
        judge(packs[i].what, rc > 0);
        begin(); /* anew: what was refused may have left a spool file with the keeper */
        if (first_pack != n) judge("a pack number that was not used is used", false);
    }
}

static void try_replacing(void) {
    const uint32_t n = first_pack;
    struct forged w = {.pack = n, .kind = PACK_DATA, .fill = 1};
    judge("(a right pack is placed)", place(&w, n, PACK_DATA) == 0);
    w.fill = 2;
    judge("another pack in the place of one that is there", place(&w, n, PACK_DATA) > 0);
    begin();
    w.pack = n;
    judge("a pack below the first of this upload", place(&w, n, PACK_DATA) > 0);
    begin();
    int fds[3] = {spool(PACK_DATA), spool(PACK_DATA), spool(PACK_DATA)};
    judge("three files at a time", fds[0] >= 0 && fds[1] >= 0 && fds[2] < 0);
    judge("a file beyond the size of a pack", lseek(fds[0], ZB_PACK_MAX, SEEK_SET) >= 0 && write(fds[0], "x", 1) != 1);
    begin();
}

/* A thread that was there before, and so is not confined, writes to the file all the while that the keeper copies it:
 * what comes of it is a whole pack or an error, and the vault is verified afterwards. */
static volatile int race_fd = -1;

static void *race(void *arg) {
    for (uint8_t i = 0;; i++) {
        int fd = race_fd;
        if (fd < 0) continue;
        (void)!pwrite(fd, &i, 1, PACK_HEADER + i * 7);
        (void)!pwrite(fd, &i, 1, PACK_HEADER + 2000 + i);
        (void)!ftruncate(fd, PACK_HEADER + 2000 + 2 * PACK_ROW + PACK_TRAILER - (i & 1));
    }
    return arg;
}

static void try_race(void) {
    int placed = 0, refused = 0;
    for (int i = 0; i < 60; i++) {
        struct forged w = {.pack = first_pack, .kind = PACK_DATA, .fill = (uint8_t)i};
        struct rd r;
        int fd = spool(PACK_DATA);
        pack_write(fd, &w);
        put_place(w.pack, PACK_DATA);
        race_fd = i % 3 ? fd : -1;
        int rc = ask(K_PLACE, &b, F_PACK_DONE, &r);
        race_fd = -1;
        placed += rc == 0, refused += rc > 0;
        buf_reset(&b);
        close(fd);
        begin();
    }
    printf("of 60 packs that were written to while they were placed, %d were placed and %d refused\n", placed, refused);
    judge("(both happened)", placed > 0 && refused > 0);
}

static void try_used(void) {
    uint8_t map[1] = {3}, *maps[256] = {map}, hash[SEAL_HASH];
    size_t lens[256] = {1};
    struct rd r;
    buf_u32(&b, 0), used_page_put(&b, victim_gen, 0, maps, lens);
    try_ask("a used page of the victim's generation", F_USED, &b, F_OKAY);
    maps[200] = map, lens[200] = 1, maps[0] = NULL; /* a pack that is not there */
    buf_u32(&b, 0), used_page_put(&b, gen, 0, maps, lens);
    seal_hash(hash, b.p + 4, b.len - 4);
    judge("(a page that names an absent pack is taken)", ask(F_USED, &b, F_OKAY, &r) == 0);
    buf_reset(&b);
    put_commit(9, hash), try_ask("a point that uses what is absent", F_COMMIT, &b, F_COMMITTED);
    put_commit(9, nothing), try_ask("a point without its used page", F_COMMIT, &b, F_COMMITTED);
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    struct rd r;
    pthread_t thread;
    if (argc != 8 || !text_unhex(victim_gen, SEAL_ID, argv[4]) || !text_unhex(own_gen, SEAL_ID, argv[5])) return 64;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IONBF, 0);
    dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY);
    int fd = door_connect(dir_fd, SERVE_SOCKET, 5000, &e);
    if (fd < 0 || seal_init(&e) < 0 || pthread_create(&thread, NULL, race, NULL) != 0) return 64;
    own = argv[2], victim = argv[3], own_data = (uint32_t)atoi(argv[6]);
    frames_init(&f, fd, fd, 30000, "keeper");
    buf_init(&b, FRAME_MAX);
    put_bind(BIND_HOST, argv[2]);
    if (ask(K_BIND, &b, F_OKAY, &r) != 0 || confine(&e) < 0) return 64;
    buf_reset(&b);
    try_files();
    try_sockets();
    try_processes((pid_t)atoi(argv[7]));
    try_others();
    begin();
    try_packs();
    try_replacing();
    try_race();
    try_used();
    printf("%d attempts, %d got through\n", tried, bad);
    _exit(bad > 0);
}
