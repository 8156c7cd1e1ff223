/* Clearing away, and finding what is left. A live drill holds the lock in its directory; the kernel gives it up when the last
 * process that has it open ends, so nobody has to be asked. The lock goes last: if interrupted here, the directory is still known
 * as a dead one and the next `clean` goes on.
 *
 * Processes are found by what they have mounted: the drill's directory is their /work, which no name or argument of theirs can
 * hide. Nothing of a tree is trusted: names are removed by descriptor, links are not followed, and a directory too deep for paths
 * and descriptors is made shallow by moving what is in it up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "worker_outer.h"

#define LOCK "lock"

int worker_lock(const char *dir, struct err *e) {
    char name[3300];
    struct stat mine, there;
    snprintf(name, sizeof name, "%s/" LOCK, dir);
    for (int again = 0; again < 10; again++) {
        if (mkdir(dir, 0700) < 0 && errno != EEXIST) return err_sys(e, dir, "mkdir");
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == ENOENT) continue; /* a `clean` took the empty directory away in between */
        if (fd < 0) return err_sys(e, name, "open");
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            close(fd);
            return err_set(e, ZE_BUSY, dir, _("a drill is under way there"));
        }
        if (fstat(fd, &mine) == 0 && stat(name, &there) == 0 && mine.st_ino == there.st_ino) return fd;
        close(fd); /* locked, and removed by a `clean` before that */
    }
    return err_set(e, ZE_BUSY, dir, _("it is being removed"));
}

/* ---- removing ---- */

/* Move what is in the directory ${name} of ${top} up into ${top}, then remove it. */
static int directory_flatten(int top, const char *name, unsigned long *number) {
    CLEANUP_FD int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));
    char to[32];
    if (!d) return -1;
    for (struct dirent *it; (it = readdir(d));) {
        if (!strcmp(it->d_name, ".") || !strcmp(it->d_name, "..") || unlinkat(fd, it->d_name, 0) == 0) continue;
        if (unlinkat(fd, it->d_name, AT_REMOVEDIR) == 0) continue;
        int rc;
        do {
            snprintf(to, sizeof to, "moved.%lu", ++*number);
            rc = (int)syscall(SYS_renameat2, fd, it->d_name, top, to, 1u /* RENAME_NOREPLACE */);
        } while (rc < 0 && errno == EEXIST);
        if (rc < 0) break;
    }
    closedir(d);
    return unlinkat(top, name, AT_REMOVEDIR);
}

/* Everything below ${top} but ${keep}. */
static int below_remove(int top, const char *keep) {
    unsigned long number = 0;
    for (bool more = true; more;) {
        DIR *d = fdopendir(dup(top));
        if (!d) return -1;
        rewinddir(d);
        more = false;
        for (struct dirent *it; (it = readdir(d));) {
            if (!strcmp(it->d_name, ".") || !strcmp(it->d_name, "..") || !strcmp(it->d_name, keep)) continue;
            if (unlinkat(top, it->d_name, 0) < 0 && unlinkat(top, it->d_name, AT_REMOVEDIR) < 0 &&
                directory_flatten(top, it->d_name, &number) < 0)
                return closedir(d), -1;
            more = true;
        }
        closedir(d);
    }
    return 0;
}

static int room_remove(const char *name) {
    CLEANUP_FD int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno != ENOENT;
    if (below_remove(fd, "") == 0) return 0;
    fprintf(stderr, "%s: %s\n", name, strerror(errno));
    return 1;
}

/* What is in dir/space belongs to the ids of the drill: their root removes it, unless we are root. */
static int space_remove(const struct worker_request *q, const char *room, struct err *e) {
    struct space s = {.dir = room, .base = q->ids_base, .count = q->ids_count};
    if (access(room, F_OK) < 0 && errno == ENOENT) return 0;
    if (geteuid() == 0) return room_remove(room) ? err_sys(e, room, _("removing it")) : 0;
    if (space_ids(&s, e) < 0) return -1;
    int rc = space_as_root(&s, room, room_remove, e);
    return rc > 0 ? err_set(e, ZE_IO, room, _("removing it")) : rc;
}

int worker_remove(const struct worker_request *q, const char *dir, struct err *e) {
    char room[3300];
    snprintf(room, sizeof room, "%s/space", dir);
    if (space_remove(q, room, e) < 0) return -1;
    CLEANUP_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : err_sys(e, dir, "open");
    if (below_remove(fd, LOCK) < 0) return err_sys(e, dir, _("removing it"));
    if (unlinkat(fd, LOCK, 0) < 0 && errno != ENOENT) return err_sys(e, dir, "unlink");
    return rmdir(dir) < 0 && errno != ENOENT ? err_sys(e, dir, "rmdir") : 0;
}

/* ---- finding ---- */

