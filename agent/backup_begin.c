/* Beginning a run: BEGIN and its answer, the parent point, the local caches and what they do not know, and the parts of the
 * data path. Nothing here changes the vault but the begin record. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "base/text.h"
#include "metacopy.h"
#include "state.h"
#include "sys/file.h"
#include "wire/pack.h"

int run_record(struct run *r, const uint8_t *p, size_t n, uint8_t type, struct record *rec, struct err *e) {
    struct record got;
    if (keychain_decode(&got, p, n, r->cfg->vault_id, &r->session.keys, e) < 0) return -1;
    if (got.type == type && seal_equal(got.host_id, r->cfg->ids.host_id, SEAL_ID)) {
        *rec = got;
        return 0;
    }
    record_free(&got);
    return err_set(e, ZE_PROTO, r->cfg->vault, _("it sent a record of another kind or host"));
}

int run_fresh(const struct run *r, const struct record *rec, struct err *e) {
    if (rec->key + 1u == r->session.keys.n) return 0;
    return err_set(e, ZE_OLDKEY, r->cfg->vault, _("record %llu"), (unsigned long long)rec->n);
}

int run_begin(struct run *r, const uint8_t upload[SEAL_ID], struct err *e) {
    struct buf b;
    struct rd rd;
    size_t n;
    /* If interrupted here: an upload id is written down that the vault has never heard of; that means nothing. */
    if (state_pending_add(r->cfg, upload, e) < 0) return -1;
    buf_init(&b, 256);
    buf_u8(&b, r->q->full || run_distrusts(r) == DISTRUST_PARENT ? KIND_FULL : KIND_INCREMENTAL);
    buf_put(&b, upload, SEAL_ID);
    buf_str(&b, r->q->ticket ? r->q->ticket : "");
    int rc = frames_put_buf(&r->session.f, F_BEGIN, &b, e);
    buf_free(&b);
    if (rc == 0) rc = session_expect(&r->session, F_BEGUN, &rd, e);
    if (rc < 0 && (e->id == ZE_BUSY || e->id == ZE_REFUSED)) state_pending_drop(r->cfg, upload);
    if (rc < 0) return -1;
    const uint8_t *p = rd_blob(&rd, &n, ZB_RECORD_MAX);
    if (!p || run_record(r, p, n, REC_BEGIN, &r->begin, e) < 0 || run_fresh(r, &r->begin, e) < 0)
        return p ? -1 : err_set(e, ZE_PROTO, r->cfg->vault, _("an answer to BEGIN that cannot be read"));
    if (rd_u8(&rd)) {
        p = rd_blob(&rd, &n, ZB_RECORD_MAX);
        if (p && run_record(r, p, n, REC_COMMIT, &r->parent, e) < 0) return -1;
    }
    r->collected = rd.left ? rd_u64(&rd) : 0;
    if (!rd_end(&rd)) return err_set(e, ZE_PROTO, r->cfg->vault, _("an answer to BEGIN that cannot be read"));
    bool fits = !r->parent.type || (r->begin.begin.kind == KIND_INCREMENTAL &&
        memcmp(r->parent.commit.generation, r->begin.begin.generation, SEAL_ID) == 0);
    if (!fits) return err_set(e, ZE_PROTO, r->cfg->vault, _("the parent is of another generation"));
    /* Somebody committed since the greeting: an upload of this machine that was thought lost, or another machine. */
    if (r->parent.type && r->parent.n > r->session.own_n && !state_pending(r->cfg, r->parent.commit.upload))
        return err_set(e, ZE_CLONED, r->cfg->host, _("restore point %u appeared meanwhile"), r->parent.commit.point);
    state_pending_only(r->cfg, upload);
    return 0;
}

int run_open_parent(struct run *r, const struct rec_commit *c, struct err *e) {
    struct buf plain;
    uint8_t check[SEAL_ID];
    key_check(check, r->cfg->host_key);
    if (!seal_equal(check, c->keys.check, SEAL_ID)) return err_set(e, ZE_WRONGKEY, r->cfg->host, _("host key"));
    buf_init(&plain, ZB_SEGMENT_MAX);
    int rc = root_open(r->sealer, r->keys, c->point, c->root, c->root_len, &plain, e);
    if (rc == 0) rc = root_get(&r->parent_root, plain.p, plain.len, e);
    buf_free(&plain);
    if (rc < 0) return rc;
    r->prev = manifest_walk_new(r->fetch, r->keys, &r->parent_root, NULL, 0);
    return r->prev ? 0 : err_set(e, ZE_NOMEM, NULL, "manifest");
}

/* Learn what the packs [from, first_pack) hold, which this machine does not remember: after an interrupted run, or with a
 * lost or foreign cache. A pack number that was never stored is no error. */
