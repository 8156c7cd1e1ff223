/* A vault of many hosts, points and packs, without the time that backing them up would take: signed records and valid packs
 * and used pages, by the vault's own writers, but through a store that does not wait for the disk. And two ways to look
 * at the programs that then work on it.
 *
 *   make DIR HOSTS POINTS PACKS   hosts h00000 …, each with so many points in one generation of so many packs (at most 256):
 *                                 of every ten packs no point needs the last, and the one before for a sixteenth only
 *   list DIR HOST                 a session of this host through serve: prints points, milliseconds, KiB of serve
 *   run FILE COMMAND...           run it; milliseconds, those of them at work on a processor, and peak KiB, of it and its
 *                                 children, go to FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "small.h"
#include "sys/file.h"

enum { SLOTS = 16, SEG_LEN = 48, WORKERS = 2, PAGE_PACKS = 256 };
#define START (1700000000 * NS_PER_S)

static void must(int rc, const struct err *e) {
    if (rc >= 0) return;
    err_print("tool_vault_scale", e);
    exit(1);
}

/* ---- a store in a hurry ---- */

static struct store_ops hasty;

static int put_hastily(struct store *s, const char *name, const void *p, size_t n, struct err *e) {
    int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
    if (fd < 0 && errno == ENOENT) {
        char dir[STORE_NAME_MAX];
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(name, '/') - name), name);
        if (file_mkdirs(s->fd, dir, 0750, e) < 0) return -1;
        fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
    }
    if (fd < 0) return errno == EEXIST ? 1 : err_sys(e, name, "create");
    int rc = file_write_all(fd, p, n) < 0 ? err_sys(e, name, "write") : 0;
    close(fd);
    return rc;
}

static int64_t made_at = START;
static int64_t made_now(struct clock *c) { return made_at; }
static struct clock made_clock = {.now_ns = made_now, .mono_ns = made_now};

/* ---- one host ---- */

struct host {
    struct vault *v;
    struct host_log log;
    struct buf raw;
    uint8_t generation[SEAL_ID], upload[SEAL_ID];
    uint32_t point, points, packs, packs_all;
};

static void append(struct host *h, struct record *r) {
    struct err e = ERR_INIT;
    must(log_append(&h->log, r, &h->raw, &e), &e);
}

static void enrol(struct host *h, const struct system_object *s) {
    struct record r = {.type = REC_HOST, .host = {.suite = "sodium", .ssh_pub = {1}, .keys = {.n = 1}}};
    seal_random(r.host_id, sizeof r.host_id);
    memcpy(r.host.host, h->log.host, sizeof r.host.host);
    memcpy(r.host.system, s->name, sizeof r.host.system);
    memcpy(r.host.system_id, s->id, SEAL_ID);
    strcpy(r.host.keys.slot[0].label, "kit");
    append(h, &r);
}

/* What nothing needs of a pack, and what is needed of it. */
static uint16_t needed(uint32_t pack, uint32_t point) {
    if (pack % 10 == 9) return 0;
    return pack % 10 == 8 ? 1 : (uint16_t) ~(1u << point % SLOTS);
}

static void pack_make(struct host *h, uint32_t pack) {
    struct pack_header head = {.kind = pack % 8 ? PACK_DATA : PACK_META, .pack = pack};
    struct pack_trailer t = {.index_at = PACK_HEADER + SLOTS * SEG_LEN, .count = SLOTS};
    uint8_t p[PACK_HEADER + SLOTS * (SEG_LEN + PACK_ROW) + PACK_TRAILER], *rows = p + t.index_at;
    char name[STORE_NAME_MAX];
    struct hash_state s;
    struct err e = ERR_INIT;
    memcpy(head.system_id, h->log.system_id, SEAL_ID);
    memcpy(head.host_id, h->log.host_id, SEAL_ID);
    memcpy(head.generation, h->generation, SEAL_ID);
    pack_header_put(p, &head);
    seal_random(p + PACK_HEADER, SLOTS * SEG_LEN);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct pack_row row = {.slot = i, .offset = PACK_HEADER + i * SEG_LEN, .len = SEG_LEN};
        seal_hash(row.hash, p + row.offset, SEG_LEN);
        memcpy(row.identity, row.hash, SEAL_HASH);
        pack_row_put(rows + i * PACK_ROW, &row);
    }
    hash_init(&s, NULL);
    hash_update(&s, p, PACK_HEADER);
    hash_update(&s, rows, SLOTS * PACK_ROW);
    hash_final(&s, t.hash);
    pack_trailer_put(rows + SLOTS * PACK_ROW, &t);
    pack_name(name, h->log.host, h->generation, pack, 0);
    must(store_put_new(&h->v->store, name, p, sizeof p, &e), &e);
}

