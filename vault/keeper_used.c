/* Used pages: which segments a point needs, in words that the vault can read. They are stored as they come, under
 * their own hash: a page that no commit names means nothing and is collected later, and nothing has to be held in
 * memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "damage.h"
#include "keeper.h"
#include "quota.h"
#include "sys/file.h"

enum { USED_MAX = 1 << 20 };

void used_name(
    char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID], const uint8_t hash[SEAL_HASH]) {
    char gen[HEX_ID], hex[HEX_HASH];
    text_hex(gen, generation, SEAL_ID);
    text_hex(hex, hash, SEAL_HASH);
    snprintf(out, STORE_NAME_MAX, "hosts/%s/used/%s/%s", host, gen, hex);
}

int keeper_used(struct keeper *k, struct rd *r, struct err *e) {
    char name[STORE_NAME_MAX];
    uint8_t hash[SEAL_HASH];
    uint32_t page = rd_u32(r);
    if (!rd_ok(r) || r->left > USED_MAX) return keeper_malformed(k, e);
    if (!k->begun) return err_set(e, ZE_PROTO, k->host, _("a used page before BEGIN"));
    if (used_page_get(r->p, r->left, k->begin.generation, page, NULL, NULL, e) < 0) return -1;
    seal_hash(hash, r->p, r->left);
    used_name(name, k->host, k->begin.generation, hash);
    if (quota_place(k, r->left, e) < 0) return -1;
    int rc = store_put_new(&k->v->store, name, r->p, r->left, e);
    /* If interrupted here, a page that nothing names yet: the next upload may name it. */
    return rc < 0 ? rc : F_OKAY;
}

int used_load(
    struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref, struct buf *out, struct err *e) {
    char name[STORE_NAME_MAX];
    uint8_t hash[SEAL_HASH];
    used_name(name, k->host, generation, ref->hash);
    buf_reset(out);
    if (store_load(&k->v->store, name, USED_MAX, out, e) < 0)
        return e->id == ZE_NOTFOUND ? err_set(e, ZE_MISSING, name, _("a used page is not in the vault")) : -1;
    seal_hash(hash, out->p, out->len);
    return memcmp(hash, ref->hash, SEAL_HASH) == 0 ? 0 : err_set(e, ZE_DAMAGED, name, _("its hash is not its name"));
}

int keeper_pack(
    struct keeper *k, const uint8_t generation[SEAL_ID], uint32_t pack, char name[STORE_NAME_MAX], struct err *e) {
    bool known = k->packs.loaded && memcmp(k->packs.generation, generation, SEAL_ID) == 0;
    /* Under the lease that this session holds nobody adds packs below its first one. */
    bool settled = known && k->begun && pack < k->begin.first_pack &&
        memcmp(k->begin.generation, generation, SEAL_ID) == 0;
    /* A listing may be old, and a collection may put the next revision in the place of one that was just listed. */
    for (int listed = known ? 0 : 1; listed < 4; listed++) {
        if (listed && pack_list_load(&k->packs, &k->v->store, k->host, generation, e) < 0) return -1;
        const struct pack_item *it = pack_list_find(&k->packs, pack);
        pack_name(name, k->host, generation, pack, it ? it->revision : 0);
        if (!it && (listed || settled)) break;
        if (!it) continue;
        int fd = store_open_fd(&k->v->store, name, e);
        if (fd >= 0 || e->id != ZE_NOTFOUND) return fd;
    }
    return err_set(e, ZE_MISSING, name, _("a pack is not in the vault"));
}

struct check {
    uint32_t bytes_below;   /* packs below this: bytes are looked at too, unless the parent has them */
    const struct buf *had;  /* the parent's page, or NULL */
    uint32_t page;
    struct keeper *k;
    const uint8_t *generation;
    int (*bad)(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e);
    void *arg;
    struct damage_list known; /* what scrubbing has found */
};

static bool known_damaged(const struct check *c, uint32_t pack, uint32_t revision, uint32_t slot, struct err *why) {
    char name[STORE_NAME_MAX];
    if (!c->known.n) return false;
    pack_name(name, c->k->host, c->generation, pack, revision);
    if (!damage_has(&c->known, name, slot)) return false;
    err_set(why, ZE_DAMAGED, name, _("slot %u is damaged"), slot);
    return true;
}