static int learn_packs(struct run *r, uint32_t from, struct err *e) {
    for (uint32_t pack = from; pack < r->begin.begin.first_pack; pack++) {
        struct buf b;
        struct rd rd;
        uint8_t type;
        buf_init(&b, 64);
        buf_put(&b, r->begin.begin.generation, SEAL_ID);
        buf_u32(&b, pack);
        int rc = frames_put_buf(&r->session.f, F_INDEX, &b, e);
        buf_free(&b);
        if (rc < 0 || session_next(&r->session, &type, &rd, e) < 0) return -1;
        if (type == F_ERROR) {
            frames_take_error(&rd, e);
            if (e->id != ZE_NOTFOUND && e->id != ZE_MISSING && e->id != ZE_DAMAGED && e->id != ZE_TRUNCATED) return -1;
            *e = (struct err)ERR_INIT;
            continue;
        }
        size_t n;
        uint32_t no = rd_u32(&rd);
        rd_u8(&rd);
        const uint8_t *rows = rd_blob(&rd, &n, FRAME_MAX);
        if (type != F_INDEX_DATA || !rd_end(&rd) || no != pack || n % PACK_ROW)
            return err_set(e, ZE_PROTO, r->cfg->vault, _("an answer to INDEX that cannot be read"));
        uint8_t sum[SEAL_ID] = {0};
        for (size_t i = 0; i < n; i += PACK_ROW) {
            struct pack_row row;
            pack_row_get(&row, rows + i);
            attempt_sum(sum, row.slot, row.identity, row.hash);
            if (ids_put(r->ids, row.identity, (struct seg_addr){pack, row.slot}, e) < 0) return -1;
        }
        /* The acknowledgement of a pack was lost: its local copy is good after all. */
        struct err ignored = ERR_INIT;
        if (attempt_confirm(r->attempt, pack, sum) && metacopy_keep(r->metafd, pack, &ignored) < 0) continue;
    }
    return 0;
}

/* Copies of packs under numbers that will be used again: what a killed run left unfinished, and what was acknowledged and yet
 * the vault does not have. */
static void drop_copies(int dirfd, uint32_t first_pack) {
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *de; d && (de = readdir(d));)
        if (strncmp(de->d_name, "tmp-", 4) == 0 || (de->d_name[0] != '.' && strtoul(de->d_name, NULL, 16) >= first_pack))
            unlinkat(dirfd, de->d_name, 0);
    if (d) closedir(d);
}

static int open_cache(struct run *r, struct err *e) {
    char hex[33], path[64];
    int dir = r->cfg->statefd;
    text_hex(hex, r->begin.begin.generation, SEAL_ID);
    snprintf(path, sizeof path, "cache/meta/%s", hex);
    if (file_mkdirs(dir, path, 0700, e) < 0 || file_mkdirs(dir, "cache/sigs", 0700, e) < 0) return -1;
    r->metafd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    r->sigfd = openat(dir, "cache/sigs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    r->cachefd = openat(dir, "cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (r->metafd < 0 || r->sigfd < 0 || r->cachefd < 0) return err_sys(e, r->cfg->state, "cache");
    return 0;
}

void run_binding(const struct run *r, const struct record *point, uint8_t out[SEAL_HASH]) {
    struct hash_state h;
    memset(out, 0, SEAL_HASH);
    if (point->type) memcpy(out, point->hash, SEAL_HASH);
    if (!r->collected) return;
    hash_init(&h, NULL);
    hash_update(&h, out, SEAL_HASH);
    hash_update(&h, &r->collected, sizeof r->collected);
    hash_final(&h, out);
}

/* The index, and what earlier attempts of this point have done; what this machine does not know of is asked for. */
static int open_memory(struct run *r, struct err *e) {
    const struct rec_begin *b = &r->begin.begin;
    uint8_t binding[SEAL_HASH];
    uint32_t known;
    run_binding(r, &r->parent, binding);
    if (ids_open(r->cachefd, b->generation, r->cfg->host_key, binding, b->first_pack, &r->ids, &known, e) < 0) return -1;
    if (run_distrusts(r) != DISTRUST_IDENTITIES) {
        r->attempt = attempt_open(r->cachefd, b->generation, r->cfg->host_key, binding, b->first_pack);
        if (!r->attempt) return err_set(e, ZE_NOMEM, NULL, "journal");
        if (learn_packs(r, known, e) < 0) return -1;
        attempt_begin(r->attempt);
    }
    drop_copies(r->metafd, b->first_pack);
    return 0;
}

static int by_slot(const void *a, const void *b) {
    const struct slot_ref *x = a, *y = b;
    if (x->pack != y->pack) return x->pack < y->pack ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

enum { WORKERS = 2 }; /* beside the thread that reads and sends */

int run_prepare(struct run *r, struct err *e) {
    struct rec_begin *b = &r->begin.begin;
    if (open_cache(r, e) < 0) return -1;
    r->keys = gen_keys_new(r->cfg->host_key, &r->cfg->ids, b->generation);
    r->fetch = fetch_over_session(&r->session);
    r->used = used_new();
    r->links = links_new();
    if (!r->keys || !r->fetch || !r->used || !r->links || attrs_init(&r->attrs, e) < 0)
        return err_set(e, ZE_NOMEM, NULL, "backup");
    if (r->parent.type && run_open_parent(r, &r->parent.commit, e) < 0) return -1;
    if (open_memory(r, e) < 0) return -1;
    if (b->damaged_n) qsort(b->damaged, b->damaged_n, sizeof *b->damaged, by_slot);
    if (!(r->pool = pool_new(WORKERS, e))) return -1;
    struct upload_setup us = {.session = &r->session, .pool = r->pool, .keys = r->keys, .ids = r->ids, .cachefd = r->metafd,
        .attempt = r->attempt, .clock = r->q->clock, .epoch = b->epoch, .first_pack = b->first_pack, .damaged = b->damaged, .damaged_n = b->damaged_n};
    if (!(r->upload = upload_new(&us, e))) return -1;
    struct filer_setup fs = {.upload = r->upload, .pool = r->pool, .used = r->used, .keys = r->keys, .fetch = r->fetch, .sealer = r->sealer,
        .sigfd = r->sigfd, .progress = r->q->progress, .cancelled = run_stopped, .cancelled_arg = r};
    if (!(r->filer = filer_new(&fs, e))) return -1;
    r->tree = tree_new(r->upload, r->used, r->ids, r->keys, r->cfg->host_key);
    return r->tree ? 0 : err_set(e, ZE_NOMEM, NULL, "tree");
}
