/* Directories, symbolic links, fifos, devices, and further names of what is there. All but directories are made under a
 * temporary name, get their attributes, then their name. Directories are made with mode 0700 and get their attributes
 * in the second pass, when nothing is put into them any more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"

static bool replaces(const struct run *r) { return r->q->existing >= EXISTING_IF_DIFFERENT; }

bool node_exists(struct run *r, const char *path, size_t n) {
    char name[TREE_NAME_MAX];
    struct stat st;
    struct err ignored = ERR_INIT;
    int dir = tree_parent(&r->tree, path, n, false, name, &ignored);
    return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int node_dir(struct run *r, const char *path, size_t n, bool *made, struct err *e) {
    char name[TREE_NAME_MAX];
    struct stat st;
    *made = false;
    if (n == 0) return 0;
    int dir = tree_parent(&r->tree, path, n, true, name, e);
    if (dir < 0) return -1;
    *made = mkdirat(dir, name, 0700) == 0;
    if (*made) return 0;
    if (errno != EEXIST) return err_sys(e, NULL, _("making the directory"));
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) return 0;
    if (!replaces(r)) return err_set(e, ZE_EXISTS, NULL, _("something that is no directory stands in its place"));
    if (unlinkat(dir, name, 0) < 0 || mkdirat(dir, name, 0700) < 0) return err_sys(e, NULL, _("making the directory"));
    *made = true;
    return 0;
}

static int make(int dir, const char *tmp, const struct entry *en) {
    char target[4096];
    switch (en->type) {
    case ENT_LINK:
        memcpy(target, en->target, en->target_len); /* at most 4095 bytes, says the decoder */
        target[en->target_len] = 0;
        return symlinkat(target, dir, tmp);
    case ENT_FIFO: return mknodat(dir, tmp, S_IFIFO | 0600, 0);
    case ENT_CHAR: return mknodat(dir, tmp, S_IFCHR | 0600, makedev(en->dev_major, en->dev_minor));
    default: return mknodat(dir, tmp, S_IFBLK | 0600, makedev(en->dev_major, en->dev_minor));
    }
}

static int attributes(
    struct run *r, int dir, const char *tmp, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct attrs a;
    struct buf keep;
    struct err why = ERR_INIT;
    char text[400];
    buf_init(&keep, ZB_SEGMENT_MAX * 2);
    int fd = openat(dir, tmp, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;
    if (fd < 0) {
        rc = err_sys(e, NULL, _("opening what was made"));
    } else if (attrs_take(&a, en, &keep, e) < 0) {
        rc = -1;
    } else if (attrs_apply(&a, &keep, fd, text, sizeof text) > 0) {
        err_set(&why, ZE_PARTIAL, NULL, "%s", text);
        rc = run_problem(r, path, n, true, &why, e);
    }
    if (fd >= 0) close(fd);
    buf_free(&keep);
    return rc;
}

int node_special(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    char name[TREE_NAME_MAX], tmp[TREE_TMP_MAX];
    int dir = tree_parent(&r->tree, path, n, true, name, e);
    if (dir < 0) return -1;
    tree_tmp(&r->tree, tmp);
    if (make(dir, tmp, en) < 0) return err_sys(e, NULL, _("making it"));
    if (attributes(r, dir, tmp, en, path, n, e) < 0) {
        unlinkat(dir, tmp, 0);
        return -1;
    }
    int rc = tree_publish(dir, tmp, name, replaces(r), NULL, e);
    if (rc == 1) return err_set(e, ZE_EXISTS, NULL, _("something has this name already"));
    return rc;
}

int node_link(struct run *r, const struct group *g, const char *path, size_t n, struct err *e) {
    char name[TREE_NAME_MAX], tmp[TREE_TMP_MAX], first[TREE_NAME_MAX];
    int from = tree_parent(&r->tree, (const char *)r->groups.paths.p + g->path_at, g->path_len, false, first, e);
    from = from < 0 ? -1 : dup(from); /* the next call may close it */
    if (from < 0) return -1;
    int dir = tree_parent(&r->tree, path, n, true, name, e), rc = dir < 0 ? -1 : 0;
    tree_tmp(&r->tree, tmp);
    if (rc == 0 && linkat(from, first, dir, tmp, 0) < 0) rc = err_sys(e, NULL, _("linking it to its other name"));
    close(from);
    if (rc < 0) return -1;
    rc = tree_publish(dir, tmp, name, replaces(r), NULL, e);
    unlinkat(dir, tmp, 0); /* rename leaves it when both names were links to one file already */
    if (rc == 1) return err_set(e, ZE_EXISTS, NULL, _("something has this name already"));
    return rc;
}
