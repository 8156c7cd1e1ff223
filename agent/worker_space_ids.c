/* Shifted ids: which, and how they are put into force. Root writes the maps itself; everybody else has newuidmap and newgidmap do
 * it, which hold them to /etc/subuid and /etc/subgid. The maps of processes and of directories must be the same at each start, since
 * a directory that a killed drill left belongs to them: so nothing here is chosen at random. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "worker_space.h"

enum { ROOT_BASE = 1000000, ROOT_COUNT = 1000000, COUNT_LEAST = 65536 };

/* The first range of the file that is this user's, by name or number. */
static bool range_find(const char *file, uint32_t *base, uint32_t *count) {
    char line[256], number[16], who[128];
    unsigned long from, n;
    struct passwd *pw = getpwuid(geteuid());
    bool found = false;
    snprintf(number, sizeof number, "%u", (unsigned)geteuid());
    FILE *f = fopen(file, "re");
    while (f && !found && fgets(line, sizeof line, f))
        if (sscanf(line, "%127[^:]:%lu:%lu", who, &from, &n) == 3 && n >= COUNT_LEAST && from + n <= UINT32_MAX)
            if (!strcmp(who, number) || (pw && !strcmp(who, pw->pw_name)))
                *base = (uint32_t)from, *count = (uint32_t)n, found = true;
    if (f) fclose(f);
    return found;
}

int space_ids(struct space *s, struct err *e) {
    uint32_t base = 0, count = 0;
    if (s->base && s->count) return 0;
    s->base = ROOT_BASE, s->count = ROOT_COUNT;
    if (geteuid() == 0) return 0;
    if (!range_find("/etc/subuid", &s->base, &s->count) || !range_find("/etc/subgid", &base, &count))
        return err_set(e, ZE_SPACE, "/etc/subuid", _("it gives this user no range of %d ids, or /etc/subgid does not"),
            COUNT_LEAST);
    if (base != s->base)
        return err_set(e, ZE_SPACE, "/etc/subgid", _("it gives this user another range than /etc/subuid"));
    if (count < s->count) s->count = count;
    return 0;
}

static int map_write(pid_t pid, const char *name, const char *text, struct err *e) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t n = strlen(text);
    return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : err_set(e, ZE_SPACE, name, "%s", strerror(errno));
}

/* newuidmap PID 0 BASE COUNT [COUNT OWN 1] */
static int map_helper(const struct space *s, pid_t pid, const char *program, unsigned own, bool self, struct err *e) {
    char target[16], base[16], count[16], me[16];
    struct proc p = PROC_NONE;
    snprintf(target, sizeof target, "%d", (int)pid);
    snprintf(base, sizeof base, "%u", s->base);
    snprintf(count, sizeof count, "%u", s->count);
    snprintf(me, sizeof me, "%u", own);
    const char *argv[] = {program, target, "0", base, count, self ? count : NULL, me, "1", NULL};
    if (proc_spawn(&p, argv, NULL, 0, e) < 0) return err_wrap(e, _("package uidmap"));
    int status = proc_wait(&p, 10000, e);
    if (status > 0) err_set(e, ZE_SPACE, program, _("it refuses ids %u to %u"), s->base, s->base + s->count - 1);
    return status == 0 ? 0 : -1;
}

int space_ids_map(const struct space *s, pid_t pid, bool self, struct err *e) {
    char map[64];
    if (geteuid() != 0)
        return map_helper(s, pid, "newuidmap", geteuid(), self, e) < 0
            ? -1
            : map_helper(s, pid, "newgidmap", getegid(), self, e);
    snprintf(map, sizeof map, "0 %u %u\n", s->base, s->count);
    return map_write(pid, "uid_map", map, e) < 0 ? -1 : map_write(pid, "gid_map", map, e);
}

static int give(const char *name) { return lchown(name, 0, 0) == 0 ? 0 : 1; }

int space_dir(const char *path, const struct space *s, struct err *e) {
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST) return err_sys(e, path, "mkdir");
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode)) return err_set(e, ZE_EXISTS, path, _("it is no directory"));
    if (st.st_uid == s->base) return 0;
    if (file_dir_used(AT_FDCWD, path)) return err_set(e, ZE_EXISTS, path, _("it is not empty"));
    if (geteuid() == 0) return chown(path, s->base, s->base) < 0 ? err_sys(e, path, "chown") : 0;
    int rc = space_as_root(s, path, give, e);
    return rc > 0 ? err_set(e, ZE_SPACE, path, _("it cannot be given to the ids of the drill")) : rc;
}
