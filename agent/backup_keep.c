/* What cannot be read is not thereby gone. Where the parent point has it, its entry is taken over as it was (its segments are
 * in the vault already), marked EF_KEPT, and listed; the point is partial. What was removed, or replaced by something else,
 * is not kept.
 *
 * A file is kept where it fails, and marked racy too, so that the next run reads it whatever its times say. For a directory
 * that cannot be listed (or not to its end) all is kept that the parent has below it and the walk does not tell: the walk and
 * the parent's manifest go side by side, so these are the entries that are passed over while such a directory is the last
 * one. */
#include <string.h>

#include "backup_internal.h"
#include "base/i18n.h"

bool run_keeps(enum left left) { return left == LEFT_UNREADABLE || left == LEFT_SILENT; }

void run_blind(struct run *r, const uint8_t *path, size_t n) {
    if (r->is_blind && path_below(path, n, r->blind.p, r->blind.len)) return;
    buf_reset(&r->blind);
    buf_put(&r->blind, path, n);
    r->is_blind = buf_ok(&r->blind);
}

void run_shut(struct run *r, const uint8_t *path, size_t n) {
    buf_reset(&r->shut);
    buf_put(&r->shut, path, n);
    r->is_shut = buf_ok(&r->shut);
}

/* Whether today's patterns leave it out, or a directory above it. */
static bool excluded(const struct run *r, const struct entry *old) {
    for (size_t n = 1; n < old->path_len; n++)
        if (old->path[n] == '/' && exclude_match(r->exclude, old->path, n, true)) return true;
    return exclude_match(r->exclude, old->path, old->path_len, old->type == ENT_DIR) != NULL;
}

int run_keep(struct run *r, const struct entry *old, uint8_t flags, struct err *e) {
    if (old->flags & EF_ANCESTOR) return 0;
    int whole = r->q->dry_run ? 1 : run_mark_old(r, old, NULL, e);
    if (whole <= 0) return whole;
    struct entry en = *old;
    en.flags = (uint8_t)((old->flags & ~EF_HARDLINK) | EF_KEPT | flags); /* another name may have been read anew */
    if (old->type == ENT_FILE) r->out->kept++;
    return r->q->dry_run || tree_add(r->tree, &en, e) == 0 ? 1 : -1;
}

int run_keep_unseen(struct run *r, struct err *e) {
    const struct entry *old = &r->old;
    if (r->old_seen || !r->is_blind || !path_below(old->path, old->path_len, r->blind.p, r->blind.len)) return 0;
    if (r->is_shut && path_below(old->path, old->path_len, r->shut.p, r->shut.len)) return 0;
    if (excluded(r, old)) return 0;
    return run_keep(r, old, 0, e) < 0 ? -1 : 0;
}