static void begin(struct host *h) {
    struct record r = {.type = REC_BEGIN,
        .begin = {.kind = h->point > 1 ? KIND_INCREMENTAL : KIND_FULL, .point = h->point, .parent = h->point - 1,
            .first_pack = h->packs, .epoch = h->log.next, .lease_until = made_at + LEASE_S * NS_PER_S}};
    memcpy(r.begin.generation, h->generation, SEAL_ID);
    seal_random(h->upload, sizeof h->upload);
    memcpy(r.begin.upload, h->upload, SEAL_ID);
    append(h, &r);
}

static void used_make(struct host *h, struct used_ref *ref) {
    uint8_t maps[PAGE_PACKS][SLOTS / 8], *at[PAGE_PACKS] = {NULL};
    size_t lens[PAGE_PACKS] = {0};
    char name[STORE_NAME_MAX];
    struct buf b;
    struct err e = ERR_INIT;
    for (uint32_t i = 0; i < h->packs; i++) {
        uint16_t bits = needed(i, h->point);
        memcpy(maps[i], (uint8_t[]){(uint8_t)bits, (uint8_t)(bits >> 8)}, SLOTS / 8);
        if (bits) at[i] = maps[i], lens[i] = SLOTS / 8;
    }
    buf_init(&b, 1 << 20);
    used_page_put(&b, h->generation, 0, at, lens);
    seal_hash(ref->hash, b.p, b.len);
    ref->page = 0;
    used_name(name, h->log.host, h->generation, ref->hash);
    must(store_put_new(&h->v->store, name, b.p, b.len, &e), &e);
    buf_free(&b);
}

static void point_make(struct host *h) {
    uint8_t root[200] = {1};
    struct used_ref ref;
    begin(h);
    uint32_t till = 1 + (uint32_t)((uint64_t)h->point * (h->packs_all - 1) / h->points);
    while (h->packs < till) pack_make(h, h->packs++);
    used_make(h, &ref);
    struct record r = {.type = REC_COMMIT,
        .commit = {.begin_n = h->log.next - 1, .point = h->point, .parent = h->point - 1, .state = STATE_COMPLETE,
            .kind = h->point > 1 ? KIND_INCREMENTAL : KIND_FULL, .epoch = h->log.next - 1, .files = 1000, .bytes = 1 << 30,
            .bytes_stored = SLOTS * SEG_LEN, .walk_start = made_at, .root = root, .root_len = sizeof root, .used = &ref,
            .used_n = 1, .keys = {.n = 1}}};
    strcpy(r.commit.keys.slot[0].label, "kit");
    memcpy(r.commit.generation, h->generation, SEAL_ID);
    memcpy(r.commit.upload, h->upload, SEAL_ID);
    memcpy(r.commit.system_id, h->log.system_id, SEAL_ID);
    append(h, &r);
}

static void host_make(struct vault *v, const struct system_object *s, unsigned number, uint32_t points, uint32_t packs) {
    struct host h = {.v = v, .points = points, .packs_all = packs};
    char name[16];
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "h%05u", number);
    buf_init(&h.raw, ZB_RECORD_MAX);
    made_at = START;
    must(log_open(&h.log, v, name, &e), &e);
    seal_random(h.generation, sizeof h.generation);
    enrol(&h, s);
    for (h.point = 1; h.point <= points; h.point++, made_at += 8 * 3600 * NS_PER_S) point_make(&h);
    log_free(&h.log);
    buf_free(&h.raw);
}

/* What the keeper has after a first collection, while all of it is still at hand. */
static void host_known(struct vault *v, unsigned number) {
    struct host_log l;
    struct buf page;
    char name[STORE_NAME_MAX];
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "h%05u", number);
    must(log_open(&l, v, name, &e), &e);
    log_small(&l);
    buf_init(&page, 1 << 20);
    for (size_t i = 0; i < l.commits_n; i++) {
        struct record r;
        must(log_load(&l, l.commits[i].n, &r, NULL, &e), &e);
        used_name(name, l.host, r.commit.generation, r.commit.used[0].hash);
        buf_reset(&page);
        must(small_load(l.small, &v->store, name, r.commit.used[0].hash, 1 << 20, &page, &e), &e);
        record_free(&r);
    }
    buf_free(&page);
    log_free(&l);
}

