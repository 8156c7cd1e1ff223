/* The first root of a drill's machine: busybox, dist/drill-init, and of the restored kernel's modules the few that
 * find the disk and the wire.
 *
 * The lost machine's own first root may lack them: it was built for other hardware. modules.dep names for each module
 * what must be loaded before it, the farthest last; a name that is not there is built into the kernel, or missing:
 * then the machine says so. What is written for the machine to read (names, addresses, targets) is checked here to be
 * what it should be, for a shell will read it. */
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "machine_internal.h"
#include "sys/file.h"
#include "wrap/cpio.h"

enum { MODULES_MAX = 192, MODULE_MAX = 32 << 20, DEP_MAX = 16 << 20, BUSYBOX_MAX = 16 << 20 };

/* First what the others need without saying so. */
static const char *const wanted[] = {
    "crc32c_generic", "virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4"};

struct loads { /* modules in loading order, as paths below lib/modules/VERSION */
    char *path[MODULES_MAX];
    size_t n;
};

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether the file ${path} of ${n} bytes holds the module ${name}: - and _ mean the same. */
static bool is_module(const char *path, size_t n, const char *name) {
    while (n && memrchr(path, '/', n)) {
        size_t cut = (size_t)((const char *)memrchr(path, '/', n) - path) + 1;
        path += cut, n -= cut;
    }
    size_t len = strlen(name);
    if (n < len + 3 || memcmp(path + len, ".ko", 3)) return false;
    for (size_t i = 0; i < len; i++)
        if ((path[i] == '-' ? '_' : path[i]) != name[i]) return false;
    return true;
}

static int load_add(struct loads *l, const char *path, struct err *e) {
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->path[i], path)) return 0;
    if (l->n == MODULES_MAX) return err_set(e, ZE_NOKERNEL, path, _("more than %d modules are needed"), MODULES_MAX);
    l->path[l->n] = strdup(path);
    return l->path[l->n++] ? 0 : err_set(e, ZE_NOMEM, path, "%s", _("modules"));
}

/* "kernel/fs/ext4.ko: nearest.ko … farthest.ko", cut up in place. */
static int load_line(struct loads *l, char *line, struct err *e) {
    char *words[64], *colon = strchr(line, ':'), *save = NULL;
    size_t n = 0;
    *colon = 0;
    for (char *w = strtok_r(colon + 1, " \t", &save); w && n < 64; w = strtok_r(NULL, " \t", &save)) words[n++] = w;
    while (n)
        if (load_add(l, words[--n], e) < 0) return -1;
    return load_add(l, line, e);
}

static int loads_find(struct loads *l, const struct buf *dep, struct err *e) {
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *at = (const char *)dep->p, *end = at + dep->len;
        for (const char *nl; at < end; at = nl + 1) {
            nl = memchr(at, '\n', (size_t)(end - at));
            if (!nl) nl = end;
            const char *colon = memchr(at, ':', (size_t)(nl - at));
            if (!colon || !is_module(at, (size_t)(colon - at), wanted[i])) continue;
            CLEANUP_FREE char *line = strndup(at, (size_t)(nl - at));
            if (!line) return err_set(e, ZE_NOMEM, NULL, "%s", _("modules"));
            if (load_line(l, line, e) < 0) return -1;
            break;
        }
    }
    return 0;
}

static void loads_free(struct loads *l) {
    while (l->n) free(l->path[--l->n]);
}

static int tree_load(int tree, const char *path, struct buf *out, struct err *e) {
    struct stat st;
    CLEANUP_FD int fd = machine_tree_open(tree, path, O_RDONLY);
    if (fd < 0) return err_sys(e, path, _("in the restored tree"));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return err_set(e, ZE_NOKERNEL, path, "%s", _("not a regular file"));
    return cpio_unpack(fd, path, out, e);
}

