/**
 * Level 4 of a drill: a restored tree runs as a machine of its own, in QEMU.
 *
 * All of this runs inside the drill's sandbox: user, mount, pid and network namespaces of its own. Nothing of the
 * tree is run outside the machine; the tree is read only. The machine's only wire is a port of the bridge br0 in the
 * present network namespace. What the machine says about itself (machine_look) comes from inside it, where a hostile
 * tenant may write what it likes: it is parsed strictly, bounded, and can make a drill red, never green.
 */
#ifndef AGENT_MACHINE_H
#define AGENT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/proc.h"

enum { MACHINE_EGRESS_MAX = 16, MACHINE_ADAPTED_MAX = 8, MACHINE_FAILED_MAX = 8, MACHINE_TEXT = 128 };

/** A device node that the sandbox could not make: the machine makes it. ${path} is relative to the tree. */
struct machine_node {
    bool block;
    unsigned major, minor, mode, uid, gid;
    const char *path;
};

struct machine_request {
    unsigned number;       /* of this machine on the bridge, each one its own */
    const char *host;      /* [a-z0-9-]: names the files */
    const char *tree;      /* the restored tree: its root directory */
    const char *dir;       /* an existing directory for the image and the first root, ours alone */
    const char *address;   /* a.b.c.d/n */
    const char *gateway;   /* a.b.c.d, or NULL: the machine has none */
    const char *nic;       /* the lost name, or NULL: as its kernel says */
    const char *mac;       /* xx:xx:xx:xx:xx:xx, or NULL: made from the host's name */
    uint64_t memory, disk; /* bytes the machine sees; bytes that its image may take at most */
    const char *accel;     /* "auto", "kvm" or "tcg" */
    const char *const
        *egress; /* a.b.c.d:port, at most MACHINE_EGRESS_MAX: the machine tries to reach each, and must fail */
    size_t egress_n;
    const struct machine_node
        *nodes; /* those whose path cannot stand on a line are left out and counted in nodes_left */
    size_t nodes_n;
};

enum machine_stage { MACHINE_NOTHING, MACHINE_INITRAMFS, MACHINE_ROOT, MACHINE_INIT, MACHINE_DONE };

/** What the machine said so far. All text is printable ASCII. */
struct machine_report {
    enum machine_stage stage;
    char fail[MACHINE_TEXT]; /* why it gave up; "" */
    char state[32];          /* its init's opinion: running, degraded, maintenance …; "" */
    char kernel[MACHINE_TEXT], address[MACHINE_TEXT];
    bool wire; /* the gateway's address answered it */
    char adapted[MACHINE_ADAPTED_MAX][MACHINE_TEXT];
    char failed[MACHINE_FAILED_MAX][MACHINE_TEXT];
    size_t adapted_n, failed_n;
    uint32_t denied, reached; /* bit i: egress[i] */
};

/** The reader of those lines; machine_report_feed takes any bytes in any pieces. */
struct machine_reader {
    struct machine_report report;
    size_t egress_n; /* answers for others are ignored */
    char line[256];
    size_t len;
    bool skip; /* the rest of a line that was too long */
};
void machine_report_feed(struct machine_reader *r, const void *p, size_t n);

enum { MACHINE_CONSOLE = 16 << 10, MACHINE_SAID = 2 << 10 };

struct machine {
    unsigned number;
    char host[64], mac[18], accel[8], version[64]; /* version: the kernel that was found in the tree */
    char kernel[512], initrd[512], image[512];     /* paths of our files below request.dir; "" when not made */
    uint64_t memory, image_bytes;
    size_t nodes_left, modules;
    struct proc qemu, wire;
    int console_fd, report_fd, said_fd;
    char console[MACHINE_CONSOLE]; /* the last bytes, a ring */
    uint64_t console_n;            /* bytes it printed at all */
    char said[MACHINE_SAID + 1];   /* what qemu itself said, its beginning */
    size_t said_n;
    struct machine_reader reader;
    bool ended;
    int status;
};

/**
 * machine_prepare(m, q, e):
 * Look the kernel up in the tree, write the first root and the disk image (both sparse and below q->dir). Return 0,
 * or <0: ZE_USAGE for a request that cannot be, ZE_NOKERNEL, ZE_NOTOOL naming the Debian package, ZE_MACHINEROOM when
 * the tree needs more than q->disk, ZE_CHILD from mke2fs. In any case machine_stop releases what was made. Takes as
 * long as copying the tree.
 */
int machine_prepare(struct machine *m, const struct machine_request *q, struct err *e) MUST_CHECK;

/** machine_start(m, e): start qemu on a new port of br0. Return at once: 0, or <0 (ZE_NOTOOL, ZE_MACHINE, ZE_IO). */
int machine_start(struct machine *m, struct err *e) MUST_CHECK;

/** machine_alive(m): take in what the machine printed, and say whether it runs. To be called at least each second: a
 * machine whose MiB of unread console is full waits. */
bool machine_alive(struct machine *m);

/** machine_look(m): its report up to the last machine_alive. */
const struct machine_report *machine_look(const struct machine *m);

/** machine_console(m, lines, out): the last ${lines} lines of its console as one text, escaped; what qemu itself said
 * before them. */
void machine_console(const struct machine *m, size_t lines, struct buf *out);

/** machine_stop(m): end qemu (SIGTERM, two seconds later SIGKILL), remove the files. Nothing but the port is left;
 * may be called at any time and again. */
void machine_stop(struct machine *m);

#endif
