/* Putting a whole object in the place of a damaged one. Always in this order: the damaged bytes are durable below
 * quarantine/ before their name is free, and a record's second copy is durable before that (scrub_records.c); a pack
 * takes no name from another, since its next revision counts from the moment it exists. So an interruption leaves
 * either what was there, or the whole object, or, for a used page and a system object, a name without an object,
 * which harms as much as a damaged one and is mended by the next run. All of it under the host's lease: no session
 * looks meanwhile. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "scrub.h"
#include "sys/file.h"

enum { HEADER_MAX = 4096, SUFFIXES = 64, COPY = 1 << 20, LOST_MAX = 64 };

int heal_open(struct scrub *s, const char *dir, struct err *e) {
    struct buf b;
    CLEANUP_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, dir, _("open"));
    if (store_dir_open(&s->from, fd, "store", e) < 0) return err_wrap(e, "%s", dir);
    buf_init(&b, HEADER_MAX);
    int rc = store_load(&s->from, "vault", HEADER_MAX, &b, e);
    if (rc == 0 && (b.len != s->v->header_raw.len || memcmp(b.p, s->v->header_raw.p, b.len) != 0))
        rc = err_set(e, ZE_USAGE, dir, _("it is not a copy of this vault"));
    buf_free(&b);
    return rc;
}

int heal_load(struct scrub *s, const char *name, size_t max, struct buf *out, struct err *e) {
    if (s->from.fd < 0) return err_set(e, ZE_NOTFOUND, name, _("there is no other vault"));
    buf_reset(out);
    return store_load(&s->from, name, max, out, e);
}

/* The lease of the host: -1 with s->sum->busy counted when a session is at work. */
static int lease(struct scrub *s) {
    struct err why = ERR_INIT;
    int fd = lock_file(s->v, *s->host ? s->host : ".vault", &why);
    if (fd < 0) s->sum->busy++;
    return fd;
}

/* What is from ${at} to ${end}, or to the end of the file. */
static int bytes_copy(int from, int to, uint64_t at, uint64_t end, const char *name, struct err *e) {
    CLEANUP_FREE uint8_t *p = malloc(COPY);
    if (!p) return err_set(e, ZE_NOMEM, name, _("no memory"));
    while (at < end) {
        size_t want = end - at < COPY ? (size_t)(end - at) : COPY;
        ssize_t n = file_pread_full(from, p, want, (off_t)at);
        if (n < 0) return err_sys(e, name, _("read"));
        if (n > 0 && file_write_all(to, p, (size_t)n) < 0) return err_sys(e, name, _("write"));
        if ((size_t)n < want) return 0;
        at += (uint64_t)n;
    }
    return 0;
}

/* What of it can be read, and zeros for the rest: it is kept for people to look at, and sectors that are gone are no reason
 * to leave their object as it is. Given up after some of them, since a disk may take its time over each. */
static int remains_copy(int from, int to, const char *name, struct err *e) {
    uint8_t block[4096];
    unsigned lost = 0;
    for (off_t at = 0; lost < LOST_MAX; at += sizeof block) {
        ssize_t n = file_pread_full(from, block, sizeof block, at);
        if (n == 0) return 0;
        if (n < 0) {
            struct stat st;
            if (fstat(from, &st) < 0) return err_sys(e, name, "stat");
            n = st.st_size - at < (off_t)sizeof block ? (ssize_t)(st.st_size - at) : (ssize_t)sizeof block;
            if (n <= 0) return 0;
            memset(block, 0, sizeof block), lost++;
        }
        if (file_write_all(to, block, (size_t)n) < 0) return err_sys(e, name, _("write"));
    }
    return 0;
}

/* The bytes of ${name} to quarantine/, under the first suffix that is free; nothing to do when there is no such
 * object. */
static int quarantine(struct scrub *s, const char *name, struct err *e) {
    struct store *st = &s->v->store;
    char to[STORE_NAME_MAX];
    struct err why = ERR_INIT;
    CLEANUP_FD int fd = store_open_fd(st, name, &why);
    if (fd < 0 && why.id == ZE_NOTFOUND) return 0;
    if (fd < 0) return *e = why, -1;
    int rc = 1;
    for (int i = 0; rc == 1 && i < SUFFIXES; i++) {
        struct store_tmp t;
        snprintf(to, sizeof to, "quarantine/%.220s.%d", name, i);
        if (store_tmp_open(st, to, &t, e) < 0) return -1;
        rc = remains_copy(fd, t.fd, name, e);
        if (rc == 0) rc = store_tmp_put(st, &t, to, e);
        store_tmp_drop(st, &t);
    }
    /* If interrupted here, the damaged object is there twice: the next run puts it aside once more. */
    if (rc == 1) rc = err_set(e, ZE_EXISTS, to, _("it was put aside too often"));
    return rc < 0 ? rc : store_delete(st, name, e);
}