/* Where a directory is, as mountinfo says it: the device and the path within its file system. */
struct where {
    char device[32], path[4096];
};

static bool mount_of(char *line, const char *path, struct where *w, size_t *longest) {
    char device[32], root[4096], place[4096];
    if (sscanf(line, "%*d %*d %31s %4095s %4095s", device, root, place) != 3) return false;
    size_t n = strlen(place);
    if (n == 1) n = 0;
    if (strncmp(path, place, n) != 0 || (path[n] && path[n] != '/') || n + 1 <= *longest) return false;
    *longest = n + 1;
    snprintf(w->device, sizeof w->device, "%s", device);
    snprintf(w->path, sizeof w->path, "%.2000s%.2000s", strcmp(root, "/") == 0 ? "" : root, path + n);
    return true;
}

static bool where_is(const char *path, struct where *w) {
    char line[8192];
    size_t longest = 0;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f && fgets(line, sizeof line, f)) (void)mount_of(line, path, w, &longest);
    if (f) fclose(f);
    return longest > 0;
}

/* Whether a mount of this list shows something of the directory. */
static bool shows(const char *mountinfo, const struct where *w, char *place, size_t cap) {
    char line[8192], device[32], root[4096], at[4096];
    size_t n = strlen(w->path);
    bool found = false;
    FILE *f = fopen(mountinfo, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%*d %*d %31s %4095s %4095s", device, root, at) != 3 || strcmp(device, w->device) != 0)
            continue;
        found = strncmp(root, w->path, n) == 0 && (!root[n] || root[n] == '/');
    }
    if (f) fclose(f);
    if (found) snprintf(place, cap, "%s", at);
    return found;
}

static void left_push(struct js *left, const char *what, const char *name) {
    struct js *j = js_object();
    js_set_str(j, "what", what);
    js_set_str(j, "name", name);
    js_push(left, j);
}

static void processes_find(const struct where *w, struct js *left) {
    char name[300], place[4096];
    DIR *d = opendir("/proc");
    for (struct dirent *it; d && (it = readdir(d));) {
        if (it->d_name[0] < '1' || it->d_name[0] > '9' || atoi(it->d_name) == getpid()) continue;
        snprintf(name, sizeof name, "/proc/%s/mountinfo", it->d_name);
        if (shows(name, w, place, sizeof place)) left_push(left, "process", it->d_name);
    }
    if (d) closedir(d);
}

void worker_leftovers(const char *dir, struct js *left) {
    struct where w;
    char place[4096];
    if (!where_is(dir, &w)) return;
    processes_find(&w, left);
    if (shows("/proc/self/mountinfo", &w, place, sizeof place)) left_push(left, "mount", place);
    if (access(dir, F_OK) == 0) left_push(left, "directory", dir);
}

/* ---- the order ---- */

static void processes_kill(const struct js *left) {
    for (size_t i = 0; i < js_count(left); i++)
        if (!strcmp(js_str(js_at(left, i), "what", ""), "process"))
            kill(atoi(js_str(js_at(left, i), "name", "0")), SIGKILL);
    if (js_count(left)) poll(NULL, 0, 100);
}

/* One drill's directory: nothing when somebody works there. */
static int dead_clear(const struct worker_request *q, const char *dir, struct js *left, struct err *e) {
    char name[3400];
    struct stat st;
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) return 0;
    snprintf(name, sizeof name, "%s/" LOCK, dir);
    CLEANUP_FD int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT) return err_sys(e, name, "open");
    if (fd < 0) return (void)!rmdir(dir), 0; /* just made, or not ours: only an empty one is taken */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) return 0;
    CLEANUP_JS struct js *found = js_array();
    worker_leftovers(dir, found);
    processes_kill(found);
    for (size_t i = 0; i < js_count(found); i++) js_push(left, js_copy(js_at(found, i)));
    return worker_remove(q, dir, e);
}

int worker_clean(const struct worker_request *q, struct err *e) {
    CLEANUP_JS struct js *answer = js_object();
    struct js *left = js_array();
    int rc = 0;
    int64_t removed = 0;
    DIR *d = opendir(q->dir);
    js_set_str(answer, "event", "clean");
    js_set(answer, "left", left);
    for (struct dirent *it; d && rc == 0 && (it = readdir(d));) {
        char dir[3300];
        if (it->d_name[0] == '.') continue;
        snprintf(dir, sizeof dir, "%.3000s/%.255s", q->dir, it->d_name);
        size_t before = js_count(left);
        rc = dead_clear(q, dir, left, e);
        if (js_count(left) > before && access(dir, F_OK) < 0) removed++;
    }
    if (d) closedir(d);
    js_set_int(answer, "removed", removed);
    outer_print(answer);
    return rc < 0 ? -1 : ZB_EXIT_OK;
}
