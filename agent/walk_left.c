/* Why a directory is not entered. What is mounted somewhere is known from the kernel's list, so that nothing has to be opened
 * that would hang, mount something, or change something by being looked at. */
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "walk_internal.h"

static const struct {
    const char *word, *text;
} words[LEFT_N] = {
    [LEFT_NOT] = {"", ""},
    [LEFT_PATTERN] = {"pattern", N_("it matches a pattern")},
    [LEFT_OTHER] = {"other-file-system", N_("another file system is mounted there")},
    [LEFT_KERNEL] = {"kernel", N_("a file system that only shows the state of the kernel")},
    [LEFT_MEMORY] = {"memory", N_("a file system in memory, which the next boot makes anew")},
    [LEFT_AUTOMOUNT] = {"automount", N_("opening it would mount something")},
    [LEFT_CACHE] = {"cache", N_("the directory is marked as a cache by CACHEDIR.TAG")},
    [LEFT_OWN] = {"own-state", N_("the backup's own state")},
    [LEFT_LOOP] = {"loop", N_("a directory above it is mounted there once more")},
    [LEFT_SOCKET] = {"socket", N_("a socket lives only with its program")},
    [LEFT_UNREADABLE] = {"unreadable", N_("it could not be read")},
    [LEFT_VANISHED] = {"vanished", N_("it was removed meanwhile")},
    [LEFT_SILENT] = {"silent", N_("its file system does not answer")},
    [LEFT_CHANGED] = {"changed", N_("it changed while it was read")},
    [LEFT_DUMP] = {"dump", N_("its command failed")},
    [LEFT_HOOK] = {"hook", N_("a command around the run failed")},
};

const char *left_word(enum left l) { return words[l < LEFT_N ? l : 0].word; }
const char *left_text(enum left l) { return words[l < LEFT_N ? l : 0].text; }

enum left left_by_errno(int no) {
    return no == ENOENT                      ? LEFT_VANISHED
           : no == ETIMEDOUT                 ? LEFT_SILENT
           : no == ELOOP || no == ENOTDIR    ? LEFT_CHANGED
                                             : LEFT_UNREADABLE;
}

struct watch *walk_watch(struct walk *w, bool within, bool *at) {
    struct watch *above = within ? w->stack[w->depth - 1].watch : NULL;
    *at = false;
    if (!w->watch || !w->mounts.foreign) return above;
    struct mount *m = (within ? mounts_at : mounts_over)(&w->mounts, w->path.p, w->path.len);
    if (!m || m->kind != MOUNT_FOREIGN) return above;
    *at = m->n == w->path.len + 1;
    if (!m->watch) m->watch = watch_new(w->watch);
    return m->watch;
}

static enum left left_of(enum mount_kind kind) {
    switch (kind) {
    case MOUNT_PSEUDO: return LEFT_KERNEL;
    case MOUNT_MEMORY: return LEFT_MEMORY;
    case MOUNT_AUTOMOUNT: return LEFT_AUTOMOUNT;
    case MOUNT_LOCAL:
    case MOUNT_FOREIGN: break;
    }
    return LEFT_NOT;
}

enum left walk_closed(const struct walk *w, const struct walk_item *item, dev_t dev) {
    if (item->st.st_dev != dev && !w->cross) return LEFT_OTHER;
    for (size_t i = 0; i < w->skip_n; i++)
        if (w->skip[i].dev == item->st.st_dev && w->skip[i].ino == item->st.st_ino) return LEFT_OWN;
    for (size_t i = 0; i < w->depth; i++)
        if (w->stack[i].dev == item->st.st_dev && w->stack[i].ino == item->st.st_ino) return LEFT_LOOP;
    const struct mount *m = w->cross && item->st.st_dev != dev ? mounts_at(&w->mounts, item->path, item->path_len) : NULL;
    return m ? left_of(m->kind) : LEFT_NOT;
}

/* Where the list of mounts does not know it: file systems that show the kernel's state. */
static bool is_pseudo(int fd) {
    static const long types[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
        DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, BPF_FS_MAGIC, PSTOREFS_MAGIC, EFIVARFS_MAGIC,
        BINFMTFS_MAGIC, NSFS_MAGIC, AUTOFS_SUPER_MAGIC};
    struct statfs s;
    if (fstatfs(fd, &s) < 0) return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned)s.f_type == (unsigned)types[i]) return true;
    return false;
}

static bool has_cache_tag(int dirfd, struct watch *watch) {
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55"; /* bford.info/cachedir */
    char head[sizeof tag - 1];
    int fd = watch_open(watch, dirfd, "CACHEDIR.TAG");
    bool has = fd >= 0 && watch_read(watch, fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
        memcmp(head, tag, sizeof head) == 0;
    watch_close(watch, fd);
    return has;
}

enum left walk_closed_inside(const struct walk *w, int fd, struct watch *watch, bool new_file_system) {
    if (w->cross && new_file_system && !watch && is_pseudo(fd)) return LEFT_KERNEL;
    return w->caches && has_cache_tag(fd, watch) ? LEFT_CACHE : LEFT_NOT;
}