/* One module unpacked into drill/ko/, its name a line in ${order}. */
static int module_put(
    struct cpio *c, int tree, const struct machine *m, const char *path, struct buf *order, struct err *e) {
    char from[512], to[256];
    struct buf ko;
    if (snprintf(from, sizeof from, "lib/modules/%s/%s", m->version, path) >= (int)sizeof from)
        return err_set(e, ZE_NOKERNEL, path, "%s", _("the path is too long"));
    const char *name = base_of(path), *dot = strstr(name, ".ko");
    if (!dot || snprintf(to, sizeof to, "drill/ko/%.*s.ko", (int)(dot - name), name) >= (int)sizeof to)
        return err_set(e, ZE_NOKERNEL, path, "%s", _("not the name of a module"));
    buf_init(&ko, MODULE_MAX);
    int rc = tree_load(tree, from, &ko, e);
    if (rc == 0) rc = cpio_file(c, to, 0644, ko.p, ko.len, e);
    buf_free(&ko);
    buf_put(order, to + strlen("drill/ko/"), strlen(to) - strlen("drill/ko/"));
    buf_u8(order, '\n');
    return rc;
}

static int modules_put(struct cpio *c, int tree, struct machine *m, struct err *e) {
    char path[128];
    struct buf dep, order;
    struct loads l = {.n = 0};
    buf_init(&dep, DEP_MAX), buf_init(&order, 64 << 10);
    snprintf(path, sizeof path, "lib/modules/%s/modules.dep", m->version);
    int rc = tree_load(tree, path, &dep, e);
    if (rc == 0) rc = loads_find(&l, &dep, e);
    for (size_t i = 0; rc == 0 && i < l.n; i++) rc = module_put(c, tree, m, l.path[i], &order, e);
    if (rc == 0) rc = cpio_file(c, "drill/modules", 0644, order.p, order.len, e);
    m->modules = l.n;
    loads_free(&l);
    buf_free(&dep), buf_free(&order);
    return rc;
}

/* ---- what the machine is told ---- */

static bool address_ok(const char *s, char stop) {
    char text[16];
    struct in_addr a;
    size_t n = strcspn(s, (char[]){stop, 0});
    uint64_t last;
    if (n >= sizeof text) return false;
    memcpy(text, s, n);
    text[n] = 0;
    if (inet_pton(AF_INET, text, &a) != 1) return false;
    return stop ? s[n] == stop && text_u64(s + n + 1, stop == '/' ? 32 : 65535, &last) : true;
}

