/* One machine: qemu, started with everything it needs as open descriptors, so that it can be nobody.
 *
 * qemu reads what a hostile guest writes to its devices. It runs as a user that owns nothing, without capabilities
 * and by its own sandbox without new processes; kernel, first root, disk, serial lines and wire are descriptors it
 * inherits. The disk image is a throw-away copy, so nothing is flushed. Under software emulation the default
 * processor is the fastest one.
 *
 * Two serial lines: the console, of which the last 16 KiB are kept for people, and a line for reports alone, into which
 * no other program's output falls. Both are pipes. Reading never blocks; a guest that prints faster than anybody looks
 * waits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "machine_internal.h"
#include "sys/file.h"

enum { NOBODY = 65534, PIPE_BYTES = 1 << 20, MESSAGE = 64 << 10 };

/* The descriptors qemu finds. */
enum { FD_OUT = 1, FD_ERR = 2, FD_CONSOLE = 3, FD_REPORT, FD_WIRE, FD_DISK, FD_KERNEL, FD_INITRD, FDS };

static const char *accel_of(const struct machine *m) {
    if (strcmp(m->accel, "auto")) return m->accel;
    return access("/dev/kvm", R_OK | W_OK) == 0 ? "kvm" : "tcg";
}

static int fd_open(const char *path, int flags, struct err *e) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) err_sys(e, path, "open");
    return fd;
}

/* Our end is non-blocking, theirs is ${theirs}. */
static int pipe_open(int *ours, int *theirs, const char *host, struct err *e) {
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0) return err_sys(e, host, "pipe");
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(p[1], F_SETPIPE_SZ, PIPE_BYTES); /* less where the kernel gives less */
    *ours = p[0], *theirs = p[1];
    return 0;
}

static int fds_open(struct machine *m, int fds[FDS], struct err *e) {
    if (pipe_open(&m->said_fd, &fds[FD_ERR], m->host, e) < 0 ||
        pipe_open(&m->console_fd, &fds[FD_CONSOLE], m->host, e) < 0 ||
        pipe_open(&m->report_fd, &fds[FD_REPORT], m->host, e) < 0 ||
        (fds[FD_WIRE] = machine_port(m->number, m->host, &m->wire, e)) < 0)
        return -1;
    if ((fds[FD_DISK] = fd_open(m->image, O_RDWR, e)) < 0 || (fds[FD_KERNEL] = fd_open(m->kernel, O_RDONLY, e)) < 0 ||
        (fds[FD_INITRD] = fd_open(m->initrd, O_RDONLY, e)) < 0)
        return -1;
    return 0;
}

/* What it may take at most, whatever happens in it. */
static void limits_set(const struct machine *m) {
    struct rlimit file = {m->image_bytes, m->image_bytes}, none = {0, 0};
    prlimit(m->qemu.pid, RLIMIT_FSIZE, &file, NULL);
    prlimit(m->qemu.pid, RLIMIT_CORE, &none, NULL);
}

static int qemu_spawn(struct machine *m, const char *qemu, const int fds[FDS], struct err *e) {
    char memory[24], nic[64], accel[48], name[96];
    bool kvm = !strcmp(accel_of(m), "kvm");
    snprintf(accel, sizeof accel, "%s", kvm ? "kvm" : "tcg,tb-size=256");
    snprintf(memory, sizeof memory, "%lluM", (unsigned long long)(m->memory >> 20));
    snprintf(nic, sizeof nic, "virtio-net-pci,romfile=,netdev=wire,mac=%s", m->mac);
    snprintf(name, sizeof name, "zaibei-drill-%s", m->host);
    /* setpriv: as root outside of qemu, nothing inside. */
    const char *argv[] = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
        "--inh-caps=-all", "--no-new-privs", "--pdeathsig=KILL", qemu, "-name", name, "-accel", accel, "-smp", "1",
        "-m", memory, "-machine", "pc", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-monitor",
        "none", "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-add-fd",
        "fd=3,set=1", "-add-fd", "fd=4,set=2", "-add-fd", "fd=6,set=3", "-chardev",
        "file,id=console,append=on,path=/dev/fdset/1", "-serial", "chardev:console", "-chardev",
        "file,id=report,append=on,path=/dev/fdset/2", "-serial", "chardev:report", "-blockdev",
        "driver=raw,node-name=disk,file.driver=file,file.filename=/dev/fdset/3,file.locking=off,cache.no-flush=on",
        "-device", "virtio-blk-pci,drive=disk", "-netdev", "dgram,id=wire,local.type=fd,local.str=5", "-device", nic,
        "-device", "virtio-rng-pci", "-kernel", "/proc/self/fd/7", "-initrd", "/proc/self/fd/8", "-append",
        "console=ttyS0 panic=5 quiet rw net.ifnames=0", kvm ? "-cpu" : NULL, "host", NULL};
    if (proc_spawn_apart(&m->qemu, argv, fds, FDS, -1, e) < 0) return -1;
    limits_set(m);
    return 0;
}

