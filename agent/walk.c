/* A stack of directories, each with its sorted names in one arena. A directory's own entry comes before its names are read,
 * so what cannot be opened is still in the point, and reported. */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "walk_internal.h"
#include "wire/manifest.h"

enum { PATH_BYTES_MAX = 64 << 10 };

/* ---- one directory ---- */

void walk_pop(struct walk *w) {
    struct level *l = &w->stack[--w->depth];
    close(l->fd);
    buf_free(&l->arena);
    free(l->at);
}

static int compare_names(const void *a, const void *b, void *arena) {
    return strcmp((char *)arena + *(const uint32_t *)a, (char *)arena + *(const uint32_t *)b);
}

static int add_name(struct level *l, const char *name, struct err *e) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        uint32_t *p = reallocarray(l->at, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "walk");
        l->at = p, l->cap = cap;
    }
    l->at[l->n++] = (uint32_t)l->arena.len;
    buf_put(&l->arena, name, strlen(name) + 1);
    return buf_ok(&l->arena) ? 0 : err_set(e, ZE_NOMEM, NULL, "walk");
}

/* Read the names of ${fd} (owned from here). WALK_ITEM when it could be read, WALK_PROBLEM, or <0. */
static int push(struct walk *w, int fd, struct err *e) {
    if (w->depth == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        struct level *p = reallocarray(w->stack, cap, sizeof *p);
        if (!p) {
            close(fd);
            return err_set(e, ZE_NOMEM, NULL, "walk");
        }
        w->stack = p, w->cap = cap;
    }
    struct level *l = &w->stack[w->depth++];
    *l = (struct level){.fd = fd, .path_len = w->path.len, .dev = w->enter_dev, .only = w->enter_only};
    buf_init(&l->arena, UINT32_MAX);
    int dup_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
    if (!d) {
        if (dup_fd >= 0) close(dup_fd);
        err_sys(e, NULL, _("reading the directory"));
        return WALK_PROBLEM;
    }
    int rc = WALK_ITEM;
    for (;;) {
        errno = 0;
        struct dirent *de = readdir(d);
        if (!de) break;
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0) continue;
        if (add_name(l, de->d_name, e) < 0) {
            closedir(d);
            return -1;
        }
    }
    if (errno) {
        err_sys(e, NULL, _("reading the directory"));
        rc = WALK_PROBLEM;
    }
    closedir(d);
    if (l->n) qsort_r(l->at, l->n, sizeof *l->at, compare_names, l->arena.p);
    return rc;
}

/* ---- telling items ---- */

/* File systems that show the kernel's state: nothing in them can be restored. */
static bool is_pseudo(int fd) {
    static const long types[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, BPF_FS_MAGIC,
        PSTOREFS_MAGIC, EFIVARFS_MAGIC, BINFMTFS_MAGIC, NSFS_MAGIC, AUTOFS_SUPER_MAGIC};
    struct statfs s;
    if (fstatfs(fd, &s) < 0) return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned)s.f_type == (unsigned)types[i]) return true;
    return false;
}

static bool has_cache_tag(int dirfd) {
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55"; /* bford.info/cachedir */
    char head[sizeof tag - 1];
    CLEANUP_FD int fd = openat(dirfd, "CACHEDIR.TAG", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && file_read_full(fd, head, sizeof head) == (ssize_t)sizeof head &&
        memcmp(head, tag, sizeof head) == 0;
}

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

/* Why a directory on a file system like this is not entered by what stat says, or NULL. */
static const char *why_closed(const struct walk *w, const struct stat *st, dev_t dev) {
    if (st->st_dev != dev && !w->cross) return "another file system";
    for (size_t i = 0; i < w->skip_n; i++)
        if (w->skip[i].dev == st->st_dev && w->skip[i].ino == st->st_ino) return "the backup's own state";
    return NULL;
}

/* The same by what is in it. */
static const char *why_closed_inside(const struct walk *w, int fd) {
    if (w->cross && is_pseudo(fd)) return "the kernel's own file system";
    return w->caches && has_cache_tag(fd) ? "CACHEDIR.TAG" : NULL;
}

/* Open a directory that was told, to be entered at the next step. */
static void open_directory(struct walk *w, struct walk_item *item) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    w->enter_errno = 0;
    if (w->path.len + NAME_MAX >= PATH_BYTES_MAX || w->depth >= w->depth_max) {
        w->enter_errno = w->depth >= w->depth_max ? EMFILE : ENAMETOOLONG;
        return;
    }
    w->enter_fd = openat(item->dirfd, item->name, flags | O_NOATIME);
    if (w->enter_fd < 0 && errno == EPERM) w->enter_fd = openat(item->dirfd, item->name, flags);
    if (w->enter_fd < 0) {
        w->enter_errno = errno;
    } else if ((item->why = why_closed_inside(w, w->enter_fd))) {
        close(w->enter_fd);
        w->enter_fd = -1;
    }
}

static int tell(
    struct walk *w, struct walk_item *item, int dirfd, const char *name, enum role role, dev_t dev, struct err *e) {
    item->path = w->path.p, item->path_len = w->path.len;
    item->dirfd = dirfd, item->name = name, item->why = NULL;
    item->ancestor = role == ROLE_ABOVE || role == ROLE_WAY;
    if (!buf_ok(&w->path)) return err_set(e, ZE_NOMEM, NULL, "walk");
    if (fstatat(dirfd, name, &item->st, AT_SYMLINK_NOFOLLOW) < 0) {
        err_sys(e, NULL, _("looking at it"));
        return WALK_PROBLEM;
    }
    bool is_dir = S_ISDIR(item->st.st_mode);
    if (!item->ancestor && (item->why = exclude_match(w->exclude, w->path.p, w->path.len, is_dir))) return WALK_SKIPPED;
    if (!is_dir || role == ROLE_ABOVE) return WALK_ITEM;
    w->enter_dev = role == ROLE_ROOT ? item->st.st_dev : dev;
    w->enter_only = role == ROLE_WAY;
    if (!w->enter_only) item->why = why_closed(w, &item->st, w->enter_dev);
    if (item->why && item->st.st_dev != w->enter_dev && role_of(w) != ROLE_ITEM) {
        w->enter_only = role_of(w) == ROLE_WAY;
        w->enter_dev = item->st.st_dev;
        item->why = w->enter_only ? NULL : why_closed(w, &item->st, w->enter_dev);
    }
    if (!item->why) open_directory(w, item);
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

int walk_next(struct walk *w, struct walk_item *item, struct err *e) {
    if (w->enter_errno) {
        item->path = w->path.p, item->path_len = w->path.len;
        errno = w->enter_errno, w->enter_errno = 0;
        err_sys(e, NULL, _("opening the directory"));
        return WALK_PROBLEM;
    }
    if (w->enter_fd >= 0) {
        int fd = w->enter_fd;
        w->enter_fd = -1;
        item->path = w->path.p, item->path_len = w->path.len;
        int rc = push(w, fd, e);
        if (rc != WALK_ITEM) return rc;
    }
    while (w->depth) {
        struct level *l = &w->stack[w->depth - 1];
        w->path.len = l->path_len;
        if (l->next == l->n) {
            walk_pop(w);
            continue;
        }
        const char *name = (const char *)l->arena.p + l->at[l->next++];
        if (w->path.len) buf_u8(&w->path, '/');
        buf_put(&w->path, name, strlen(name));
        enum role role = l->only ? role_of(w) : ROLE_ITEM;
        if (!l->only || role != ROLE_ITEM) return tell(w, item, l->fd, name, role, l->dev, e);
    }
    return next_root(w, item, e);
}
