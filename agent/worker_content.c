/* Level 1: what lies on the disk against what the point says. Two lists in the same order, the tree as the walk of a backup finds
 * it and the manifest, are gone through side by side: what only one of them has is missing or too much, what both have is
 * compared, attributes first, then every byte by the digest. What a restore believes to have written is not asked, not even its
 * digests. A file that was compared while the restore went on (worker_early.c) and not touched since is not read twice.
 *
 * A root who is nobody outside cannot make device nodes, owners beyond its ids, and what the kernel keeps for the machine's root.
 * They are counted, told, and make nothing red: the point has them, this place cannot. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrs.h"
#include "base/i18n.h"
#include "base/text.h"
#include "points.h"
#include "sys/file.h"
#include "worker.h"
#include "worker_early.h"
#include "digester.h"

enum { ROOTS_FLAGS = FS_IMMUTABLE_FL | FS_APPEND_FL };

struct link { /* one name of a linked file */
    uint64_t group, ino;
};

struct comparing {
    const struct worker *w;
    const struct worker_host *h;
    struct content *c;
    struct digester *digester;
    struct early *early;
    struct walk *walk;
    struct manifest_walk *manifest;
    struct attrs attrs;
    struct walk_item item; /* the next of the tree; its path without the tree's own */
    struct entry en;       /* the next of the manifest */
    uint64_t nth;          /* of the manifest's files, when it is one */
    bool have_item, have_entry;
    struct link *links;
    size_t links_n, links_cap, prefix;
    uint64_t files_total, bytes_total;
    int64_t last_ns;
};

static void first_tell(struct comparing *q, const uint8_t *path, size_t n, const char *what) {
    char name[400];
    if (*q->c->first) return;
    text_escape(name, sizeof name, n ? (const char *)path : "/", n ? n : 1);
    snprintf(q->c->first, sizeof q->c->first, "%s%s: %.180s", n ? "/" : "", name, what);
}

/* ---- one object ---- */

static bool label(const struct xattr *x) { /* of security modules: theirs to give */
    return x->name_len > 9 && !memcmp(x->name, "security.", 9) &&
        !(x->name_len == 19 && !memcmp(x->name, "security.capability", 19));
}

static bool roots_own(const struct xattr *x) { return x->name_len > 8 && !memcmp(x->name, "trusted.", 8); }

static bool xattr_equal(const struct xattr *a, const struct xattr *b) {
    return a->name_len == b->name_len && a->value_len == b->value_len && !memcmp(a->name, b->name, a->name_len) &&
        !memcmp(a->value, b->value, a->value_len);
}

/* Both ascend by name. */
static bool xattrs_equal(struct comparing *q, const struct entry *want, const struct entry *have) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < want->xattrs_n && (label(&want->xattrs[i]) || roots_own(&want->xattrs[i])))
            q->c->attributes += roots_own(&want->xattrs[i++]);
        while (k < have->xattrs_n && label(&have->xattrs[k])) k++;
        if (i == want->xattrs_n || k == have->xattrs_n) return i == want->xattrs_n && k == have->xattrs_n;
        if (!xattr_equal(&want->xattrs[i++], &have->xattrs[k++])) return false;
    }
}

static bool owner_possible(struct comparing *q, const struct entry *want) {
    if (want->uid < q->w->q->ids_count && want->gid < q->w->q->ids_count) return true;
    q->c->owners++;
    return false;
}

