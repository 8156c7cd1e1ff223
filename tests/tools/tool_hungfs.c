/* tool_hungfs SOURCE MOUNTPOINT RULES: SOURCE as a FUSE mount whose server misbehaves as the file RULES says, which is read
 * anew at each request. A rule is a line `NAME CALL WHAT [FROM]`: for files of that name (`*`: any) CALL (look, open, list,
 * read) hangs (WHAT is `hang`) or fails with an errno (a number); of `read` only at or after the offset FROM. It speaks the
 * kernel's protocol itself, so that no library is needed; it reads only. It needs root, and ends
 * when it is unmounted; ended by a signal, it frees whoever waits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NODES_MAX = 4096, ASK_MAX = 1 << 20, READ_MAX = 128 << 10, HANG = -1 };

static char *node[NODES_MAX]; /* paths below SOURCE by node number; 1 is the root */
static size_t nodes = 2;
static const char *rules;
static int device;

static const char *name_of(uint64_t no) {
    const char *slash = strrchr(node[no], '/');
    return slash ? slash + 1 : node[no];
}

/* What the rules say to this call: 0, HANG, or an errno. */
static int rule(const char *name, const char *call, uint64_t at) {
    char line[512], who[256], what[16], how[16];
    int found = 0;
    FILE *f = fopen(rules, "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long from = 0;
        if (sscanf(line, "%255s %15s %15s %llu", who, what, how, &from) < 3 || strcmp(what, call) != 0) continue;
        if ((strcmp(who, "*") != 0 && strcmp(who, name) != 0) || at < from) continue;
        found = strcmp(how, "hang") == 0 ? HANG : atoi(how);
    }
    if (f) fclose(f);
    return found;
}

static void answer(const struct fuse_in_header *q, int error, const void *p, size_t n) {
    struct fuse_out_header h = {.len = (uint32_t)(sizeof h + (error ? 0 : n)), .error = -error, .unique = q->unique};
    struct iovec v[2] = {{&h, sizeof h}, {(void *)(uintptr_t)p, error ? 0 : n}};
    if (writev(device, v, 2) < 0 && errno != ENOENT) perror("answer");
}

static int attr_of(uint64_t no, struct fuse_attr *a) {
    struct stat st;
    if (lstat(node[no], &st) < 0) return errno;
    *a = (struct fuse_attr){.ino = st.st_ino, .size = (uint64_t)st.st_size, .blocks = (uint64_t)st.st_blocks,
        .atime = (uint64_t)st.st_atim.tv_sec, .mtime = (uint64_t)st.st_mtim.tv_sec, .ctime = (uint64_t)st.st_ctim.tv_sec,
        .atimensec = (uint32_t)st.st_atim.tv_nsec, .mtimensec = (uint32_t)st.st_mtim.tv_nsec,
        .ctimensec = (uint32_t)st.st_ctim.tv_nsec, .mode = st.st_mode, .nlink = (uint32_t)st.st_nlink, .uid = st.st_uid,
        .gid = st.st_gid, .rdev = (uint32_t)st.st_rdev, .blksize = 4096};
    return 0;
}

/* The node with this path, made when it is new. Node numbers are never given up: trees here are small. */
static uint64_t node_at(const char *path) {
    for (size_t i = 1; i < nodes; i++)
        if (strcmp(node[i], path) == 0) return i;
    if (nodes == NODES_MAX) exit(1);
    node[nodes] = strdup(path);
    return nodes++;
}

static void look_up(const struct fuse_in_header *q, const char *name) {
    struct fuse_entry_out out = {.nodeid = 0};
    char path[4096];
    int error = rule(name, "look", 0);
    if (error == HANG) return;
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%.255s", node[q->nodeid], name);
    if (!error && (n >= (int)sizeof path || lstat(path, &st) < 0)) error = ENOENT;
    if (!error) out.nodeid = node_at(path), error = attr_of(out.nodeid, &out.attr);
    answer(q, error, &out, sizeof out);
}

static void list(const struct fuse_in_header *q, const struct fuse_read_in *in) {
    char out[4096];
    size_t n = 0;
    uint64_t no = 0;
    int error = rule(name_of(q->nodeid), "list", in->offset);
    if (error == HANG) return;
    DIR *d = error ? NULL : opendir(node[q->nodeid]);
    for (struct dirent *de; d && (de = readdir(d));) {
        struct fuse_dirent *to = (struct fuse_dirent *)(void *)(out + n);
        size_t len = strlen(de->d_name), room = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);
        if (no++ < in->offset) continue;
        if (n + room > sizeof out || n + room > in->size) break;
        memset(to, 0, room);
        to->ino = de->d_ino, to->off = no, to->namelen = (uint32_t)len, to->type = de->d_type;
        memcpy(to->name, de->d_name, len);
        n += room;
    }
    if (d) closedir(d);
    answer(q, error, out, n);
}

static void read_some(const struct fuse_in_header *q, const struct fuse_read_in *in) {
    static char out[READ_MAX];
    size_t n = in->size < READ_MAX ? in->size : READ_MAX;
    int error = rule(name_of(q->nodeid), "read", in->offset + n);
    if (error == HANG) return;
    int fd = error ? -1 : open(node[q->nodeid], O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : pread(fd, out, n, (off_t)in->offset);
    if (fd >= 0) close(fd);
    answer(q, error, out, got < 0 ? 0 : (size_t)got);
}

static void one(const struct fuse_in_header *q, const void *body) {
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = 0,
        .max_background = 8, .congestion_threshold = 6, .max_write = 4096};
    struct fuse_attr_out attr = {.attr_valid = 0};
    struct fuse_open_out opened = {.open_flags = q->opcode == FUSE_OPEN ? FOPEN_DIRECT_IO : 0};
    struct fuse_statfs_out fs = {.st = {.namelen = 255, .bsize = 4096}};
    char target[4096];
    ssize_t n;
    int error;
    switch (q->opcode) {
    case FUSE_INIT: answer(q, 0, &init, sizeof init); break;
    case FUSE_LOOKUP: look_up(q, body); break;
    case FUSE_GETATTR:
        error = rule(name_of(q->nodeid), "look", 0);
        if (!error) error = attr_of(q->nodeid, &attr.attr);
        if (error != HANG) answer(q, error, &attr, sizeof attr);
        break;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        error = rule(name_of(q->nodeid), "open", 0);
        if (error != HANG) answer(q, error, &opened, sizeof opened);
        break;
    case FUSE_READDIR: list(q, body); break;
    case FUSE_READ: read_some(q, body); break;
    case FUSE_READLINK:
        n = readlink(node[q->nodeid], target, sizeof target);
        answer(q, n < 0 ? errno : 0, target, n < 0 ? 0 : (size_t)n);
        break;
    case FUSE_STATFS: answer(q, 0, &fs, sizeof fs); break;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR: answer(q, 0, NULL, 0); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: break; /* a server that hangs does not hear it */
    default: answer(q, ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv) {
    char options[128];
    if (argc != 4) return 2;
    node[1] = argv[1], rules = argv[3];
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
    if (device < 0 || mount("hungfs", argv[2], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
        perror("tool_hungfs");
        return 77;
    }
    static uint8_t ask[ASK_MAX] __attribute__((aligned(8)));
    for (;;) {
        ssize_t n = read(device, ask, sizeof ask);
        if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
        if (n < (ssize_t)sizeof(struct fuse_in_header)) return errno == ENODEV ? 0 : 1;
        one((const struct fuse_in_header *)(const void *)ask, ask + sizeof(struct fuse_in_header));
    }
}
