/* Fetching sealed segments, in the order asked for, from one of two places.
 *
 * Over a session: a meta segment that a local copy holds, and that opens, is read there (a copy may be of another pack: a
 * number that the vault never stored is used again). All others are asked for with GET, two frames ahead, so that the vault
 * never waits for us. Nothing piles up here: what the vault has
 * sent and we have not read stays in the pipe, and frames hold one segment at a time; requests are far smaller than a
 * pipe, so both sides never wait for each other. After an error answers may still be under way, so the session is over
 * for fetching.
 *
 * Over a store: the pack files themselves; what the vault would check is checked here.
 *
 * The manifest pages read last are kept, since one path is looked for from the top again and again. */
#include "fetch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "limiter.h"
#include "packfile.h"
#include "transport.h"

enum { GET_MAX = 256, GETS_AHEAD = 2, PAGES_KEPT = 8 };

struct kept_page {
    uint8_t generation[SEAL_ID];
    struct seg_addr addr;
    struct buf bytes; /* nothing: not in use */
};

struct fetch {
    struct session *s; /* NULL: over a store */
    struct packs packs;
    struct buf sealed;
    struct kept_page page[PAGES_KEPT]; /* as a ring */
    unsigned pages;
    struct fetch_count count;
    bool broken, lacked;
};

struct call {
    struct fetch *f;
    const uint8_t *generation;
    const struct seg_addr *addrs;
    int (*each)(void *arg, size_t i, const uint8_t *sealed, size_t len, struct err *e);
    int (*bad)(void *arg, size_t i, const struct err *why);
    void *arg;
};

static struct fetch *fetch_new(struct session *s, int dirfd) {
    struct fetch *f = calloc(1, sizeof *f);
    if (!f) {
        if (dirfd >= 0) close(dirfd);
        return NULL;
    }
    f->s = s;
    packs_init(&f->packs, dirfd, s == NULL);
    buf_init(&f->sealed, ZB_SEALED_MAX);
    for (size_t i = 0; i < PAGES_KEPT; i++) buf_init(&f->page[i].bytes, ZB_SEGMENT_MAX);
    return f;
}