/* The pack's index, or the kind alone (0 when it cannot be told) and why not. */
static int index_of(struct check *c, uint32_t pack, struct pack_index *x, struct err *why) {
    char name[STORE_NAME_MAX];
    *x = (struct pack_index){.rows = NULL};
    CLEANUP_FD int fd = keeper_pack(c->k, c->generation, pack, name, why);
    if (fd < 0) return -1;
    int rc = pack_index_read(fd, name, x, why);
    uint8_t head[PACK_HEADER];
    struct err ignored = ERR_INIT;
    if (rc < 0 &&
        (file_pread_full(fd, head, sizeof head, 0) != sizeof head ||
            pack_header_get(&x->header, head, name, &ignored) < 0))
        x->header.kind = 0;
    if (rc < 0) return rc;
    if (x->header.pack == pack && memcmp(x->header.generation, c->generation, SEAL_ID) == 0 &&
        memcmp(x->header.host_id, c->k->log.host_id, SEAL_ID) == 0)
        return 0;
    pack_index_free(x);
    x->header.kind = 0;
    return err_set(why, ZE_DAMAGED, name, _("its header names another pack"));
}

struct had {
    uint32_t pack;
    uint8_t bits[ZB_PACK_SLOTS_MAX / 8];
};

static int had_pack(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct had *h = arg;
    if (pack == h->pack) memcpy(h->bits, bitmap, len < sizeof h->bits ? len : sizeof h->bits);
    return 0;
}

/* The slots of ${pack} that the parent uses. */
static int had_load(const struct check *c, uint32_t pack, struct had *h, struct err *e) {
    memset(h, 0, sizeof *h);
    h->pack = pack;
    return c->had ? used_page_get(c->had->p, c->had->len, c->generation, c->page, had_pack, h, e) : 0;
}

static int bytes_check(const struct check *c, uint32_t pack, const struct pack_row *row, struct err *why) {
    char name[STORE_NAME_MAX];
    uint8_t hash[SEAL_HASH];
    CLEANUP_FREE uint8_t *bytes = malloc(row->len);
    CLEANUP_FD int fd = keeper_pack(c->k, c->generation, pack, name, why);
    if (!bytes) return err_set(why, ZE_NOMEM, name, _("no memory"));
    if (fd < 0) return -1;
    if (file_pread_full(fd, bytes, row->len, row->offset) != (ssize_t)row->len)
        return err_set(why, ZE_TRUNCATED, name, _("slot %u cannot be read"), row->slot);
    seal_hash(hash, bytes, row->len);
    return memcmp(hash, row->hash, SEAL_HASH) == 0 ? 0 : err_set(why, ZE_DAMAGED, name, _("slot %u is damaged"), row->slot);
}

static int check_pack(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct check *c = arg;
    struct pack_index x;
    struct pack_row row;
    struct had had;
    struct err why = ERR_INIT;
    int rc = pack < c->bytes_below ? had_load(c, pack, &had, e) : 0;
    bool whole = index_of(c, pack, &x, &why) == 0;
    if (!whole && why.id != ZE_MISSING && why.id != ZE_DAMAGED && why.id != ZE_TRUNCATED) {
        *e = why; /* not the pack's fault: no judgement is possible */
        return -1;
    }
    for (size_t s = 0; s < len * 8 && rc == 0; s++) {
        if (!(bitmap[s / 8] >> (s & 7) & 1)) continue;
        bool found = whole && pack_index_find(&x, (uint32_t)s, &row);
        bool revived = found && pack < c->bytes_below && s / 8 < sizeof had.bits && !(had.bits[s / 8] >> (s & 7) & 1);
        if (found && !known_damaged(c, pack, x.header.revision, (uint32_t)s, &why) &&
            (!revived || bytes_check(c, pack, &row, &why) == 0))
            continue;
        if (whole && !found) {
            char name[STORE_NAME_MAX];
            pack_name(name, c->k->host, c->generation, pack, x.header.revision);
            err_set(&why, ZE_MISSING, name, _("slot %zu is not in it"), s);
        }
        rc = c->bad(c->arg, x.header.kind, (struct slot_ref){pack, (uint32_t)s}, &why, e);
    }
    pack_index_free(&x);
    return rc;
}

int used_check(struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref,
    int (*bad)(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e), void *arg,
    struct err *e) {
    return used_check_revived(k, generation, ref, NULL, 0, bad, arg, e);
}

int used_check_revived(struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref,
    const struct used_ref *parent, uint32_t first_pack,
    int (*bad)(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e), void *arg,
    struct err *e) {
    struct buf page, had;
    struct check c = {.k = k, .generation = generation, .bad = bad, .arg = arg, .bytes_below = first_pack,
        .had = parent ? &had : NULL, .page = ref->page};
    buf_init(&page, USED_MAX);
    buf_init(&had, USED_MAX);
    int rc = used_load(k, generation, ref, &page, e);
    if (rc == 0 && parent) rc = used_load(k, generation, parent, &had, e);
    if (rc == 0) rc = damage_load(&c.known, k->v, k->host, e);
    if (rc == 0) rc = used_page_get(page.p, page.len, generation, ref->page, check_pack, &c, e);
    damage_free(&c.known);
    buf_free(&page);
    buf_free(&had);
    return rc;
}
