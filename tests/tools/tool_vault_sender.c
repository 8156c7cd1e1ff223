/* A host with any amount of data and no disk for it: what it sends are segments that follow from their address, so they
 * are made when they are sent, and made again to compare what comes back. It seals nothing, since the vault cannot tell;
 * every frame is the protocol's, through a `zaibei-vault serve` of its own.
 *
 *   send DIR HOST MIB UPLOAD   one full backup of so many MiB, packs of 64 segments of 1 MiB, committed; UPLOAD: 1 to 255, another
 *                              one each time
 *   read DIR HOST              every segment of the only point again, compared
 *
 * Each prints MiB, milliseconds and the peak KiB of serve. Ends with 1 when something is not as it should be. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/vault_client.h"
#include "zaibei.h"

enum { SEG_LEN = ZB_SEGMENT_MAX, PACK_SEGS = 64, PAGE_PACKS = 256, AHEAD = 2 };

static uint8_t frame[40 * 2 + SEG_LEN], wanted[SEG_LEN];

static void must(bool well, const char *what, const struct client *c) {
    if (well) return;
    fprintf(stderr, "tool_vault_sender: %s: %s: %s\n", what, c->err.object, c->err.msg);
    exit(1);
}

/* splitmix64: no two segments are alike, and nothing in them compresses. */
static void fill(uint8_t seg[SEG_LEN], uint32_t pack, uint32_t slot) {
    uint64_t x = ((uint64_t)pack << 32 | slot) * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < SEG_LEN; i += 8) {
        uint64_t z = x += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        memcpy(seg + i, &z, 8);
    }
}

static void le32(uint8_t *at, uint32_t v) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(v >> 8 * i);
}

/* ---- sending ---- */

static void pack_send(struct client *c, uint32_t pack, uint32_t segs) {
    enum { ID = 8, HASH = ID + SEAL_HASH, BODY = HASH + SEAL_HASH };
    uint8_t head[5] = {[4] = PACK_DATA};
    le32(head, pack);
    must(client_ask(c, F_PACK_OPEN, head, 5, 0, NULL) == 0, "PACK_OPEN", c);
    for (uint32_t s = 0; s < segs; s++) {
        le32(frame, pack);
        le32(frame + 4, s);
        fill(frame + BODY, pack, s);
        seal_hash(frame + HASH, frame + BODY, SEG_LEN);
        memcpy(frame + ID, frame + HASH, SEAL_HASH);
        must(client_ask(c, F_SEG, frame, BODY + SEG_LEN, 0, NULL) == 0, "SEG", c);
    }
    must(client_ask(c, F_PACK_CLOSE, head, 4, 0, NULL) == 0, "PACK_CLOSE", c);
}

static void pack_done(struct client *c, uint32_t pack) {
    struct rd r;
    uint8_t type;
    must(frames_get(&c->f, &type, &r, &c->err) > 0, "PACK_DONE", c);
    if (type == F_ERROR) must(frames_take_error(&r, &c->err) == 0, "the vault says", c);
    must(type == F_PACK_DONE && rd_u32(&r) == pack, "an answer that is not the one of this pack", c);
}

/* One used page: all of ${n} packs, the last one's first ${rest} segments. */
static void used_send(struct client *c, uint32_t page, uint32_t n, uint32_t rest, struct buf *refs) {
    static uint8_t all[PACK_SEGS / 8], some[PACK_SEGS / 8];
    uint8_t *maps[PAGE_PACKS] = {NULL}, hash[SEAL_HASH];
    size_t lens[PAGE_PACKS];
    struct buf b;
    memset(all, 0xff, sizeof all);
    for (uint32_t s = 0; s < rest; s++) some[s / 8] |= (uint8_t)(1 << (s & 7));
    for (uint32_t i = 0; i < n; i++) maps[i] = i + 1 == n && rest ? some : all, lens[i] = sizeof all;
    buf_init(&b, FRAME_MAX);
    buf_u32(&b, page);
    used_page_put(&b, c->generation, page, maps, lens);
    seal_hash(hash, b.p + 4, b.len - 4);
    must(client_ask(c, F_USED, b.p, b.len, 0, NULL) == 0, "USED", c);
    buf_free(&b);
    buf_u32(refs, page);
    buf_put(refs, hash, SEAL_HASH);
}

static void commit(struct client *c, uint32_t packs, uint32_t mib, uint8_t upload) {
    struct buf b, refs;
    struct rd r;
    uint8_t id[SEAL_ID];
    uint32_t pages = (packs + PAGE_PACKS - 1) / PAGE_PACKS;
    memset(id, upload, sizeof id);
    buf_init(&refs, FRAME_MAX);
    for (uint32_t page = 0; page < pages; page++) {
        bool last = page + 1 == pages;
        used_send(c, page, last ? packs - page * PAGE_PACKS : PAGE_PACKS, last ? mib % PACK_SEGS : 0, &refs);
    }
    buf_init(&b, FRAME_MAX);
    buf_put(&b, id, sizeof id);
    buf_u8(&b, STATE_COMPLETE);
    buf_u64(&b, 1); /* start of the walk; files, bytes, read, sent */
    buf_u64(&b, 1);
    for (int i = 0; i < 3; i++) buf_u64(&b, (uint64_t)mib << 20);
    buf_blob(&b, "sealed root", 11);
    buf_vu(&b, pages);
    buf_put(&b, refs.p, refs.len);
    must(client_ask(c, F_COMMIT, b.p, b.len, F_COMMITTED, &r) == 0, "COMMIT", c);
    buf_free(&b);
    buf_free(&refs);
}