static int make(char **arg) {
    struct vault v;
    struct system_object s;
    struct err e = ERR_INIT;
    unsigned hosts = (unsigned)atoi(arg[1]), points = (unsigned)atoi(arg[2]), packs = (unsigned)atoi(arg[3]);
    if (!hosts || !points || !packs || packs > PAGE_PACKS) return fprintf(stderr, "1 to %d packs\n", PAGE_PACKS), 2;
    must(vault_init(arg[0], clock_real(), &v, &e), &e);
    must(system_make(&v, "scale", &s, &e), &e);
    v.clock = &made_clock;
    hasty = *v.store.ops;
    hasty.put_new = put_hastily;
    v.store.ops = &hasty;
    for (unsigned w = 0; w < WORKERS; w++) {
        if (fork()) continue;
        for (unsigned i = w; i < hosts; i += WORKERS) host_make(&v, &s, i, points, packs), host_known(&v, i);
        _exit(0);
    }
    int rc = 0;
    for (int status; wait(&status) > 0;) rc |= status;
    vault_close(&v);
    return rc ? 1 : 0;
}

/* ---- looking on ---- */

static double ms_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Ask, and count the answers until the one of type ${last}. */
static unsigned ask(struct frames *f, uint8_t type, const struct buf *b, uint8_t last) {
    struct err e = ERR_INIT;
    uint8_t got = 0;
    unsigned n = 0;
    struct rd r;
    must(frames_put(f, type, b->p, b->len, NULL, 0, &e), &e);
    for (; got != last; n++) {
        if (frames_get(f, &got, &r, &e) <= 0) must(-1, &e);
        if (got == F_ERROR) must(frames_take_error(&r, &e), &e);
    }
    return n - 1;
}

static int list(char **arg) {
    struct frames f;
    struct rusage use;
    struct buf b;
    int pair[2], status;
    double began = ms_now();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return 1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], STDIN_FILENO);
        dup2(pair[1], STDOUT_FILENO);
        execlp("zaibei-vault", "zaibei-vault", "serve", arg[0], "--host", arg[1], NULL);
        _exit(127);
    }
    close(pair[1]);
    frames_init(&f, pair[0], pair[0], 60000, "serve");
    buf_init(&b, 64);
    buf_u16(&b, 1);
    buf_str(&b, "scale");
    buf_u8(&b, 0);
    ask(&f, F_HELLO, &b, F_WELCOME);
    buf_reset(&b);
    unsigned points = ask(&f, F_LIST, &b, F_LIST_END);
    double ms = ms_now() - began;
    close(pair[0]);
    if (wait4(pid, &status, 0, &use) != pid || status) return 1;
    printf("%u %.0f %ld\n", points, ms, use.ru_maxrss);
    frames_free(&f);
    buf_free(&b);
    return 0;
}

static pid_t child;
static void pass_on(int sig) { kill(child, sig); }

static int run(char **arg) {
    struct rusage use;
    int status;
    double began = ms_now();
    child = fork();
    if (child == 0) {
        execvp(arg[1], arg + 1);
        _exit(127);
    }
    signal(SIGTERM, pass_on);
    while (wait4(child, &status, 0, &use) != child)
        if (errno != EINTR) return 1;
    FILE *out = fopen(arg[0], "w");
    if (!out) return 1;
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
        (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
    fprintf(out, "%.0f %.0f %ld\n", ms_now() - began, cpu, use.ru_maxrss);
    return fclose(out) ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    must(seal_init(&e), &e);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 6 && !strcmp(argv[1], "make")) return make(argv + 2);
    if (argc == 4 && !strcmp(argv[1], "list")) return list(argv + 2);
    if (argc >= 4 && !strcmp(argv[1], "run")) return run(argv + 2);
    fprintf(stderr, "usage: tool_vault_scale make DIR HOSTS POINTS PACKS | list DIR HOST | run FILE COMMAND...\n");
    return 2;
}