struct fetch *fetch_over_session(struct session *s) {
    return fetch_new(s, openat(s->cfg->statefd, "cache/meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

struct fetch *fetch_over_store(const char *vault_dir, const char *host) {
    char path[4096 + 128];
    snprintf(path, sizeof path, "%s/store/hosts/%s/packs", vault_dir, host);
    return fetch_new(NULL, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void fetch_free(struct fetch *f) {
    if (!f) return;
    packs_free(&f->packs);
    buf_free(&f->sealed);
    for (size_t i = 0; i < PAGES_KEPT; i++) buf_free(&f->page[i].bytes);
    free(f);
}

struct fetch_count fetch_count(const struct fetch *f) { return f->count; }

static void counted(struct fetch *f, size_t bytes) {
    f->count.segments++;
    f->count.bytes += bytes;
}

static int failed(const struct call *c, size_t i, const struct err *why, struct err *e) {
    if (c->bad) return c->bad(c->arg, i, why);
    if (e != why) *e = *why;
    return -1;
}

static int store_one(const struct call *c, size_t i, struct err *e) {
    struct packfile *pf;
    struct pack_row row;
    struct err why = ERR_INIT;
    int rc = packs_find(&c->f->packs, c->generation, c->addrs[i], &row, &pf, &why);
    if (rc == 0) {
        char name[64];
        snprintf(name, sizeof name, "pack %08x slot %u", c->addrs[i].pack, c->addrs[i].slot);
        rc = err_set(
            &why, ZE_MISSING, name, pf->fd < 0 ? _("there is no such pack") : _("the pack does not hold this segment"));
    }
    if (rc > 0) rc = packs_read(pf, &row, &c->f->sealed, &why);
    if (rc < 0) return failed(c, i, &why, e);
    counted(c->f, c->f->sealed.len);
    return c->each(c->arg, i, c->f->sealed.p, c->f->sealed.len, e);
}

/* 1 when f->sealed holds the segment, from a local copy; whatever is wrong with copies, the vault is asked instead. */
static int local_read(struct fetch *f, const uint8_t *generation, struct seg_addr addr) {
    struct packfile *pf;
    struct pack_row row;
    struct err ignored = ERR_INIT;
    return packs_find(&f->packs, generation, addr, &row, &pf, &ignored) == 1 &&
        packs_read(pf, &row, &f->sealed, &ignored) == 0;
}

static int put_get(const struct call *c, size_t from, size_t n, struct err *e) {
    struct buf b;
    buf_init(&b, 64 << 10);
    buf_put(&b, c->generation, SEAL_ID);
    buf_vu(&b, n);
    for (size_t i = from; i < from + n; i++) buf_vu(&b, c->addrs[i].pack), buf_vu(&b, c->addrs[i].slot);
    int rc = frames_put_buf(&c->f->s->f, F_GET, &b, e);
    if (rc == 0) rc = frames_flush(&c->f->s->f, e);
    buf_free(&b);
    return rc < 0 ? transport_explain(c->f->s->transport, e) : 0;
}

static int take_answer(const struct call *c, size_t i, struct err *e) {
    struct session *s = c->f->s;
    struct rd r;
    uint8_t type;
    if (session_next(s, &type, &r, e) < 0) return -1;
    if (type == F_ERROR) return frames_take_error(&r, e);
    uint32_t pack = rd_u32(&r), slot = rd_u32(&r);
    if ((type != F_SEGMENT && type != F_SEGERR) || !rd_ok(&r) || pack != c->addrs[i].pack || slot != c->addrs[i].slot)
        return err_set(e, ZE_PROTO, s->cfg->vault, _("answer %02x does not fit the segment that was asked for"), type);
    if (type == F_SEGMENT) {
        counted(c->f, r.left);
        limiter_pace(s->cfg->limiter, r.left);
        return c->each(c->arg, i, r.p, r.left, e);
    }
    struct err why = ERR_INIT;
    char name[64], text[400];
    uint32_t id = rd_u32(&r);
    rd_str(&r, text, sizeof text);
    snprintf(name, sizeof name, "pack %08x slot %u", pack, slot);
    err_set(&why, err_known(id), name, "%s", text);
    return failed(c, i, &why, e);
}

/* Segments [from, end) from the vault: at most GETS_AHEAD requests that are not answered. */
static int remote_run(const struct call *c, size_t from, size_t end, struct err *e) {
    size_t asked = from;
    for (size_t i = from; i < end; i++) {
        while (asked < end && asked - i <= (GETS_AHEAD - 1) * GET_MAX) {
            size_t n = end - asked < GET_MAX ? end - asked : GET_MAX;
            if (put_get(c, asked, n, e) < 0) return -1;
            asked += n;
        }
        if (take_answer(c, i, e) < 0) return -1;
    }
    return 0;
}

int fetch_sealed(struct fetch *f, const uint8_t generation[SEAL_ID], const struct seg_addr *addrs, size_t n,
    int (*each)(void *arg, size_t i, const uint8_t *sealed, size_t len, struct err *e),
    int (*bad)(void *arg, size_t i, const struct err *why), void *arg, struct err *e) {
    struct call c = {.f = f, .generation = generation, .addrs = addrs, .each = each, .bad = bad, .arg = arg};
    if (f->s && f->broken) return err_set(e, ZE_CUT, f->s->cfg->vault, _("this session has failed before"));
    if (f->s) {
        if (remote_run(&c, 0, n, e) == 0) return 0;
        f->broken = true;
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (store_one(&c, i, e) < 0) return -1;
    return 0;
}

struct one {
    struct sealer *s;
    const struct gen_keys *k;
    uint8_t kind;
    struct seg_addr addr;
    struct buf *out;
};

static int one_open(void *arg, size_t i, const uint8_t *sealed, size_t len, struct err *e) {
    struct one *o = arg;
    buf_reset(o->out);
    uint8_t *to = buf_reserve(o->out, ZB_SEGMENT_MAX);
    if (!to) return err_set(e, ZE_NOMEM, NULL, _("a segment"));
    int n = segment_open(o->s, o->k, o->kind, o->addr, sealed, len, to, e);
    if (n < 0) return -1;
    o->out->len = (size_t)n;
    return 0;
}

static int take_one(struct fetch *f, struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr,
    struct buf *out, struct err *e) {
    struct one o = {.s = s, .k = k, .kind = kind, .addr = addr, .out = out};
    struct err ignored = ERR_INIT;
    if (f->s && kind > SEG_PACKED && local_read(f, gen_keys_generation(k), addr) &&
        one_open(&o, 0, f->sealed.p, f->sealed.len, &ignored) == 0)
        return 0;
    if (!f->s) return fetch_sealed(f, gen_keys_generation(k), &addr, 1, one_open, NULL, &o, e);
    struct call c = {.f = f, .generation = gen_keys_generation(k), .addrs = &addr, .each = one_open, .arg = &o};
    if (f->s && f->broken) return err_set(e, ZE_CUT, f->s->cfg->vault, _("this session has failed before"));
    int rc = remote_run(&c, 0, 1, e);
    if (rc < 0 && (e->id == ZE_MISSING || e->id == ZE_DAMAGED || e->id == ZE_TRUNCATED)) f->lacked = true;
    return rc;
}

bool fetch_lacked(const struct fetch *f) { return f->lacked; }

/* The place of a page among those that are kept: where it is, or where it may go. */
static struct kept_page *kept(struct fetch *f, const uint8_t *generation, struct seg_addr addr) {
    for (size_t i = 0; i < PAGES_KEPT; i++) {
        struct kept_page *p = &f->page[i];
        if (p->bytes.len && p->addr.pack == addr.pack && p->addr.slot == addr.slot &&
            memcmp(p->generation, generation, SEAL_ID) == 0)
            return p;
    }
    struct kept_page *p = &f->page[f->pages++ % PAGES_KEPT];
    buf_reset(&p->bytes);
    memcpy(p->generation, generation, SEAL_ID);
    p->addr = addr;
    return p;
}

int fetch_one(struct fetch *f, struct sealer *s, const struct gen_keys *k, uint8_t kind, struct seg_addr addr,
    struct buf *out, struct err *e) {
    if (kind != SEG_PAGE) return take_one(f, s, k, kind, addr, out, e);
    struct kept_page *p = kept(f, gen_keys_generation(k), addr);
    if (p->bytes.len == 0) {
        if (take_one(f, s, k, kind, addr, out, e) < 0) return -1;
        buf_put(&p->bytes, out->p, out->len);
        if (!buf_ok(&p->bytes)) buf_reset(&p->bytes); /* then it is not kept */
        return 0;
    }
    buf_reset(out);
    buf_put(out, p->bytes.p, p->bytes.len);
    return buf_ok(out) ? 0 : err_set(e, ZE_NOMEM, NULL, _("a segment"));
}