static bool nic_ok(const char *s) {
    size_t n = strlen(s);
    return n && n < IFNAMSIZ && strcmp(s, ".") && strcmp(s, "..") && strcmp(s, "-") &&
        strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int nic_put(struct cpio *c, const struct machine *m, const struct machine_request *q, struct err *e) {
    char line[128];
    if (!address_ok(q->address, '/'))
        return err_set(e, ZE_USAGE, m->host, _("\"%s\" is not ADDRESS/PREFIX"), q->address);
    if (q->gateway && !address_ok(q->gateway, 0))
        return err_set(e, ZE_USAGE, m->host, _("\"%s\" is not an address"), q->gateway);
    if (q->nic && !nic_ok(q->nic))
        return err_set(e, ZE_USAGE, m->host, _("\"%s\" cannot be an interface's name"), q->nic);
    int n = snprintf(
        line, sizeof line, "%s %s %s %s\n", m->mac, q->nic ? q->nic : "-", q->address, q->gateway ? q->gateway : "-");
    return cpio_file(c, "drill/nic", 0644, line, (size_t)n, e);
}

static int egress_put(struct cpio *c, const struct machine *m, const struct machine_request *q, struct err *e) {
    char text[MACHINE_EGRESS_MAX * 32];
    size_t n = 0;
    for (size_t i = 0; i < q->egress_n; i++) {
        if (!address_ok(q->egress[i], ':'))
            return err_set(e, ZE_USAGE, m->host, _("\"%s\" is not ADDRESS:PORT"), q->egress[i]);
        int at = (int)strcspn(q->egress[i], ":");
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s %s\n", at, q->egress[i], q->egress[i] + at + 1);
    }
    return cpio_file(c, "drill/egress", 0644, text, n, e);
}

/* One a line, so a path has no line break in it, and no end that `read` would take away. */
static bool line_ok(const char *path) {
    size_t n = strlen(path);
    return n && n < 4096 && text_is_utf8(path, n) && !strchr(path, '\\') && path[0] != ' ' && path[n - 1] != ' ';
}

static int nodes_put(struct cpio *c, struct machine *m, const struct machine_request *q, struct err *e) {
    struct buf out;
    char line[96];
    buf_init(&out, 1 << 20);
    m->nodes_left = 0;
    for (size_t i = 0; i < q->nodes_n; i++) {
        const struct machine_node *d = &q->nodes[i];
        if (!line_ok(d->path) || out.len > (1 << 20) - 8192) {
            m->nodes_left++;
            continue;
        }
        int n = snprintf(line, sizeof line, "%c %u %u %04o %u %u ", d->block ? 'b' : 'c', d->major, d->minor,
            d->mode & 07777, d->uid, d->gid);
        buf_put(&out, line, (size_t)n);
        buf_put(&out, d->path, strlen(d->path));
        buf_u8(&out, '\n');
    }
    int rc = buf_ok(&out) ? cpio_file(c, "drill/nodes", 0644, out.p, out.len, e)
                          : err_set(e, ZE_NOMEM, m->host, "%s", _("device nodes"));
    buf_free(&out);
    return rc;
}

/* ---- busybox ---- */

/* It runs where there is no library: it must not ask for a loader. */
static bool is_static(const uint8_t *p, size_t n) {
    Elf64_Ehdr h;
    if (n < sizeof h) return false;
    memcpy(&h, p, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr ph;
        if (h.e_phoff > n || n - h.e_phoff < (i + 1) * sizeof ph) return false;
        memcpy(&ph, p + h.e_phoff + i * sizeof ph, sizeof ph);
        if (ph.p_type == PT_INTERP) return false;
    }
    return true;
}

static int busybox_put(struct cpio *c, struct err *e) {
    static const char *const paths[] = {"/usr/bin/busybox", "/bin/busybox", "/usr/lib/initramfs-tools/bin/busybox"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct buf b;
        struct err ignored = ERR_INIT;
        buf_init(&b, BUSYBOX_MAX);
        bool there = file_load(AT_FDCWD, paths[i], BUSYBOX_MAX, &b, &ignored) == 0 && is_static(b.p, b.len);
        int rc = there ? cpio_file(c, "bin/busybox", 0755, b.p, b.len, e) : 1;
        buf_free(&b);
        if (rc <= 0) return rc;
    }
    return err_set(e, ZE_NOTOOL, paths[0], _("it is in the package %s"), "busybox-static");
}

__asm__(".section .rodata\n"
        "zb_drill_init: .incbin \"dist/drill-init\"\n"
        "zb_drill_init_end: .byte 0\n"
        ".previous\n");
extern const char init_begin[] __asm__("zb_drill_init"), init_end[] __asm__("zb_drill_init_end");

static int all_put(struct cpio *c, int tree, struct machine *m, const struct machine_request *q, struct err *e) {
    static const char *const dirs[] = {"bin", "dev", "proc", "sys", "run", "newroot", "drill", "drill/ko"};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (cpio_dir(c, dirs[i], e) < 0) return -1;
    if (busybox_put(c, e) < 0 || cpio_file(c, "init", 0755, init_begin, (size_t)(init_end - init_begin), e) < 0)
        return -1;
    if (nic_put(c, m, q, e) < 0 || egress_put(c, m, q, e) < 0 || nodes_put(c, m, q, e) < 0) return -1;
    return modules_put(c, tree, m, e);
}

int machine_initrd(int tree, struct machine *m, const struct machine_request *q, struct err *e) {
    CLEANUP_FD int fd = open(m->initrd, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return err_sys(e, m->initrd, "open");
    struct cpio *c = cpio_new(fd, e);
    if (!c) return -1;
    if (all_put(c, tree, m, q, e) == 0) return cpio_end(c, e);
    cpio_free(c);
    return -1;
}
