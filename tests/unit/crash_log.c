/* See crash_log.h. Files are known by inode number; a number that comes again after its file has lost all its names is
 * another file. Nothing here calls what the seam replaces in a way that would be written down again: it looks only. */
#include "crash_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct crash_log *rec;
static dev_t device;
static const char *fail_kind;
static unsigned long fail_at, fail_calls;
static int fail_errno;
static jmp_buf *fail_jump;

/* The harness itself must not fail by halves. */
#define MUST(x)                                                     \
    do                                                              \
        if (!(x)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort();                                                \
        }                                                           \
    while (0)

static void *room(void *p, size_t n, size_t *cap, size_t size) {
    if (n <= *cap) return p;
    while (*cap < n) *cap = *cap ? *cap * 2 : 256;
    MUST(p = realloc(p, *cap * size));
    return p;
}

static struct crash_op *op_add(enum crash_type type, int node, int dir, const char *name) {
    rec->op = room(rec->op, rec->n + 1, &rec->cap, sizeof *rec->op);
    struct crash_op *op = &rec->op[rec->n++];
    *op = (struct crash_op){.type = type, .node = node, .dir = dir};
    snprintf(op->name, sizeof op->name, "%s", name);
    return op;
}

static int node_add(uint64_t ino, bool dir) {
    rec->node = room(rec->node, rec->nodes + 1, &rec->nodes_cap, sizeof *rec->node);
    rec->node[rec->nodes] = (struct crash_node){.ino = ino, .dir = dir, .names = 1};
    return (int)rec->nodes++;
}

static int node_of(uint64_t ino) {
    for (size_t i = rec->nodes; i; i--)
        if (rec->node[i - 1].ino == ino && !rec->node[i - 1].gone) return (int)i - 1;
    return -1;
}

static void write_add(int node, const void *p, size_t n) {
    rec->data = room(rec->data, rec->data_len + n, &rec->data_cap, 1);
    struct crash_op *op = op_add(CRASH_WRITE, node, -1, "");
    op->at = rec->data_len, op->len = n;
    memcpy(rec->data + rec->data_len, p, n);
    rec->data_len += n;
}

static void base_file(int at, const char *name, int node) {
    uint8_t piece[65536];
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) != 0;) {
        MUST(n > 0);
        write_add(node, piece, (size_t)n);
    }
    close(fd);
    op_add(CRASH_SYNC, node, -1, "");
}

/* What is there at the start, as operations that are all durable. */
static void base_dir(int fd, int node) {
    DIR *d = fdopendir(fd);
    MUST(d);
    for (struct dirent *de; (de = readdir(d));) {
        struct stat st;
        if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..")) continue;
        MUST(fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) continue; /* sockets: made anew by who needs them */
        int own = node_of(st.st_ino);
        bool known = own >= 0;
        if (!known) own = node_add(st.st_ino, S_ISDIR(st.st_mode));
        op_add(known ? CRASH_LINK : S_ISDIR(st.st_mode) ? CRASH_MKDIR : CRASH_CREATE, own, node, de->d_name);
        if (S_ISDIR(st.st_mode)) base_dir(openat(fd, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), own);
        else if (!known) base_file(fd, de->d_name, own);
        else rec->node[own].names++;
    }
    closedir(d);
    op_add(CRASH_SYNC, node, -1, "");
}

void crash_record(struct crash_log *l, const char *root) {
    struct stat st;
    *l = (struct crash_log){.n = 0};
    snprintf(l->root, sizeof l->root, "%s", root);
    rec = l;
    MUST(stat(root, &st) == 0);
    device = st.st_dev;
    int fd = openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(fd >= 0);
    base_dir(fd, node_add(st.st_ino, true));
    l->base = l->n;
}

void crash_stop(void) { rec = NULL; }

void crash_log_free(struct crash_log *l) {
    free(l->op);
    free(l->node);
    free(l->data);
    *l = (struct crash_log){.n = 0};
}

bool crash_recording(void) { return rec != NULL; }

void crash_ack(void) {
    if (rec) op_add(CRASH_ACK, -1, -1, "");
}

/* The node of the directory that holds ${path}, and the name in it; false for what is not below the root. */
static bool place_of(int dirfd, const char *path, int *dir, const char **name) {
    char proc[64], full[1024], parent[1024];
    struct stat st;
    size_t n = 0;
    if (*path != '/') {
        snprintf(proc, sizeof proc, "/proc/self/fd/%d", dirfd);
        ssize_t got = readlink(proc, full, sizeof full - 2);
        if (got <= 0) return false;
        n = (size_t)got;
        full[n++] = '/';
    }
    snprintf(full + n, sizeof full - n, "%s", path);
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (strncmp(full, rec->root, strlen(rec->root)) != 0) return false;
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(full, '/') - full), full);
    if (stat(parent, &st) < 0) return false;
    *dir = node_of(st.st_ino);
    return *dir >= 0;
}

void crash_note_create(int dirfd, const char *path, bool dir) {
    struct stat st;
    const char *name;
    int at, saved = errno;
    if (place_of(dirfd, path, &at, &name)) {
        MUST(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
        int old = node_of(st.st_ino);
        if (old >= 0) rec->node[old].gone = true;
        op_add(dir ? CRASH_MKDIR : CRASH_CREATE, node_add(st.st_ino, dir), at, name);
    }
    errno = saved;
}

void crash_note_link(int dirfd, const char *path) {
    struct stat st;
    const char *name;
    int at, saved = errno;
    if (place_of(dirfd, path, &at, &name)) {
        MUST(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
        int node = node_of(st.st_ino);
        MUST(node >= 0);
        rec->node[node].names++;
        op_add(CRASH_LINK, node, at, name);
    }
    errno = saved;
}

void crash_note_unlink(int dirfd, const char *path) {
    const char *name;
    int at, saved = errno;
    if (place_of(dirfd, path, &at, &name)) op_add(CRASH_UNLINK, -1, at, name);
    errno = saved;
}

/* Only new files are written, from their beginning to their end: anything else would be news to FORMAT.md. */
void crash_note_write(int fd, const void *p, size_t n) {
    struct stat st;
    int saved = errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == device) {
        int node = node_of(st.st_ino);
        if (node >= 0) {
            MUST(lseek(fd, 0, SEEK_CUR) == st.st_size);
            write_add(node, p, n);
        }
    }
    errno = saved;
}

void crash_note_sync(int fd) {
    struct stat st;
    int saved = errno;
    if (fstat(fd, &st) == 0 && st.st_dev == device) {
        int node = node_of(st.st_ino);
        if (node >= 0) op_add(CRASH_SYNC, node, -1, "");
    }
    errno = saved;
}

void crash_fail(const char *kind, unsigned long n, int error) {
    fail_kind = kind, fail_at = n, fail_calls = 0, fail_errno = error, fail_jump = NULL;
}

void crash_kill(jmp_buf *to) { fail_jump = to; }

unsigned long crash_calls(void) { return fail_calls; }

bool crash_due(const char *kind) {
    if (!fail_kind || strcmp(kind, fail_kind) != 0 || ++fail_calls != fail_at) return false;
    if (fail_jump) longjmp(*fail_jump, 1);
    errno = fail_errno;
    return true;
}
