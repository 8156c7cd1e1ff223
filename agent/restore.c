/* The run of a restore: two passes over the manifest. The first makes directories (0700) and everything in them, batch
 * by batch; the second gives directories their owner, mode and times, children before parents, with only the chain of
 * open directories in memory. At the end one syncfs makes all of it durable. If it is interrupted, finished files stay,
 * no unfinished file has its name, and directories still have mode 0700. */
#include "restore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"

int run_cancelled(const struct run *r, struct err *e) {
    if (!r->q->cancelled || !r->q->cancelled(r->q->cancelled_arg)) return 0;
    return err_set(e, ZE_CANCELLED, r->q->target, _("what is complete stays; unfinished files were removed"));
}

static bool among(enum err_id id, const enum err_id *list) {
    while (*list != ZE_NONE && *list != id) list++;
    return *list == id;
}

static void remember_damage(struct run *r, const char *path, size_t n, const struct err *why) {
    size_t room = sizeof r->damage.object - 1, len = n < room ? n : room;
    if (r->damage.id != ZE_NONE) return;
    err_set(&r->damage, why->id, NULL, "%s", why->msg);
    memcpy(r->damage.object, path, len);
    r->damage.object[len] = 0;
}

int run_problem(struct run *r, const char *path, size_t n, bool attribute, const struct err *why, struct err *e) {
    static const enum err_id ends[] = {ZE_NOSPACE, ZE_CANCELLED, ZE_NOMEM, ZE_INTERNAL, ZE_CUT, ZE_TIMEOUT,
        ZE_UNREACHABLE, ZE_PROTO, ZE_NOGRANT, ZE_REFUSED, ZE_AUTH, ZE_NONE};
    static const enum err_id damage[] = {ZE_DAMAGED, ZE_TRUNCATED, ZE_MISSING, ZE_NEWER, ZE_NONE};
    if (among(why->id, ends)) {
        if (e != why) *e = *why;
        return -1;
    }
    if (among(why->id, damage)) remember_damage(r, path, n, why);
    if (attribute) r->out->attributes++;
    else r->out->missed++;
    if (!attribute && r->q->progress) r->q->progress->errors++;
    if (r->q->tell) r->q->tell(r->q->tell_arg, path, n, attribute, why);
    return 0;
}

/* Remember for the second pass whether the directory that the walk gives now was made by us. */
static int remember_dir(struct run *r, bool made, struct err *e) {
    size_t byte = r->dirs_seen / 8, before = r->dirs_cap;
    if (batch_grow(&r->dirs_made, &r->dirs_cap, byte + 1, 1, e) < 0) return -1;
    memset(r->dirs_made + before, 0, r->dirs_cap - before);
    if (made) r->dirs_made[byte] |= (uint8_t)(1u << (r->dirs_seen % 8));
    r->dirs_seen++;
    return 0;
}

static bool next_dir_made(struct run *r) {
    size_t i = r->dirs_seen++;
    return i / 8 < r->dirs_cap && (r->dirs_made[i / 8] >> (i % 8) & 1);
}

static int add_dir(struct run *r, const char *path, size_t n, struct err *e) {
    struct err why = ERR_INIT;
    bool made = false;
    int rc = node_dir(r, path, n, &made, &why);
    if (remember_dir(r, made, e) < 0) return -1;
    if (rc < 0) return run_problem(r, path, n, false, &why, e);
    r->out->dirs++;
    return 0;
}

static int add_file(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    int same = r->q->existing == EXISTING_IF_DIFFERENT ? file_same(r, en, path, n, e) : 0;
    if (same < 0) return -1;
    if (same) {
        r->out->skipped++;
        return 0;
    }
    if (!(en->flags & EF_XPAGES)) return batch_add_file(r, en, path, n, e);
    if (batch_flush(r, e) < 0 || file_large(r, en, path, n, e) < 0) return -1;
    return batch_flush(r, e);
}

static int add_special(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct err why = ERR_INIT;
    if (node_special(r, en, path, n, &why) == 0) {
        r->out->others++;
        return 0;
    }
    struct group *g = en->flags & EF_HARDLINK ? groups_find(&r->groups, en->link_group) : NULL;
    if (g) g->failed = true;
    return run_problem(r, path, n, false, &why, e);
}

static int first_pass(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    if (en->type == ENT_DIR) return add_dir(r, path, n, e);
    if (r->q->existing == EXISTING_NEVER && node_exists(r, path, n)) {
        r->out->skipped++;
        return 0;
    }
    if (en->flags & EF_HARDLINK) {
        if (groups_find(&r->groups, en->link_group)) return batch_add_link(r, en, path, n, e);
        if (groups_add(&r->groups, en->link_group, path, n, e) < 0) return -1;
    }
    return en->type == ENT_FILE ? add_file(r, en, path, n, e) : add_special(r, en, path, n, e);
}