static void send_all(struct client *c, uint32_t mib, uint8_t upload) {
    uint32_t packs = (mib + PACK_SEGS - 1) / PACK_SEGS, done = 0;
    must(client_begin(c, KIND_FULL, upload, "") == 0 && c->first_pack == 0, "BEGIN", c);
    for (uint32_t p = 0; p < packs; p++) {
        pack_send(c, p, p + 1 < packs || mib % PACK_SEGS == 0 ? PACK_SEGS : mib % PACK_SEGS);
        if (p + 1 - done >= AHEAD) pack_done(c, done++);
    }
    while (done < packs) pack_done(c, done++);
    commit(c, packs, mib, upload);
}

/* ---- reading ---- */

static void ask_pack(struct client *c, uint32_t pack, uint32_t segs) {
    struct buf b;
    buf_init(&b, 1024);
    buf_put(&b, c->generation, SEAL_ID);
    buf_vu(&b, segs);
    for (uint32_t s = 0; s < segs; s++) buf_vu(&b, pack), buf_vu(&b, s);
    must(client_ask(c, F_GET, b.p, b.len, 0, NULL) == 0, "GET", c);
    buf_free(&b);
}

static void take_pack(struct client *c, uint32_t pack, uint32_t segs) {
    struct rd r;
    uint8_t type;
    for (uint32_t s = 0; s < segs; s++) {
        must(frames_get(&c->f, &type, &r, &c->err) > 0, "SEGMENT", c);
        if (type == F_ERROR) must(frames_take_error(&r, &c->err) == 0, "the vault says", c);
        must(type == F_SEGMENT && rd_u32(&r) == pack && rd_u32(&r) == s, "not the segment that was asked for", c);
        fill(wanted, pack, s);
        must(r.left == SEG_LEN && memcmp(r.p, wanted, SEG_LEN) == 0, "a segment with other bytes", c);
    }
}

/* How large the only point is, and its generation. */
static uint32_t point_find(struct client *c) {
    struct rd r;
    struct record record;
    uint32_t mib = 0;
    size_t n;
    uint8_t type = 0;
    must(client_ask(c, F_LIST, NULL, 0, F_POINT, &r) == 0, "LIST", c);
    const uint8_t *raw = rd_blob(&r, &n, FRAME_MAX);
    must(raw && record_decode(&record, raw, n, c->vault.id, c->vault.pub, &c->err) == 0, "its record", c);
    memcpy(c->generation, record.commit.generation, SEAL_ID);
    mib = (uint32_t)(record.commit.bytes >> 20);
    record_free(&record);
    must(frames_get(&c->f, &type, &r, &c->err) > 0 && type == F_LIST_END, "more than one point", c);
    return mib;
}

static uint32_t read_all(struct client *c) {
    uint32_t mib = point_find(c), at = 0, asked = 0;
    while (at < mib) {
        for (; asked < mib && asked < at + AHEAD * PACK_SEGS; asked += PACK_SEGS)
            ask_pack(c, asked / PACK_SEGS, mib - asked < PACK_SEGS ? mib - asked : PACK_SEGS);
        take_pack(c, at / PACK_SEGS, mib - at < PACK_SEGS ? mib - at : PACK_SEGS);
        at += PACK_SEGS;
    }
    return mib;
}

/* ---- a session ---- */

static pid_t serve_start(struct client *c, const char *dir, const char *host) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], STDIN_FILENO);
        dup2(pair[1], STDOUT_FILENO);
        execlp("zaibei-vault", "zaibei-vault", "serve", dir, "--host", host, NULL);
        _exit(127);
    }
    close(pair[1]);
    client_open(c, pair[0]);
    c->f.timeout_ms = 10 * 60 * 1000; /* a disk may take its time */
    return pid;
}

static double ms_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    struct client c;
    struct rusage use;
    struct err e = ERR_INIT;
    int status;
    bool sends = argc == 6 && !strcmp(argv[1], "send"), reads = argc == 4 && !strcmp(argv[1], "read");
    uint32_t mib = sends ? (uint32_t)atoi(argv[4]) : 0;
    if (!(sends && mib) && !reads) {
        fprintf(stderr, "usage: tool_vault_sender send DIR HOST MIB UPLOAD | read DIR HOST\n");
        return 2;
    }
    if (seal_init(&e) < 0) return 1;
    signal(SIGPIPE, SIG_IGN);
    double began = ms_now();
    pid_t pid = serve_start(&c, argv[2], argv[3]);
    must(client_hello(&c) == 0, "HELLO", &c);
    if (sends) send_all(&c, mib, (uint8_t)atoi(argv[5]));
    else mib = read_all(&c);
    double ms = ms_now() - began;
    client_close(&c);
    if (wait4(pid, &status, 0, &use) != pid || status) return fprintf(stderr, "serve: status %d\n", status), 1;
    printf("%u %.0f %ld\n", mib, ms, use.ru_maxrss);
    return 0;
}
