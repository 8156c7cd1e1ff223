/* From a restored tree to what a machine needs: its kernel, a first root, a disk.
 *
 * The tree may be hostile. Nothing of it is run; what is opened in it is opened with the tree as root, so that a link
 * to /etc leads into the tree's own; only regular files are read, and no more of them than a limit. mke2fs reads the
 * tree by itself, without following links. The image is a copy: whatever the machine writes, the restored tree stays
 * as it was.
 *
 * If interrupted here: what was written lies below the drill's directory, which whoever comes next removes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "machine_internal.h"
#include "sys/file.h"

enum { KERNEL_MAX = 256 << 20, SETUP_MAGIC = 0x202 };

int machine_tree_open(int tree, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, tree, path, &how, sizeof how);
}

const char *machine_tool(const char *const *paths, const char *package, struct err *e) {
    for (const char *const *p = paths; *p; p++)
        if (access(*p, X_OK) == 0) return *p;
    err_set(e, ZE_NOTOOL, paths[0], _("it is in the package %s"), package);
    return NULL;
}

/* ---- the kernel ---- */

/* A version is a file name: nothing else may be made of it. */
static bool version_ok(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-~");
    return n && !s[n] && n < sizeof((struct machine *)0)->version;
}

static bool has_modules(int tree, const char *version) {
    char path[128];
    snprintf(path, sizeof path, "lib/modules/%s/modules.dep", version);
    CLEANUP_FD int fd = machine_tree_open(tree, path, O_RDONLY);
    return fd >= 0;
}

static int kernel_find(int tree, struct machine *m, struct err *e) {
    int fd = machine_tree_open(tree, "boot", O_RDONLY | O_DIRECTORY), seen = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) close(fd);
    for (struct dirent *en; d && (en = readdir(d));) {
        const char *v = strncmp(en->d_name, "vmlinuz-", 8) ? NULL : en->d_name + 8;
        if (!v || !version_ok(v)) continue;
        seen++;
        if ((!*m->version || strverscmp(v, m->version) > 0) && has_modules(tree, v))
            snprintf(m->version, sizeof m->version, "%s", v);
    }
    if (d) closedir(d);
    if (*m->version) return 0;
    return err_set(e, ZE_NOKERNEL, m->host,
        seen ? _("no kernel in /boot of the tree has its modules in /lib/modules")
             : _("there is no kernel /boot/vmlinuz-VERSION in the tree"));
}

static int kernel_copy(int from, int to, struct machine *m, struct err *e) {
    uint8_t piece[64 << 10];
    size_t done = 0;
    for (ssize_t n; (n = file_read_full(from, piece, sizeof piece)) != 0; done += (size_t)n) {
        if (n < 0) return err_sys(e, m->host, _("the tree's kernel"));
        if (!done && ((size_t)n < SETUP_MAGIC + 4 || memcmp(piece + SETUP_MAGIC, "HdrS", 4)))
            return err_set(e, ZE_NOKERNEL, m->host, _("/boot/vmlinuz-%s is not a kernel for x86 machines"), m->version);
        if (done > KERNEL_MAX) return err_set(e, ZE_NOKERNEL, m->host, _("/boot/vmlinuz-%s is too large"), m->version);
        if (file_write_all(to, piece, (size_t)n) < 0) return err_sys(e, m->kernel, _("write"));
    }
    if (!done) return err_set(e, ZE_NOKERNEL, m->host, _("/boot/vmlinuz-%s is empty"), m->version);
    return 0;
}