int heal_object(struct scrub *s, const char *name, const struct buf *good, struct err *e) {
    CLEANUP_FD int fd = lease(s);
    if (fd < 0) return 0;
    if (quarantine(s, name, e) < 0) return -1;
    /* If interrupted here, the name is free: absent is as bad as damaged, and mended the same way. */
    if (store_put_new(&s->v->store, name, good->p, good->len, e) < 0) return -1;
    s->sum->healed++;
    return 1;
}

static int refuse(void *arg, uint32_t slot, const struct err *why, struct err *e) {
    *e = *why;
    return -1;
}

/* Whether the index that is still readable here is the other one's, so that the same segments are meant. */
static bool same_index(struct scrub *s, const char *name, const struct pack_index *other) {
    struct pack_index own;
    struct err ignored = ERR_INIT;
    CLEANUP_FD int fd = store_open_fd(&s->v->store, name, &ignored);
    if (fd < 0 || pack_index_read(fd, name, &own, &ignored) < 0) return true; /* nothing to compare with */
    bool same = own.trailer.count == other->trailer.count &&
        memcmp(own.rows, other->rows, (size_t)own.trailer.count * PACK_ROW) == 0;
    if (own.header.pack != other->header.pack || memcmp(own.header.generation, other->header.generation, SEAL_ID) != 0)
        same = true; /* another pack lies there: it says nothing about this one */
    pack_index_free(&own);
    return same;
}

/* The pack in ${from} under ${name}, as revision ${revision}: header and trailer say that number, all else is as it
 * is. */
static int pack_write(
    struct scrub *s, int from, struct pack_index *x, uint32_t revision, const char *name, struct err *e) {
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    struct hash_state h;
    struct store_tmp t;
    size_t rows = (size_t)x->trailer.count * PACK_ROW;
    x->header.revision = revision;
    pack_header_put(head, &x->header);
    hash_init(&h, NULL);
    hash_update(&h, head, sizeof head);
    hash_update(&h, x->rows, rows);
    hash_final(&h, x->trailer.hash);
    pack_trailer_put(tail, &x->trailer);
    if (store_tmp_open(&s->v->store, name, &t, e) < 0) return -1;
    int rc = file_write_all(t.fd, head, sizeof head) < 0 ? err_sys(e, name, _("write")) : 0;
    if (rc == 0) rc = bytes_copy(from, t.fd, sizeof head, x->trailer.index_at + rows, name, e);
    if (rc == 0 && file_write_all(t.fd, tail, sizeof tail) < 0) rc = err_sys(e, name, _("write"));
    if (rc == 0) rc = store_tmp_put(&s->v->store, &t, name, e);
    store_tmp_drop(&s->v->store, &t);
    return rc;
}

/* What was written is judged like any other pack: a disk that rots while it is mended mends nothing. */
static int pack_take(
    struct scrub *s, const struct pack_item *theirs, const struct pack_item *ours, bool absent, struct err *e) {
    char from[STORE_NAME_MAX], was[STORE_NAME_MAX], name[STORE_NAME_MAX];
    const uint8_t *generation = s->packs.generation;
    struct pack_index x;
    struct err why = ERR_INIT;
    uint32_t revision = absent ? theirs->revision : ours->revision + 1;
    pack_name(from, s->host, generation, ours->pack, theirs->revision);
    pack_name(was, s->host, generation, ours->pack, ours->revision);
    pack_name(name, s->host, generation, ours->pack, revision);
    if (revision > 0xff || pack_judge(s, &s->from, from, generation, ours->pack, &x, refuse, NULL, &why, e) < 0)
        return 0;
    CLEANUP_FD int fd = absent || same_index(s, was, &x) ? store_open_fd(&s->from, from, e) : -1;
    int rc = fd < 0 ? 0 : pack_write(s, fd, &x, revision, name, e);
    pack_index_free(&x);
    if (fd < 0 || rc != 0) return rc < 0 ? rc : 0;
    if (pack_judge(s, &s->v->store, name, generation, ours->pack, &x, refuse, NULL, &why, e) < 0)
        return store_delete(&s->v->store, name, &why) < 0 ? -1 : 0;
    pack_index_free(&x);
    /* If interrupted here, both revisions are there and the whole one counts; the damaged one is left to collection. */
    if (!absent && quarantine(s, was, &why) < 0) s->sum->busy++;
    return 1;
}

int heal_pack(struct scrub *s, const struct pack_item *it, bool absent, struct err *e) {
    struct pack_list theirs = {.n = 0};
    if (s->from.fd < 0) return 0;
    CLEANUP_FD int fd = lease(s);
    if (fd < 0) return 0;
    int rc = pack_list_load(&theirs, &s->from, s->host, s->packs.generation, e);
    const struct pack_item *found = rc == 0 ? pack_list_find(&theirs, it->pack) : NULL;
    if (found) rc = pack_take(s, found, it, absent, e);
    pack_list_free(&theirs);
    if (rc == 1) s->sum->healed++;
    return rc;
}