int machine_start(struct machine *m, struct err *e) {
    static const char *const paths[] = {
        "/usr/bin/qemu-system-x86_64", "/usr/local/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", NULL};
    int fds[FDS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
    const char *qemu = machine_tool(paths, "qemu-system-x86", e);
    if (!qemu) return -1;
    int rc = fds_open(m, fds, e);
    if (rc == 0) {
        int out = fds[FD_ERR];
        fds[FD_OUT] = out;
        rc = qemu_spawn(m, qemu, fds, e);
    }
    for (int i = FD_ERR; i < FDS; i++)
        if (fds[i] >= 0) close(fds[i]);
    if (rc < 0) machine_stop(m);
    return rc;
}

/* ---- while it runs ---- */

/* At most one MiB a call: a guest that never stops printing must not keep us here. */
static void pump(struct machine *m, int fd, void (*take)(struct machine *m, const char *p, size_t n)) {
    char piece[4096];
    for (size_t done = 0; fd >= 0 && done < PIPE_BYTES;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        take(m, piece, (size_t)n);
        done += (size_t)n;
    }
}

static void take_console(struct machine *m, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) m->console[m->console_n++ % MACHINE_CONSOLE] = p[i];
}

static void take_report(struct machine *m, const char *p, size_t n) { machine_report_feed(&m->reader, p, n); }

static void take_said(struct machine *m, const char *p, size_t n) {
    if (n > MACHINE_SAID - m->said_n) n = MACHINE_SAID - m->said_n;
    memcpy(m->said + m->said_n, p, n);
    m->said_n += n;
}

bool machine_alive(struct machine *m) {
    if (m->qemu.pid && waitpid(m->qemu.pid, &m->status, WNOHANG) == m->qemu.pid) m->qemu.pid = 0, m->ended = true;
    pump(m, m->console_fd, take_console);
    pump(m, m->report_fd, take_report);
    pump(m, m->said_fd, take_said);
    return m->qemu.pid != 0;
}

const struct machine_report *machine_look(const struct machine *m) { return &m->reader.report; }

void machine_console(const struct machine *m, size_t lines, struct buf *out) {
    char text[MACHINE_CONSOLE], plain[1024];
    size_t n = m->console_n < MACHINE_CONSOLE ? (size_t)m->console_n : MACHINE_CONSOLE, from = n, seen = 0;
    for (size_t i = 0; i < n; i++) text[i] = m->console[(m->console_n - n + i) % MACHINE_CONSOLE];
    for (; n && (text[n - 1] == '\n' || text[n - 1] == '\r'); n--) {}
    for (from = n; from && (text[from - 1] != '\n' || ++seen < lines); from--) {}
    if (m->said_n) {
        buf_put(out, plain, text_escape(plain, sizeof plain, m->said, m->said_n));
        buf_u8(out, '\n');
    }
    for (size_t end; from < n; from = end + 1) {
        const char *nl = memchr(text + from, '\n', n - from);
        end = nl ? (size_t)(nl - text) : n;
        size_t len = end - from;
        while (len && text[from + len - 1] == '\r') len--;
        buf_put(out, plain, text_escape(plain, sizeof plain, text + from, len));
        buf_u8(out, '\n');
    }
}

void machine_stop(struct machine *m) {
    struct err ignored = ERR_INIT;
    if (m->qemu.pid) {
        kill(m->qemu.pid, SIGTERM);
        (void)proc_wait(&m->qemu, 2000, &ignored);
        m->ended = true;
    }
    if (m->wire.pid) {
        kill(m->wire.pid, SIGKILL);
        (void)proc_wait(&m->wire, 2000, &ignored);
    }
    int *fds[] = {&m->console_fd, &m->report_fd, &m->said_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0) close(*fds[i]), *fds[i] = -1;
    char *paths[] = {m->kernel, m->initrd, m->image};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (*paths[i] && (unlink(paths[i]) == 0 || errno == ENOENT)) *paths[i] = 0;
}