/* What differs, as words; "": nothing. The content is not looked at here. */
static void attributes_compare(
    struct comparing *q, const struct entry *want, const struct entry *have, struct buf *words) {
    bool ours = owner_possible(q, want);
    uint32_t bits = ours ? 07777 : 01777;
    struct {
        bool differ;
        const char *word;
    } all[] = {
        {want->type != ENT_LINK && (want->mode & bits) != (have->mode & bits), _("mode")},
        {ours && (want->uid != have->uid || want->gid != have->gid), _("owner")},
        {want->mtime_s != have->mtime_s || want->mtime_ns != have->mtime_ns, _("time of last change")},
        {want->type == ENT_FILE && want->size != have->size, _("size")},
        {want->type == ENT_LINK &&
                (want->target_len != have->target_len || memcmp(want->target, have->target, want->target_len) != 0),
            _("link target")},
        {(want->type == ENT_CHAR || want->type == ENT_BLOCK) &&
                (want->dev_major != have->dev_major || want->dev_minor != have->dev_minor),
            _("device numbers")},
        {!(want->flags & EF_ANCESTOR) && !xattrs_equal(q, want, have), _("extended attributes")},
        {((want->has_file_flags ? want->file_flags : 0) & ~(uint32_t)ROOTS_FLAGS) !=
                (have->has_file_flags ? have->file_flags : 0),
            _("file flags")},
    };
    size_t n = want->flags & EF_ANCESTOR ? 2 : sizeof all / sizeof *all;
    if (want->has_file_flags && (want->file_flags & ROOTS_FLAGS)) q->c->attributes++;
    for (size_t i = 0; i < n; i++)
        if (all[i].differ) {
            if (words->len) buf_put(words, ", ", 2);
            buf_put(words, all[i].word, strlen(all[i].word));
        }
}

static int link_note(struct comparing *q, const struct entry *want, const struct entry *have, struct err *e) {
    if (q->links_n == q->links_cap) {
        size_t cap = q->links_cap ? q->links_cap * 2 : 1024;
        struct link *p = reallocarray(q->links, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, q->h->host, _("linked files"));
        q->links = p, q->links_cap = cap;
    }
    q->links[q->links_n++] = (struct link){want->link_group, have->ino};
    return 0;
}

static void word_add(struct buf *words, const char *word) {
    if (words->len) buf_put(words, ", ", 2);
    buf_put(words, word, strlen(word));
}

static int content_compare(struct comparing *q, int fd, struct buf *words, struct err *e) {
    if (q->en.type != ENT_FILE || words->len) return 0; /* of another size or type: it differs anyway */
    bool seen = early_same(q->early, q->nth, &q->item.st);
    int rc = seen ? 1 : digester_same(q->digester, fd, &q->en, e);
    if (rc == 0) word_add(words, _("content"));
    q->c->files++, q->c->early += seen, q->c->bytes += q->en.size;
    return rc < 0 ? -1 : 0;
}

