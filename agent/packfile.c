/* Pack files. Nothing in them is believed before its hash was checked. The index of an open pack is at most 1.3 MB: a handful of
 * packs stay open, and no more than two indexes of that size; what was not used for longest gives way. */
#include "packfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { INDEXES_MAX = 2 * ZB_PACK_SLOTS_MAX * PACK_ROW };

void packs_init(struct packs *p, int dirfd, bool revisions) {
    *p = (struct packs){.dirfd = dirfd, .revisions = revisions};
    for (size_t i = 0; i < PACKS_OPEN_MAX; i++) {
        p->open[i].fd = -1;
        buf_init(&p->open[i].rows, (size_t)ZB_PACK_SLOTS_MAX * PACK_ROW);
    }
}

static void forget(struct packfile *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    f->known = false;
    buf_free(&f->rows);
}

void packs_free(struct packs *p) {
    for (size_t i = 0; i < PACKS_OPEN_MAX; i++) forget(&p->open[i]);
    if (p->dirfd >= 0) close(p->dirfd);
    p->dirfd = -1;
}

/* Open the file: its highest revision where there are any. f->name is what errors will call it. */
static void open_file(struct packs *p, struct packfile *f) {
    char gen[2 * SEAL_ID + 1];
    text_hex(gen, f->generation, SEAL_ID);
    /* Twice: while we look from above, a collection may put the next revision in the place of the one we come to. */
    for (int i = p->revisions ? 511 : 0; i >= 0 && f->fd < 0; i--) {
        int rev = i & 255;
        if (p->revisions) snprintf(f->name, sizeof f->name, "%s/%08x.%02x", gen, f->pack, rev);
        else snprintf(f->name, sizeof f->name, "%s/%08x", gen, f->pack);
        f->fd = p->dirfd < 0 ? -1 : openat(p->dirfd, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
}

static int check_hash(
    const uint8_t head[PACK_HEADER], const struct packfile *f, const struct pack_trailer *t, struct err *e) {
    struct hash_state h;
    uint8_t got[SEAL_HASH];
    hash_init(&h, NULL);
    hash_update(&h, head, PACK_HEADER);
    hash_update(&h, f->rows.p, f->rows.len);
    hash_final(&h, got);
    if (!seal_equal(got, t->hash, SEAL_HASH))
        return err_set(e, ZE_DAMAGED, f->name, _("header or index do not match their hash"));
    return pack_index_check(f->rows.p, t, f->name, e);
}

/* Have room for ${n} bytes of an index beside those of the other packs. */
static void make_room(struct packs *p, const struct packfile *f, size_t n) {
    for (;;) {
        struct packfile *oldest = NULL;
        size_t held = 0;
        for (struct packfile *g = p->open; g < p->open + PACKS_OPEN_MAX; g++) {
            if (g == f) continue;
            held += g->rows.cap;
            if (g->rows.cap && (!oldest || g->used < oldest->used)) oldest = g;
        }
        if (!oldest || held + n <= INDEXES_MAX) return;
        forget(oldest);
    }
}

/* Header, trailer and index of an open file into f->rows. */
static int load(struct packs *p, struct packfile *f, struct err *e) {
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    struct pack_header h;
    struct pack_trailer t;
    struct stat st;
    if (fstat(f->fd, &st) < 0) return err_sys(e, f->name, "stat");
    if (!S_ISREG(st.st_mode) || st.st_size < PACK_HEADER + PACK_TRAILER)
        return err_set(e, ZE_TRUNCATED, f->name, _("%lld bytes are no pack"), (long long)st.st_size);
    if (file_pread_full(f->fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        file_pread_full(f->fd, tail, sizeof tail, st.st_size - PACK_TRAILER) != (ssize_t)sizeof tail)
        return err_sys(e, f->name, "read");
    if (pack_header_get(&h, head, f->name, e) < 0) return -1;
    if (pack_trailer_get(&t, tail, (uint64_t)st.st_size, f->name, e) < 0) return -1;
    if (h.pack != f->pack || memcmp(h.generation, f->generation, SEAL_ID) != 0)
        return err_set(e, ZE_DAMAGED, f->name, _("its header names another pack"));
    size_t n = (size_t)t.count * PACK_ROW;
    make_room(p, f, n);
    uint8_t *rows = buf_reserve(&f->rows, n);
    if (!rows) return err_set(e, ZE_NOMEM, f->name, _("its index"));
    if (file_pread_full(f->fd, rows, n, (off_t)t.index_at) != (ssize_t)n) return err_sys(e, f->name, "read");
    f->rows.len = n;
    return check_hash(head, f, &t, e);
}

static int open_pack(struct packs *p, const uint8_t *generation, uint32_t pack, struct packfile **out, struct err *e) {
    struct packfile *f = &p->open[0];
    for (size_t i = 0; i < PACKS_OPEN_MAX; i++) {
        struct packfile *g = &p->open[i];
        if (g->known && g->pack == pack && memcmp(g->generation, generation, SEAL_ID) == 0) {
            *out = g;
            return 0;
        }
        if (!g->known || (f->known && g->used < f->used)) f = g;
    }
    forget(f);
    memcpy(f->generation, generation, SEAL_ID);
    f->pack = pack;
    open_file(p, f);
    if (f->fd >= 0 && load(p, f, e) < 0) {
        forget(f);
        return -1;
    }
    f->known = true;
    *out = f;
    return 0;
}

int packs_find(struct packs *p, const uint8_t generation[SEAL_ID], struct seg_addr addr, struct pack_row *row,
    struct packfile **pf, struct err *e) {
    if (open_pack(p, generation, addr.pack, pf, e) < 0) return -1;
    struct packfile *f = *pf;
    f->used = ++p->ticks;
    for (size_t lo = 0, hi = f->rows.len / PACK_ROW; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        pack_row_get(row, f->rows.p + mid * PACK_ROW);
        if (row->slot == addr.slot) return 1;
        if (row->slot < addr.slot) lo = mid + 1;
        else hi = mid;
    }
    return 0;
}

int packs_read(const struct packfile *pf, const struct pack_row *row, struct buf *out, struct err *e) {
    uint8_t hash[SEAL_HASH];
    char name[128];
    buf_reset(out);
    snprintf(name, sizeof name, "%s slot %u", pf->name, row->slot);
    uint8_t *at = buf_reserve(out, row->len);
    if (!at) return err_set(e, ZE_NOMEM, name, _("%u bytes"), row->len);
    ssize_t got = file_pread_full(pf->fd, at, row->len, row->offset);
    if (got < 0) return err_sys(e, name, "read");
    seal_hash(hash, at, (size_t)got);
    if (got != (ssize_t)row->len || memcmp(hash, row->hash, SEAL_HASH) != 0)
        return err_set(e, ZE_DAMAGED, name, _("the stored bytes do not match their hash"));
    out->len = row->len;
    return 0;
}
