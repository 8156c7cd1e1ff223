/* A stack of directories, each with its sorted names in one arena. A directory's own entry comes before its names are read,
 * so what cannot be opened is still in the point, and reported. */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "walk_internal.h"
#include "wire/manifest.h"

enum { PATH_BYTES_MAX = 64 << 10 };

/* How the current path stands to the nested backup paths: ROLE_ROOT it is one, ROLE_WAY it is above one, else ROLE_ITEM. */
static enum role role_of(const struct walk *w) {
    enum role found = ROLE_ITEM;
    for (size_t i = 0; i < w->nested_n; i++) {
        const char *p = w->nested[i] + 1;
        size_t n = strlen(p);
        if (n < w->path.len || memcmp(p, w->path.p, w->path.len) != 0) continue;
        if (n == w->path.len) return ROLE_ROOT;
        if (!w->path.len || p[w->path.len] == '/') found = ROLE_WAY;
    }
    return found;
}

/* Open a directory that was told, to be entered at the next step. */
static void open_directory(struct walk *w, struct walk_item *item, bool new_file_system) {
    w->enter_errno = 0;
    if (w->path.len + NAME_MAX >= PATH_BYTES_MAX || w->depth >= w->depth_max) {
        w->enter_errno = w->depth >= w->depth_max ? EMFILE : ENAMETOOLONG;
        return;
    }
    w->enter_watch = item->watch;
    w->enter_fd = watch_enter(item->watch, item->dirfd, item->name);
    if (w->enter_fd < 0) {
        w->enter_errno = errno;
    } else if ((item->left = walk_closed_inside(w, w->enter_fd, item->watch, new_file_system))) {
        close(w->enter_fd);
        w->enter_fd = -1;
    }
}

/* Whether and how the directory that is told is entered. */
static void judge_directory(struct walk *w, struct walk_item *item, enum role role, dev_t dev) {
    w->enter_dev = role == ROLE_ROOT ? item->st.st_dev : dev;
    w->enter_only = role == ROLE_WAY;
    w->enter_ino = item->st.st_ino;
    if (!w->enter_only) item->left = walk_closed(w, item, w->enter_dev);
    if (item->left && item->st.st_dev != w->enter_dev && role_of(w) != ROLE_ITEM) {
        w->enter_only = role_of(w) == ROLE_WAY;
        w->enter_dev = item->st.st_dev;
        item->left = w->enter_only ? LEFT_NOT : walk_closed(w, item, w->enter_dev);
    }
    if (item->left) return;
    bool new_file_system = item->st.st_dev != w->enter_dev || role == ROLE_ROOT;
    w->enter_dev = item->st.st_dev;
    open_directory(w, item, new_file_system);
}

static int tell(
    struct walk *w, struct walk_item *item, int dirfd, const char *name, enum role role, dev_t dev, struct err *e) {
    bool at_mount;
    *item = (struct walk_item){.path = w->path.p, .path_len = w->path.len, .dirfd = dirfd, .name = name,
        .ancestor = role == ROLE_ABOVE || role == ROLE_WAY};
    if (!buf_ok(&w->path)) return err_set(e, ZE_NOMEM, NULL, "walk");
    item->watch = walk_watch(w, dirfd != AT_FDCWD, &at_mount);
    if (watch_look(item->watch, dirfd, name, at_mount, &item->st) < 0) {
        if (errno == ECANCELED) return watch_err(e, "walk");
        item->left = left_by_errno(errno);
        watch_err(e, _("looking at it"));
        return WALK_PROBLEM;
    }
    bool is_dir = S_ISDIR(item->st.st_mode);
    item->pattern = item->ancestor ? NULL : exclude_match(w->exclude, w->path.p, w->path.len, is_dir);
    if (item->pattern) {
        item->left = LEFT_PATTERN;
        return WALK_SKIPPED;
    }
    if (is_dir && role != ROLE_ABOVE) judge_directory(w, item, role, dev);
    return WALK_ITEM;
}

/* The next ancestor of the backup path under way that has not been told yet, or the path itself. */
static int next_root(struct walk *w, struct walk_item *item, struct err *e) {
    while (w->path_next < w->paths_n) {
        const char *p = w->paths[w->path_next] + 1; /* without the leading slash */
        size_t n = strlen(p);
        if (w->ancestor_at > n || !n) w->ancestor_at = n;
        const char *slash = memchr(p + w->ancestor_at, '/', n - w->ancestor_at);
        buf_reset(&w->path);
        if (!slash) {
            buf_put(&w->path, p, n);
            w->ancestor_at = 0;
            return tell(w, item, AT_FDCWD, w->paths[w->path_next++], ROLE_ROOT, 0, e);
        }
        size_t end = (size_t)(slash - p);
        w->ancestor_at = end + 1;
        buf_put(&w->path, p, end);
        if (w->done.len && path_cmp(w->path.p, w->path.len, w->done.p, w->done.len) <= 0) continue;
        buf_reset(&w->done);
        buf_put(&w->done, w->path.p, w->path.len);
        char *whole = strndup(w->paths[w->path_next], end + 1);
        if (!whole) return err_set(e, ZE_NOMEM, NULL, "walk");
        int rc = tell(w, item, AT_FDCWD, whole, ROLE_ABOVE, 0, e);
        free(whole);
        item->name = NULL;
        return rc;
    }
    return WALK_END;
}

/* What is left of a directory whose mount was given up is told as one problem. */
static int give_up(struct walk *w, struct level *l, struct walk_item *item, struct err *e) {
    l->next = l->n;
    *item = (struct walk_item){
        .path = w->path.p, .path_len = w->path.len, .dirfd = -1, .looked = true, .left = LEFT_SILENT};
    return err_set(e, ZE_HUNG, NULL, _("its file system does not answer; the rest of it is passed over")), WALK_PROBLEM;
}

int walk_next(struct walk *w, struct walk_item *item, struct err *e) {
    if (w->enter_errno || w->enter_fd >= 0) {
        *item = (struct walk_item){.path = w->path.p, .path_len = w->path.len, .dirfd = -1, .looked = true};
        errno = w->enter_errno, w->enter_errno = 0;
        item->left = left_by_errno(errno);
        if (errno == ECANCELED) return watch_err(e, "walk");
        if (errno) return watch_err(e, _("opening the directory")), WALK_PROBLEM;
        int rc = walk_push(w, e);
        item->left = e->id == ZE_HUNG ? LEFT_SILENT : LEFT_UNREADABLE;
        if (rc != WALK_ITEM) return rc;
    }
    while (w->depth) {
        struct level *l = &w->stack[w->depth - 1];
        w->path.len = l->path_len;
        if (l->next == l->n) {
            walk_pop(w);
            continue;
        }
        if (watch_gave_up(l->watch)) return give_up(w, l, item, e);
        const char *name = (const char *)l->arena.p + l->at[l->next++];
        if (w->path.len) buf_u8(&w->path, '/');
        buf_put(&w->path, name, strlen(name));
        enum role role = l->only ? role_of(w) : ROLE_ITEM;
        if (!l->only || role != ROLE_ITEM) return tell(w, item, l->fd, name, role, l->dev, e);
    }
    return next_root(w, item, e);
}
