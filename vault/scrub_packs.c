/* Packs: everything in one can be checked without a key (FORMAT.md §5). What scrubbing meets while others work: a pack
 * that was listed and is gone, or has a newer revision, was collected or rewritten in between, which is no damage. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "scrub.h"
#include "sys/file.h"

static int by_offset(const void *a, const void *b) {
    const struct pack_row *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* One segment; read again when its hash is wrong: a disk may give another block once. */
static int segment_judge(struct scrub *s, int fd, const char *name, const struct pack_row *row, struct err *why) {
    uint8_t hash[SEAL_HASH];
    for (int again = 0; again < 2; again++) {
        if (again) posix_fadvise(fd, row->offset, row->len, POSIX_FADV_DONTNEED);
        ssize_t got = file_pread_full(fd, s->segment, row->len, row->offset);
        scrub_read(s, row->len);
        if (got < 0) err_sys(why, name, _("read"));
        else if (got != (ssize_t)row->len) err_set(why, ZE_TRUNCATED, name, _("slot %u is cut off"), row->slot);
        if (got != (ssize_t)row->len) continue;
        seal_hash(hash, s->segment, row->len);
        if (memcmp(hash, row->hash, SEAL_HASH) == 0) return 0;
        err_set(why, ZE_DAMAGED, name, _("slot %u is damaged"), row->slot);
    }
    return -1;
}

static int segments_judge(struct scrub *s, int fd, const char *name, const struct pack_index *x,
    int (*bad)(void *arg, uint32_t slot, const struct err *why, struct err *e), void *arg, struct err *why,
    struct err *e) {
    CLEANUP_FREE struct pack_row *rows = calloc(x->trailer.count + 1, sizeof *rows);
    uint64_t at = PACK_HEADER;
    if (!rows) return err_set(why, ZE_NOMEM, name, _("no memory"));
    for (uint32_t i = 0; i < x->trailer.count; i++) pack_row_get(&rows[i], x->rows + (size_t)i * PACK_ROW);
    qsort(rows, x->trailer.count, sizeof *rows, by_offset);
    for (uint32_t i = 0; i < x->trailer.count; i++) {
        struct err slot_why = ERR_INIT;
        if (rows[i].offset != at) return err_set(why, ZE_DAMAGED, name, _("a gap before slot %u"), rows[i].slot);
        at += rows[i].len;
        if (segment_judge(s, fd, name, &rows[i], &slot_why) == 0) continue;
        if (bad(arg, rows[i].slot, &slot_why, e) < 0) return *why = *e, -1;
    }
    return at == x->trailer.index_at ? 0 : err_set(why, ZE_DAMAGED, name, _("a gap before its index"));
}

/* NAME is "…/PPPPPPPP.RR". */
static uint32_t revision_of(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? (uint32_t)strtoul(dot + 1, NULL, 16) : 0;
}

int pack_judge(struct scrub *s, struct store *store, const char *name, const uint8_t generation[SEAL_ID], uint32_t pack,
    struct pack_index *x, int (*bad)(void *arg, uint32_t slot, const struct err *why, struct err *e), void *arg,
    struct err *why, struct err *e) {
    *x = (struct pack_index){.rows = NULL};
    CLEANUP_FD int fd = store_open_fd(store, name, why);
    if (fd < 0) return -1;
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (pack_index_read(fd, name, x, why) < 0) return -1;
    scrub_read(s, PACK_HEADER + PACK_TRAILER + (uint64_t)x->trailer.count * PACK_ROW);
    const struct pack_header *h = &x->header;
    bool own = h->pack == pack && (h->revision & 0xff) == revision_of(name) &&
        memcmp(h->generation, generation, SEAL_ID) == 0 &&
        (!s->id_known || memcmp(h->host_id, s->host_id, SEAL_ID) == 0);
    int rc = own ? segments_judge(s, fd, name, x, bad, arg, why, e)
                 : err_set(why, ZE_DAMAGED, name, _("its header names another pack"));
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* what others work with stays in memory, not this */
    if (rc < 0) pack_index_free(x);
    return rc;
}

