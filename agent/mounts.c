/* One line of mountinfo: id, parent, major:minor, root, point, options, tags up to a lone `-`, type, source. Spaces and
 * backslashes in names are \ooo. */
#include "mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static bool any_of(const char *word, const char *const *list) {
    while (*list && strcmp(word, *list) != 0) list++;
    return *list != NULL;
}

static bool below(const char *path, const char *dir) {
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/');
}

enum mount_kind mount_kind_of(const char *type, const char *source, const char *point) {
    static const char *const pseudo[] = {"proc", "sysfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs",
        "securityfs", "selinuxfs", "smackfs", "bpf", "pstore", "efivarfs", "binfmt_misc", "nsfs", "mqueue", "configfs",
        "fusectl", "rpc_pipefs", "nfsd", "resctrl", "hugetlbfs", "binder", "fuse.lxcfs", "fuse.portal",
        "fuse.gvfsd-fuse", NULL};
    static const char *const local[] = {"btrfs", "zfs", "overlay", "tmpfs", "ramfs", "rootfs", "squashfs", "bcachefs",
        "ubifs", "jffs2", NULL};
    if (strcmp(type, "autofs") == 0) return MOUNT_AUTOMOUNT;
    if (any_of(type, pseudo)) return MOUNT_PSEUDO;
    if (strcmp(type, "devtmpfs") == 0) return MOUNT_MEMORY;
    if (strcmp(type, "tmpfs") == 0 && (below(point, "/dev") || below(point, "/run"))) return MOUNT_MEMORY;
    if (any_of(type, local)) return MOUNT_LOCAL;
    return source[0] == '/' && source[1] != '/' && strncmp(type, "fuse", 4) != 0 && !strchr(source, ':') ? MOUNT_LOCAL
                                                                                                      : MOUNT_FOREIGN;
}

static void unescape(char *s) {
    char *to = s;
    for (; *s; s++) {
        bool octal = s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7';
        *to++ = octal ? (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0')) : *s;
        if (octal) s += 3;
    }
    *to = 0;
}

/* A line that cannot be read is passed over: what it mounts counts as local. */
static int add_line(struct mounts *m, char *line, struct err *e) {
    char *save = NULL, *word[5], *dash = strstr(line, " - "), *type, *source;
    unsigned major_no, minor_no;
    if (!dash) return 0;
    *dash = 0;
    for (size_t i = 0; i < 5; i++)
        if (!(word[i] = strtok_r(i ? NULL : line, " ", &save))) return 0;
    type = strtok_r(dash + 3, " \n", &save);
    source = type ? strtok_r(NULL, " \n", &save) : NULL;
    if (!source || sscanf(word[2], "%u:%u", &major_no, &minor_no) != 2) return 0;
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct mount *p = reallocarray(m->m, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, "mounts");
        m->m = p, m->cap = cap;
    }
    unescape(word[4]);
    unescape(source);
    char *point = strdup(word[4]);
    if (!point) return err_set(e, ZE_NOMEM, NULL, "mounts");
    m->m[m->n++] = (struct mount){.point = point, .n = strlen(point), .dev = makedev(major_no, minor_no),
        .kind = mount_kind_of(type, source, point)};
    m->foreign += m->m[m->n - 1].kind == MOUNT_FOREIGN;
    return 0;
}

int mounts_load(struct mounts *m, const char *file, struct err *e) {
    char *line = NULL;
    size_t cap = 0;
    int rc = 0;
    *m = (struct mounts){.n = 0};
    FILE *f = fopen(file ? file : "/proc/self/mountinfo", "re");
    while (f && rc == 0 && getline(&line, &cap, f) > 0) rc = add_line(m, line, e);
    free(line);
    if (f) fclose(f);
    if (rc < 0) mounts_free(m);
    return rc;
}

void mounts_free(struct mounts *m) {
    for (size_t i = 0; i < m->n; i++) free(m->m[i].point);
    free(m->m);
    *m = (struct mounts){.n = 0};
}

struct mount *mounts_at(const struct mounts *m, const uint8_t *path, size_t n) {
    for (size_t i = m->n; i-- > 0;) /* the last one lies on top */
        if (m->m[i].n == n + 1 && memcmp(m->m[i].point + 1, path, n) == 0) return &m->m[i];
    return NULL;
}

struct mount *mounts_over(const struct mounts *m, const uint8_t *path, size_t n) {
    struct mount *found = NULL;
    for (size_t i = 0; i < m->n; i++) {
        size_t len = m->m[i].n - 1; /* without its slash; 0 for the root */
        if (len > n || memcmp(m->m[i].point + 1, path, len) != 0 || (len && len < n && path[len] != '/')) continue;
        if (!found || m->m[i].n >= found->n) found = &m->m[i];
    }
    return found;
}