static int object_compare(struct comparing *q, struct buf *words, struct err *e) {
    struct entry have;
    struct err why = ERR_INIT;
    const struct walk_item *it = &q->item;
    attrs_stat(&have, it->path, it->path_len, &it->st);
    if (have.type != q->en.type) return word_add(words, _("type")), 0;
    bool file = have.type == ENT_FILE;
    CLEANUP_FD int fd = file ? openat(it->dirfd, it->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (file && fd < 0) return word_add(words, _("it cannot be read")), 0;
    int rc = attrs_read(&q->attrs, it, fd, &have, &why);
    if (rc < 0) return *e = why, -1;
    if (rc > 0) word_add(words, why.msg);
    attributes_compare(q, &q->en, &have, words);
    if (q->en.flags & EF_HARDLINK) {
        if (link_note(q, &q->en, &have, e) < 0) return -1;
    } else if (file && it->st.st_nlink != 1) {
        word_add(words, _("it has another name"));
    }
    return content_compare(q, fd, words, e);
}

static int both(struct comparing *q, struct err *e) {
    struct buf words;
    buf_init(&words, 4096);
    int rc = object_compare(q, &words, e);
    if (words.len) {
        buf_u8(&words, 0);
        q->c->differ++;
        first_tell(q, q->en.path, q->en.path_len, (const char *)words.p);
    }
    buf_free(&words);
    q->c->entries++;
    return rc;
}

/* ---- two lists ---- */

/* The next thing in the tree: its path becomes that of the manifest. */
static int item_next(struct comparing *q, struct err *e) {
    for (;;) {
        struct err why = ERR_INIT;
        int rc = walk_next(q->walk, &q->item, &why);
        struct walk_item *it = &q->item;
        q->have_item = false;
        if (rc < 0) return *e = why, -1;
        if (rc == WALK_END) return 0;
        if (it->path_len < q->prefix || it->ancestor) continue;
        size_t cut = it->path_len > q->prefix ? q->prefix + 1 : q->prefix;
        it->path += cut, it->path_len -= cut;
        if (rc == WALK_PROBLEM) {
            q->c->differ++;
            first_tell(q, it->path, it->path_len, why.msg);
        } else {
            q->have_item = true;
            return 0;
        }
    }
}

static int entry_next(struct comparing *q, struct err *e) {
    q->nth += q->have_entry && q->en.type == ENT_FILE;
    int rc = manifest_walk_next(q->manifest, &q->en, e);
    q->have_entry = rc > 0;
    return rc < 0 ? -1 : 0;
}

static void only_entry(struct comparing *q) {
    if (q->en.type == ENT_CHAR || q->en.type == ENT_BLOCK) {
        q->c->devices++;
        return;
    }
    q->c->absent++;
    first_tell(q, q->en.path, q->en.path_len, _("it is missing"));
}

static void only_item(struct comparing *q) {
    if (!q->item.path_len) return; /* the tree itself, where the point does not have the root directory */
    q->c->more++;
    first_tell(q, q->item.path, q->item.path_len, _("it is not in the restore point"));
}

static void progress(struct comparing *q) {
    int64_t now = q->w->clock->mono_ns(q->w->clock);
    if (now - q->last_ns < 1000000000) return;
    q->last_ns = now;
    journal_progress(q->w, q->h->host, "content", q->c->files, q->c->bytes, q->files_total, q->bytes_total);
}

static int side_by_side(struct comparing *q, struct err *e) {
    if (item_next(q, e) < 0 || entry_next(q, e) < 0) return -1;
    while (q->have_item || q->have_entry) {
        int c = !q->have_item ? 1
            : !q->have_entry  ? -1
                              : path_cmp(q->item.path, q->item.path_len, q->en.path, q->en.path_len);
        if (c < 0) only_item(q);
        if (c > 0) only_entry(q);
        if (c == 0 && both(q, e) < 0) return -1;
        progress(q);
        if ((c <= 0 && item_next(q, e) < 0) || (c >= 0 && entry_next(q, e) < 0)) return -1;
    }
    return 0;
}

static int by_group(const void *a, const void *b) {
    const struct link *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int by_ino(const void *a, const void *b) {
    const struct link *x = a, *y = b;
    if (x->ino != y->ino) return x->ino < y->ino ? -1 : 1;
    return x->group < y->group ? -1 : x->group > y->group;
}

/* All names of a group are one file, and no file is of two groups. */
static void links_compare(struct comparing *q) {
    uint64_t before = q->c->differ;
    if (!q->links_n) return;
    qsort(q->links, q->links_n, sizeof *q->links, by_group);
    for (size_t i = 1; i < q->links_n; i++)
        q->c->differ += q->links[i].group == q->links[i - 1].group && q->links[i].ino != q->links[i - 1].ino;
    qsort(q->links, q->links_n, sizeof *q->links, by_ino);
    for (size_t i = 1; i < q->links_n; i++)
        q->c->differ += q->links[i].ino == q->links[i - 1].ino && q->links[i].group != q->links[i - 1].group;
    if (q->c->differ > before) first_tell(q, NULL, 0, _("hard links: names that belong together are not one file"));
}

static int opened(struct comparing *q, struct source *s, const struct opened *o, struct err *e) {
    char *paths[] = {(char *)(uintptr_t)q->h->tree};
    q->prefix = strlen(q->h->tree) - 1; /* paths of the walk have no slash in front */
    q->files_total = o->root.files, q->bytes_total = o->root.bytes;
    if (attrs_init(&q->attrs, e) < 0) return -1;
    q->walk = walk_new(paths, 1, NULL, 0, NULL, e);
    if (!q->walk) return -1;
    q->digester = digester_new(s, o);
    q->manifest = manifest_walk_new(s->fetch, o->keys, &o->root, NULL, 0);
    if (!q->digester || !q->manifest) return err_set(e, ZE_NOMEM, q->h->host, _("comparing"));
    return side_by_side(q, e);
}

int worker_content(const struct worker *w, const struct worker_host *h, struct source *s, const struct opened *o,
    struct early *early, struct content *c, struct err *e) {
    struct comparing q = {.w = w, .h = h, .c = c, .early = early};
    int rc = opened(&q, s, o, e);
    if (rc == 0) links_compare(&q);
    manifest_walk_free(q.manifest);
    digester_free(q.digester);
    walk_free(q.walk);
    attrs_free(&q.attrs);
    free(q.links);
    return rc;
}
