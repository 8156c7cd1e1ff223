/* The second pass over the manifest: directories get their attributes, children before parents, when nothing is put into
 * them any more. Only the chain of directories on the way down is in memory: paths of one chain are beginnings of each
 * other, so one path is kept, and extended attributes lie on a stack. If interrupted here some directories still have
 * mode 0700; the next run begins again and ends right. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"

enum { KEEP_MAX = 16 << 20, PATH_MAX_BYTES = 1 << 17 };

struct open_dir {
    struct attrs attrs;
    size_t path_len;
};

struct chain {
    struct open_dir *dir;
    size_t n, cap;
    struct buf path, keep;
};

int dirs_remember(struct run *r, bool made, struct err *e) {
    size_t byte = r->dirs_seen / 8, before = r->dirs_cap;
    if (batch_grow(&r->dirs_made, &r->dirs_cap, byte + 1, 1, e) < 0) return -1;
    memset(r->dirs_made + before, 0, r->dirs_cap - before);
    if (made) r->dirs_made[byte] |= (uint8_t)(1u << (r->dirs_seen % 8));
    r->dirs_seen++;
    return 0;
}

static bool next_made(struct run *r) {
    size_t i = r->dirs_seen++;
    return i / 8 < r->dirs_cap && (r->dirs_made[i / 8] >> (i % 8) & 1);
}

static void set_dir(struct run *r, const struct chain *c, const struct open_dir *d) {
    struct err why = ERR_INIT;
    const char *path = d->path_len ? (const char *)c->path.p : ".";
    size_t n = d->path_len ? d->path_len : 1;
    int fd = tree_dir(&r->tree, d->path_len ? path : "", d->path_len, &why);
    bool told = errno == ENOENT || errno == ENOTDIR || errno == ELOOP; /* that it could not be made */
    if (fd < 0 && !told) run_lacks(r, path, n, LACK_MODE, why.msg);
    if (fd < 0) return;
    file_attributes(r, &d->attrs, &c->keep, fd, path, n);
    file_flags(r, &d->attrs, fd, path, n);
    close(fd);
}

static void pop(struct run *r, struct chain *c, bool set) {
    struct open_dir *d = &c->dir[--c->n];
    if (set) set_dir(r, c, d);
    c->keep.len = d->attrs.xattrs_at;
}

/* Without room for its extended attributes a directory gets the others. */
static void take(struct run *r, struct chain *c, struct open_dir *d, const struct entry *en, const char *path) {
    struct entry bare = *en;
    struct err ignored = ERR_INIT;
    size_t before = c->keep.len;
    if (attrs_take(&d->attrs, en, &c->keep, &ignored) == 0) return;
    c->keep.len = before, c->keep.bad = false;
    bare.xattrs_n = 0;
    (void)!attrs_take(&d->attrs, &bare, &c->keep, &ignored); /* nothing that takes room */
    run_lacks(r, path, d->path_len, LACK_XATTR, _("there are too many to keep in memory"));
}

static int second_pass(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct chain *c = r->chain;
    if (en->type != ENT_DIR) return 0;
    bool made = next_made(r);
    while (c->n && !path_below((const uint8_t *)path, n, c->path.p, c->dir[c->n - 1].path_len)) pop(r, c, true);
    if ((!made && r->existing == EXISTING_NEVER) || (n == 0 && (en->flags & EF_ANCESTOR))) return 0;
    if (batch_grow(&c->dir, &c->cap, c->n + 1, sizeof *c->dir, e) < 0) return -1;
    struct open_dir *d = &c->dir[c->n];
    d->path_len = n;
    buf_reset(&c->path);
    buf_put(&c->path, path, n);
    buf_u8(&c->path, 0);
    if (!buf_ok(&c->path)) return err_set(e, ZE_NOMEM, NULL, _("a path"));
    take(r, c, d, en, path);
    c->n++;
    return 0;
}

int each_dir(struct run *r, struct err *e) {
    struct chain c = {.n = 0};
    buf_init(&c.path, PATH_MAX_BYTES);
    buf_init(&c.keep, KEEP_MAX);
    r->chain = &c;
    r->dirs_seen = 0;
    int rc = each_entry(r, second_pass, e);
    while (c.n) pop(r, &c, rc == 0);
    free(c.dir);
    buf_free(&c.path);
    buf_free(&c.keep);
    return rc;
}