static int count_only(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    (void)path, (void)n, (void)e;
    if (en->type == ENT_DIR) r->out->dirs++;
    else if (en->type == ENT_FILE) r->out->files++, r->out->bytes += en->size;
    else r->out->others++;
    return 0;
}

/* The chain of directories that the second pass is inside of. */
struct open_dir {
    struct attrs attrs;
    struct buf path, keep;
};

struct chain {
    struct open_dir *dir;
    size_t n, cap;
};

static int set_dir(struct run *r, const struct open_dir *d, struct err *e) {
    char text[400];
    struct err why = ERR_INIT;
    const char *path = (const char *)d->path.p;
    size_t n = d->path.len;
    int rc = 0, fd = tree_dir(&r->tree, n ? path : "", n, &why);
    if (fd < 0 && (why.id == ZE_NOTFOUND || why.id == ZE_IO)) return 0; /* it could not be made, and was told */
    if (fd < 0) return run_problem(r, path, n, true, &why, e);
    bool bad = attrs_apply(&d->attrs, &d->keep, fd, text, sizeof text) > 0;
    if (!bad) bad = attrs_flags(&d->attrs, fd, text, sizeof text) > 0;
    if (bad) {
        err_set(&why, ZE_PARTIAL, NULL, "%s", text);
        rc = run_problem(r, n ? path : ".", n ? n : 1, true, &why, e);
    }
    close(fd);
    return rc;
}

static int pop(struct run *r, struct chain *c, struct err *e) {
    struct open_dir *d = &c->dir[--c->n];
    int rc = e ? set_dir(r, d, e) : 0;
    buf_free(&d->path);
    buf_free(&d->keep);
    return rc;
}

static int second_pass(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct chain *c = r->chain;
    if (en->type != ENT_DIR) return 0;
    bool made = next_dir_made(r);
    while (c->n && !path_below((const uint8_t *)path, n, c->dir[c->n - 1].path.p, c->dir[c->n - 1].path.len))
        if (pop(r, c, e) < 0) return -1;
    if ((!made && r->q->existing == EXISTING_NEVER) || (n == 0 && (en->flags & EF_ANCESTOR))) return 0;
    if (batch_grow(&c->dir, &c->cap, c->n + 1, sizeof *c->dir, e) < 0) return -1;
    struct open_dir *d = &c->dir[c->n++];
    buf_init(&d->path, 1 << 17);
    buf_init(&d->keep, ZB_SEGMENT_MAX * 2);
    buf_put(&d->path, path, n);
    buf_u8(&d->path, 0);
    if (!buf_ok(&d->path)) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    d->path.len = n;
    return attrs_take(&d->attrs, en, &d->keep, e);
}

static int directories(struct run *r, struct err *e) {
    struct chain c = {.n = 0};
    r->chain = &c;
    r->dirs_seen = 0;
    int rc = each_entry(r, second_pass, e);
    while (c.n)
        if (pop(r, &c, rc == 0 ? e : NULL) < 0) rc = -1;
    free(c.dir);
    return rc;
}

static int passes(struct run *r, struct err *e) {
    const struct restore_request *q = r->q;
    if (tree_open(&r->tree, q->target, q->existing == EXISTING_REFUSE, e) < 0) return -1;
    mode_t mask = umask(0); /* from here on every mode is given explicitly, and is narrow until the owner is right */
    int rc = each_entry(r, first_pass, e);
    if (rc == 0) rc = batch_flush(r, e);
    if (rc < 0) batch_drop(r);
    if (rc == 0) rc = directories(r, e);
    if (rc == 0 && syncfs(r->tree.fd) < 0) rc = err_sys(e, q->target, _("making the restored files durable"));
    umask(mask);
    tree_close(&r->tree);
    return rc;
}

int restore_run(struct source *s, const struct opened *o, const struct restore_request *q, struct restore_result *out,
    struct err *e) {
    struct run r = {
        .s = s, .o = o, .q = q, .out = out, .kind = SEG_FILE, .first_pass = q->dry_run ? count_only : first_pass};
    *out = (struct restore_result){.files = 0};
    buf_init(&r.batch.keep, BATCH_KEEP * 2);
    buf_init(&r.groups.paths, SIZE_MAX / 2);
    r.sealer = sealer_new();
    r.plain = malloc(ZB_SEGMENT_MAX);
    r.window = malloc(ZB_SEGMENT_MAX);
    int rc = r.sealer && r.plain && r.window ? 0 : err_set(e, ZE_NOMEM, q->target, _("restoring"));
    if (rc == 0) rc = q->dry_run ? each_entry(&r, count_only, e) : passes(&r, e);
    sealer_free(r.sealer);
    free(r.plain);
    free(r.window);
    free(r.dirs_made);
    batch_free(&r.batch);
    groups_free(&r.groups);
    if (rc == 0 && r.damage.id != ZE_NONE) {
        *e = r.damage;
        rc = -1;
    }
    return rc;
}
