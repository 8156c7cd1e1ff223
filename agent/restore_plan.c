/* What a restore would do, without doing it: the same choices from the same functions, each entry judged by itself.
 * Names of one file are counted one by one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "restore_internal.h"
#include "restore_same.h"

static int conflict(struct run *r, const char *path, size_t n, const char *what, struct err *e) {
    struct err why = ERR_INIT;
    err_set(&why, ZE_EXISTS, NULL, "%s", what);
    return run_problem(r, path, n, &why, e);
}

static int plan_dir(struct run *r, const char *path, size_t n, struct err *e) {
    char name[TREE_NAME_MAX];
    struct stat st;
    struct err ignored = ERR_INIT;
    int dir = n ? tree_parent(&r->tree, path, n, false, name, &ignored) : -1;
    bool other = dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
    if (other && r->existing < EXISTING_IF_DIFFERENT && !marker_ours(&r->marker, dir, name))
        return conflict(r, path, n, _("something that is no directory stands in its place"), e);
    r->out->kinds += other;
    r->out->replaced += other;
    r->out->dirs++;
    return 0;
}

static void count(struct run *r, const struct entry *en) {
    if (en->type != ENT_FILE) {
        r->out->others++;
        return;
    }
    r->out->files++;
    r->out->bytes += en->size;
}

/* Something else has the name. */
static int plan_over(
    struct run *r, const struct entry *en, const char *path, size_t n, const struct stat *st, struct err *e) {
    char name[TREE_NAME_MAX];
    int dir = tree_parent(&r->tree, path, n, false, name, e);
    if (dir < 0) return -1;
    if (!r->over) return conflict(r, path, n, _("something has this name already"), e);
    if (S_ISDIR(st->st_mode) && tree_is_empty(dir, name, NULL) != 1)
        return conflict(r, path, n, _("a directory that is not empty stands in its place"), e);
    r->out->replaced++;
    r->out->kinds += S_ISREG(st->st_mode) != (en->type == ENT_FILE);
    count(r, en);
    return 0;
}

int plan_entry(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct stat st;
    unsigned lacks = attrs_foresee(en);
    int found = en->type == ENT_DIR ? FOUND_NOTHING : found_entry(r, en, path, n, &st, e);
    if (found < 0) return -1;
    if (found == FOUND_LEFT) {
        r->out->skipped++;
        return 0;
    }
    if (lacks & LACK_DEVICE) {
        struct err why = ERR_INIT;
        err_set(&why, ZE_PARTIAL, NULL, _("this user may not make devices"));
        r->out->lacks[__builtin_ctz(LACK_DEVICE)]++;
        return run_problem(r, path, n, &why, e);
    }
    if (n) run_lacks(r, path, n, lacks, _("this user may not set it"));
    if (en->type == ENT_DIR) return plan_dir(r, path, n, e);
    if (found == FOUND_OTHER) return plan_over(r, en, path, n, &st, e);
    if (found == FOUND_NOTHING) {
        count(r, en);
        return 0;
    }
    r->out->already++;
    if (en->type == ENT_FILE) r->out->already_bytes += en->size;
    return 0;
}
