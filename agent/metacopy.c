/* A pack file written in one go: header, segments as they come, at the end the index sorted by slot and the trailer. */
#include "metacopy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/file.h"

struct metacopy {
    int dirfd, fd;
    char tmp[32];
    uint8_t head[PACK_HEADER];
    struct pack_row *rows; /* room for all there can be: what is not used yet is no memory yet */
    size_t n;
    uint32_t at;
    bool bad;
};

static void tmp_name(char out[32], uint32_t pack) { snprintf(out, 32, "tmp-%08x", pack); }

static void put(struct metacopy *m, const void *p, size_t n) {
    if (!m->bad && file_write_all(m->fd, p, n) < 0) m->bad = true;
    m->at += (uint32_t)n;
}

struct metacopy *metacopy_open(int dirfd, const struct pack_header *h) {
    struct metacopy *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    tmp_name(m->tmp, h->pack);
    m->dirfd = dirfd;
    m->rows = malloc(ZB_PACK_SLOTS_MAX * sizeof *m->rows);
    m->fd = m->rows ? openat(dirfd, m->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
    if (m->fd < 0) {
        free(m->rows);
        free(m);
        return NULL;
    }
    pack_header_put(m->head, h);
    put(m, m->head, sizeof m->head);
    return m;
}

void metacopy_add(struct metacopy *m, uint32_t slot, const uint8_t identity[SEAL_HASH], const uint8_t hash[SEAL_HASH],
    const uint8_t *sealed, size_t len) {
    if (m->n == ZB_PACK_SLOTS_MAX) m->bad = true;
    if (m->bad) return;
    struct pack_row *r = &m->rows[m->n++];
    *r = (struct pack_row){.slot = slot, .offset = m->at, .len = (uint32_t)len};
    memcpy(r->identity, identity, SEAL_HASH);
    memcpy(r->hash, hash, SEAL_HASH);
    put(m, sealed, len);
}

static int by_slot(const void *a, const void *b) {
    uint32_t x = ((const struct pack_row *)a)->slot, y = ((const struct pack_row *)b)->slot;
    return x < y ? -1 : x > y;
}

void metacopy_close(struct metacopy *m) {
    struct pack_trailer t = {.index_at = m->at, .count = (uint32_t)m->n};
    struct hash_state h;
    uint8_t row[PACK_ROW], trailer[PACK_TRAILER];
    if (m->n) qsort(m->rows, m->n, sizeof *m->rows, by_slot);
    hash_init(&h, NULL);
    hash_update(&h, m->head, sizeof m->head);
    for (size_t i = 0; i < m->n; i++) {
        pack_row_put(row, &m->rows[i]);
        hash_update(&h, row, sizeof row);
        put(m, row, sizeof row);
    }
    hash_final(&h, t.hash);
    pack_trailer_put(trailer, &t);
    put(m, trailer, sizeof trailer);
    if (m->bad) {
        metacopy_drop(m);
        return;
    }
    close(m->fd);
    free(m->rows);
    free(m);
}

void metacopy_drop(struct metacopy *m) {
    close(m->fd);
    unlinkat(m->dirfd, m->tmp, 0);
    free(m->rows);
    free(m);
}

int metacopy_keep(int dirfd, uint32_t pack, struct err *e) {
    char tmp[32], name[16];
    tmp_name(tmp, pack);
    snprintf(name, sizeof name, "%08x", pack);
    if (renameat(dirfd, tmp, dirfd, name) < 0 && errno != ENOENT) return err_sys(e, name, "rename");
    return 0;
}