struct slots {
    struct scrub *s;
    const char *name;
    bool any;
};

static int slot_bad(void *arg, uint32_t slot, const struct err *why, struct err *e) {
    struct slots *b = arg;
    b->any = true;
    return scrub_found(b->s, b->name, slot, why, e);
}

/* Whether it is still the revision that counts: 1, 0, <0. */
static int still_counts(struct scrub *s, const uint8_t *generation, const struct pack_item *it, struct err *e) {
    struct pack_list now = {.n = 0};
    int rc = pack_list_load(&now, &s->v->store, s->host, generation, e);
    const struct pack_item *found = rc == 0 ? pack_list_find(&now, it->pack) : NULL;
    if (rc == 0) rc = found && found->revision == it->revision;
    pack_list_free(&now);
    return rc;
}

static int pack_one(struct scrub *s, const uint8_t *generation, const struct pack_item *it, struct err *e) {
    char name[STORE_NAME_MAX];
    struct pack_index x;
    struct err why = ERR_INIT, ignored = ERR_INIT;
    pack_name(name, s->host, generation, it->pack, it->revision);
    struct slots b = {.s = s, .name = name};
    damage_mark(&s->damage, name);
    int rc = 0, judged = pack_judge(s, &s->v->store, name, generation, it->pack, &x, slot_bad, &b, &why, e);
    if (judged == 0) pack_index_free(&x);
    bool bad = judged < 0 || b.any;
    if (bad) rc = still_counts(s, generation, it, e);
    if (rc == 0) bad = false; /* whole, or gone in the meantime */
    int healed = bad ? heal_pack(s, it, false, &ignored) : 0;
    if (!bad || healed == 1) damage_mark(&s->damage, name), bad = false;
    else if (judged < 0 && rc > 0) rc = scrub_found(s, name, DAMAGE_WHOLE, &why, e);
    damage_sweep(&s->damage);
    scrub_object(s, bad);
    return rc < 0 ? -1 : 0;
}

struct generations {
    uint8_t (*id)[SEAL_ID];
    size_t n, cap;
};

static int generation_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct generations *g = arg;
    uint8_t id[SEAL_ID];
    if (strlen(name) != 2 * SEAL_ID || !text_unhex(id, SEAL_ID, name)) return 0;
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        void *p = realloc(g->id, cap * sizeof *g->id);
        if (!p) return err_set(e, ZE_NOMEM, name, _("no memory for the list of generations"));
        g->id = p, g->cap = cap;
    }
    memcpy(g->id[g->n++], id, SEAL_ID);
    return 0;
}

static int id_cmp(const void *a, const void *b) { return memcmp(a, b, SEAL_ID); }

static int generation_one(struct scrub *s, const uint8_t *generation, struct err *e) {
    int at = memcmp(generation, s->at.generation, SEAL_ID);
    if (at < 0) return 0;
    if (at > 0) memcpy(s->at.generation, generation, SEAL_ID), s->at.pack = 0;
    if (pack_list_load(&s->packs, &s->v->store, s->host, generation, e) < 0) return -1;
    for (size_t i = 0; i < s->packs.n; i++) {
        struct pack_item it = s->packs.item[i];
        if (it.pack < s->at.pack) continue;
        if (pack_one(s, generation, &it, e) < 0) return -1;
        s->at.pack = (uint64_t)it.pack + 1;
        if (scrub_save(s, e) < 0) return -1;
        scrub_moved(s);
        if (s->over) return 1;
    }
    return 0;
}

int scrub_packs(struct scrub *s, struct err *e) {
    char dir[STORE_NAME_MAX];
    struct generations g = {0};
    snprintf(dir, sizeof dir, "hosts/%s/packs", s->host);
    int rc = store_list(&s->v->store, dir, generation_add, &g, e);
    if (rc == 0 && g.n) qsort(g.id, g.n, SEAL_ID, id_cmp);
    for (size_t i = 0; rc == 0 && i < g.n; i++) rc = generation_one(s, g.id[i], e);
    free(g.id);
    return rc;
}