int machine_kernel(int tree, struct machine *m, struct err *e) {
    char path[128];
    struct stat st;
    if (kernel_find(tree, m, e) < 0) return -1;
    snprintf(path, sizeof path, "boot/vmlinuz-%s", m->version);
    CLEANUP_FD int from = machine_tree_open(tree, path, O_RDONLY);
    if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(e, ZE_NOKERNEL, m->host, _("/boot/vmlinuz-%s cannot be read"), m->version);
    CLEANUP_FD int to = open(m->kernel, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (to < 0) return err_sys(e, m->kernel, "open");
    return kernel_copy(from, to, m, e);
}

/* ---- the disk ---- */

struct amount {
    uint64_t bytes, entries;
};

/* What the tree takes. A large file may be mostly holes, which mke2fs keeps: then its blocks count. */
static int tree_measure(const char *tree, struct amount *a, struct err *e) {
    FTS *f = fts_open((char *[]){(char *)(uintptr_t)tree, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!f) return err_sys(e, tree, "fts_open");
    errno = 0;
    for (FTSENT *en; (en = fts_read(f)); errno = 0) {
        if (en->fts_info == FTS_DP) continue;
        a->entries++;
        if (en->fts_info != FTS_F) continue;
        uint64_t size = (uint64_t)en->fts_statp->st_size, blocks = (uint64_t)en->fts_statp->st_blocks * 512;
        a->bytes += size > 16 << 20 ? blocks : size;
    }
    int rc = errno ? err_sys(e, tree, _("looking how large the tree is")) : 0;
    fts_close(f);
    return rc;
}

/* Generous, for the file is sparse: what ext4 takes for each entry, a third more for what the machine will write. */
static int image_size(struct machine *m, const struct machine_request *q, const struct amount *a, struct err *e) {
    const uint64_t MiB = 1 << 20;
    uint64_t least = a->bytes + a->bytes / 16 + a->entries * 4608 + 64 * MiB;
    m->image_bytes = (least + a->bytes / 3 + 512 * MiB) / MiB * MiB;
    if (q->disk && m->image_bytes > q->disk) m->image_bytes = q->disk / MiB * MiB;
    if (m->image_bytes >= least) return 0;
    char need[24], have[24];
    text_bytes(need, least);
    text_bytes(have, q->disk);
    return err_set(e, ZE_MACHINEROOM, m->host, _("its disk needs %s, the drill may take %s"), need, have);
}

/* mke2fs says what went wrong on standard error: its last line is the message. */
static int mke2fs_run(const char *const argv[], const char *host, struct err *e) {
    struct proc p;
    int said[2];
    char text[512];
    if (pipe2(said, O_CLOEXEC) < 0) return err_sys(e, host, "pipe");
    int rc = proc_spawn(&p, argv, (int[]){-1, -1, said[1]}, 3, e);
    close(said[1]);
    ssize_t n = rc < 0 ? 0 : file_read_full(said[0], text, sizeof text - 1);
    for (char rest[512]; n > 0 && file_read_full(said[0], rest, sizeof rest) > 0;) {}
    close(said[0]);
    if (rc < 0 || (rc = proc_wait(&p, -1, e)) < 0) return -1;
    if (rc == 0) return 0;
    for (; n > 0 && text[n - 1] == '\n'; n--) {}
    text[n > 0 ? n : 0] = 0;
    char plain[512];
    text_escape(plain, sizeof plain, text, strlen(text));
    return err_set(e, ZE_CHILD, host, "mke2fs: %s", plain);
}

int machine_image(struct machine *m, const struct machine_request *q, struct err *e) {
    static const char *const paths[] = {"/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/bin/mke2fs", NULL};
    char inodes[24];
    struct amount a = {0, 0};
    const char *tool = machine_tool(paths, "e2fsprogs", e);
    if (!tool || tree_measure(q->tree, &a, e) < 0 || image_size(m, q, &a, e) < 0) return -1;
    CLEANUP_FD int fd = open(m->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)m->image_bytes) < 0) return err_sys(e, m->image, _("the machine's disk"));
    snprintf(inodes, sizeof inodes, "%llu", (unsigned long long)(a.entries + a.entries / 4 + 65536));
    return mke2fs_run((const char *[]){tool, "-q", "-F", "-t", "ext4", "-m", "0", "-N", inodes, "-E",
                          "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0", "-d", q->tree, m->image, NULL},
        m->host, e);
}

/* ---- all of it ---- */

static bool accel_ok(const char *s) { return !strcmp(s, "auto") || !strcmp(s, "kvm") || !strcmp(s, "tcg"); }

static bool mac_ok(const char *s) {
    for (int i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !strchr("0123456789abcdefABCDEF", s[i]) || !s[i]) return false;
    return !s[17];
}

/* The lost machine's address, or one that only depends on the host's name. */
static int mac_set(struct machine *m, const char *mac, struct err *e) {
    if (mac && !mac_ok(mac)) return err_set(e, ZE_USAGE, m->host, _("\"%s\" is not an address of an interface"), mac);
    uint32_t h = 2166136261u;
    for (const char *s = m->host; *s; s++) h = (h ^ (uint8_t)*s) * 16777619u;
    snprintf(m->mac, sizeof m->mac, "52:54:00:%02x:%02x:%02x", h >> 16 & 255, h >> 8 & 255, h & 255);
    for (int i = 0; mac && i < 17; i++) m->mac[i] = (char)(mac[i] >= 'A' && mac[i] <= 'F' ? mac[i] + 32 : mac[i]);
    return 0;
}

static int begin(struct machine *m, const struct machine_request *q, struct err *e) {
    *m = (struct machine){.qemu = PROC_NONE,
        .wire = PROC_NONE,
        .console_fd = -1,
        .report_fd = -1,
        .said_fd = -1,
        .memory = q->memory,
        .number = q->number};
    if (!text_name_ok(q->host) || !accel_ok(q->accel) || q->egress_n > MACHINE_EGRESS_MAX)
        return err_set(e, ZE_USAGE, q->host, "%s", _("not a host, an accelerator, or a list of targets"));
    if (q->memory < 64 << 20)
        return err_set(e, ZE_MACHINEROOM, q->host, "%s", _("a machine needs at least 64 MiB of memory"));
    snprintf(m->host, sizeof m->host, "%s", q->host);
    snprintf(m->accel, sizeof m->accel, "%s", q->accel);
    m->reader.egress_n = q->egress_n;
    if (strlen(q->dir) > 400) return err_set(e, ZE_USAGE, q->dir, "%s", _("the path is too long"));
    snprintf(m->kernel, sizeof m->kernel, "%s/%s.kernel", q->dir, q->host);
    snprintf(m->initrd, sizeof m->initrd, "%s/%s.initrd", q->dir, q->host);
    snprintf(m->image, sizeof m->image, "%s/%s.image", q->dir, q->host);
    return mac_set(m, q->mac, e);
}

int machine_prepare(struct machine *m, const struct machine_request *q, struct err *e) {
    if (begin(m, q, e) < 0) return -1;
    CLEANUP_FD int tree = open(q->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree < 0) return err_sys(e, q->tree, "open");
    if (machine_kernel(tree, m, e) < 0 || machine_initrd(tree, m, q, e) < 0) return -1;
    return machine_image(m, q, e);
}
