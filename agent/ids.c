/* One file: a header bucket, then 2^k buckets. A key lives in the bucket of its first bytes, or, while buckets are full, in
 * the next ones. At 70 % the table is built anew, twice as large, under a temporary name.
 *
 * If interrupted here: the header says "clean up to pack P, for commit C" and is only rewritten at commit, after the
 * buckets are durable; until then it is marked dirty, and whoever opens a dirty file drops all entries of packs ≥ P. */
#include "ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "sys/file.h"
#include "wrap/seal.h"

enum { BUCKET = 4096, ROW = 24, HEAD = 20, ROWS = (BUCKET - HEAD) / ROW, FIRST_BITS = 6, MAX_BITS = 26 };

struct ids {
    int fd, dirfd;
    char name[64], tmp[72], object[256]; /* object: the whole path, for people */
    uint8_t key[SEAL_KEY], binding[SEAL_HASH];
    unsigned bits;
    uint64_t count;
    uint32_t clean_pack;
    bool dirty;
};

static void bucket_mac(const struct ids *x, uint64_t no, const uint8_t *b, uint8_t mac[16]) {
    struct hash_state h;
    uint8_t full[SEAL_HASH];
    hash_init(&h, x->key);
    hash_update(&h, &no, sizeof no);
    hash_update(&h, b + 16, BUCKET - 16);
    hash_final(&h, full);
    memcpy(mac, full, 16);
}

static unsigned bucket_rows(const uint8_t *b) { return b[16] | (unsigned)b[17] << 8; }

static int bucket_read(const struct ids *x, uint64_t no, uint8_t *b, struct err *e) {
    uint8_t mac[16];
    ssize_t got = file_pread_full(x->fd, b, BUCKET, (off_t)((no + 1) * BUCKET));
    if (got < 0) return err_sys(e, x->object, "read");
    bucket_mac(x, no, b, mac);
    if (got != BUCKET || !seal_equal(mac, b, 16) || bucket_rows(b) > ROWS) memset(b, 0, BUCKET);
    return 0;
}

static int bucket_write(const struct ids *x, uint64_t no, uint8_t *b, struct err *e) {
    bucket_mac(x, no, b, b);
    if (file_pwrite_all(x->fd, b, BUCKET, (off_t)((no + 1) * BUCKET)) < 0) return err_sys(e, x->object, "write");
    return 0;
}

static int header_write(const struct ids *x, bool dirty, struct err *e) {
    uint8_t b[BUCKET] = {0};
    struct buf h = {.p = b, .cap = BUCKET, .max = BUCKET};
    h.len = 16;
    buf_put(&h, "ZBID1\0\0", 8);
    buf_u32(&h, x->bits);
    buf_u64(&h, x->count);
    buf_u32(&h, x->clean_pack);
    buf_u8(&h, dirty);
    buf_put(&h, x->binding, SEAL_HASH);
    bucket_mac(x, UINT64_MAX, b, b);
    if (file_pwrite_all(x->fd, b, BUCKET, 0) < 0) return err_sys(e, x->object, "write");
    return 0;
}

/* Whether the header is ours and whole; bits, count, clean_pack, dirty and binding are filled from it. */
static bool header_read(struct ids *x) {
    uint8_t b[BUCKET], mac[16], magic[8];
    if (file_pread_full(x->fd, b, BUCKET, 0) != BUCKET) return false;
    bucket_mac(x, UINT64_MAX, b, mac);
    if (!seal_equal(mac, b, 16)) return false;
    struct rd r = rd_of(b + 16, BUCKET - 16);
    rd_copy(&r, magic, 8);
    x->bits = rd_u32(&r), x->count = rd_u64(&r), x->clean_pack = rd_u32(&r), x->dirty = rd_u8(&r);
    rd_copy(&r, x->binding, SEAL_HASH);
    return memcmp(magic, "ZBID1\0\0", 8) == 0 && x->bits >= FIRST_BITS && x->bits <= MAX_BITS;
}

static int create(struct ids *x, const char *name, unsigned bits, struct err *e) {
    x->fd = openat(x->dirfd, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (x->fd < 0) return err_sys(e, x->object, "create");
    x->bits = bits, x->count = 0;
    if (ftruncate(x->fd, (off_t)((((uint64_t)1 << bits) + 1) * BUCKET)) < 0) return err_sys(e, x->object, "size");
    return header_write(x, true, e);
}

static uint64_t home_of(const struct ids *x, const uint8_t *key) {
    uint64_t v;
    memcpy(&v, key, sizeof v);
    return v & (((uint64_t)1 << x->bits) - 1);
}

/* Find the row of ${key}, or the bucket with room for it: 1 found, 0 not. */
static int probe(const struct ids *x, const uint8_t *key, uint8_t *b, uint64_t *no, unsigned *row, struct err *e) {
    uint64_t mask = ((uint64_t)1 << x->bits) - 1;
    *no = home_of(x, key);
    for (uint64_t tries = 0; tries <= mask; tries++, *no = (*no + 1) & mask) {
        if (bucket_read(x, *no, b, e) < 0) return -1;
        unsigned n = bucket_rows(b);
        for (*row = 0; *row < n; (*row)++)
            if (memcmp(b + HEAD + *row * ROW, key, 16) == 0) return 1;
        if (n < ROWS) return 0;
    }
    return err_set(e, ZE_INTERNAL, x->object, "no room");
}

static struct seg_addr row_addr(const uint8_t *row) {
    struct rd r = rd_of(row + 16, 8);
    struct seg_addr a;
    a.pack = rd_u32(&r), a.slot = rd_u32(&r);
    return a;
}

int ids_find(struct ids *x, const uint8_t key[SEAL_ID], struct seg_addr *addr, struct err *e) {
    uint8_t b[BUCKET];
    uint64_t no;
    unsigned row;
    int rc = probe(x, key, b, &no, &row, e);
    if (rc == 1) *addr = row_addr(b + HEAD + row * ROW);
    return rc;
}

/* Copy all rows with a pack below ${limit} into a new table of 2^${bits} buckets, which takes the name's place. */
static int rebuild(struct ids *x, unsigned bits, uint32_t limit, struct err *e) {
    struct ids new = *x;
    uint8_t b[BUCKET];
    snprintf(new.tmp, sizeof new.tmp, "%s.tmp", x->name);
    if (create(&new, new.tmp, bits, e) < 0) return -1;
    new.dirty = true;
    for (uint64_t no = 0; no < (uint64_t)1 << x->bits; no++) {
        if (bucket_read(x, no, b, e) < 0) goto fail;
        for (unsigned i = 0; i < bucket_rows(b); i++) {
            const uint8_t *row = b + HEAD + i * ROW;
            if (row_addr(row).pack < limit && ids_put(&new, row, row_addr(row), e) < 0) goto fail;
        }
    }
    if (header_write(&new, true, e) < 0) goto fail;
    if (renameat(x->dirfd, new.tmp, x->dirfd, x->name) < 0) {
        err_sys(e, x->object, "rename");
        goto fail;
    }
    close(x->fd);
    *x = new;
    return 0;
fail:
    close(new.fd);
    unlinkat(x->dirfd, new.tmp, 0);
    return -1;
}

int ids_put(struct ids *x, const uint8_t key[SEAL_ID], struct seg_addr addr, struct err *e) {
    uint8_t b[BUCKET];
    uint64_t no;
    unsigned row;
    if (!x->dirty) {
        if (header_write(x, true, e) < 0) return -1;
        if (fdatasync(x->fd) < 0) return err_sys(e, x->object, "fsync");
        x->dirty = true;
    }
    if (x->count * 10 > ((uint64_t)ROWS << x->bits) * 7 && x->bits < MAX_BITS)
        if (rebuild(x, x->bits + 1, UINT32_MAX, e) < 0) return -1;
    int rc = probe(x, key, b, &no, &row, e);
    if (rc < 0) return -1;
    struct buf out = {.p = b + HEAD + row * ROW, .cap = ROW, .max = ROW};
    buf_put(&out, key, 16);
    buf_u32(&out, addr.pack);
    buf_u32(&out, addr.slot);
    if (rc == 0) {
        unsigned n = bucket_rows(b) + 1;
        b[16] = (uint8_t)n, b[17] = (uint8_t)(n >> 8);
        x->count++;
    }
    return bucket_write(x, no, b, e);
}

/* Where the file is, as far as that can be told of a descriptor. */
static void name_object(struct ids *x) {
    char link[32], dir[sizeof x->object - sizeof x->name];
    snprintf(link, sizeof link, "/proc/self/fd/%d", x->dirfd);
    ssize_t n = readlink(link, dir, sizeof dir - 1);
    dir[n > 0 ? n : 0] = 0;
    snprintf(x->object, sizeof x->object, "%s%s%s", dir, *dir ? "/" : "", x->name);
}

int ids_open(int dirfd, const uint8_t generation[SEAL_ID], const uint8_t host_key[SEAL_KEY],
    const uint8_t binding[SEAL_HASH], uint32_t first_pack, struct ids **out, uint32_t *known, struct err *e) {
    struct ids *x = calloc(1, sizeof *x);
    if (!x) return err_set(e, ZE_NOMEM, "ids", "index");
    char hex[33];
    text_hex(hex, generation, SEAL_ID);
    snprintf(x->name, sizeof x->name, "ids-%s", hex);
    x->dirfd = dirfd;
    name_object(x);
    seal_derive(x->key, host_key, "cache", generation, SEAL_ID);
    x->fd = openat(dirfd, x->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    bool usable =
        x->fd >= 0 && header_read(x) && memcmp(x->binding, binding, SEAL_HASH) == 0 && x->clean_pack <= first_pack;
    int rc = 0;
    if (!usable) {
        if (x->fd >= 0) close(x->fd);
        x->clean_pack = 0;
        memcpy(x->binding, binding, SEAL_HASH);
        rc = create(x, x->name, FIRST_BITS, e);
        x->dirty = true;
    } else if (x->dirty) {
        rc = rebuild(x, x->bits, x->clean_pack, e);
    }
    if (rc < 0) {
        ids_close(x);
        return -1;
    }
    *known = x->clean_pack;
    *out = x;
    return 0;
}

int ids_commit(struct ids *x, const uint8_t binding[SEAL_HASH], uint32_t next_pack, struct err *e) {
    if (x->dirty && fdatasync(x->fd) < 0) return err_sys(e, x->object, "fsync");
    memcpy(x->binding, binding, SEAL_HASH);
    x->clean_pack = next_pack;
    if (header_write(x, false, e) < 0) return -1;
    if (x->dirty && fdatasync(x->fd) < 0) return err_sys(e, x->object, "fsync");
    x->dirty = false;
    return 0;
}

void ids_forget(struct ids *x) { unlinkat(x->dirfd, x->name, 0); }

void ids_close(struct ids *x) {
    if (!x) return;
    if (x->fd >= 0) close(x->fd);
    seal_wipe(x->key, sizeof x->key);
    free(x);
}
