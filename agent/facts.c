/* Host facts: what somebody needs who restores this system to a bare machine or a drill. Files are taken as they are, at
 * most 64 KiB each; nothing is executed. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "backup_internal.h"
#include "sys/file.h"
#include "wrap/json.h"

enum { FACT_MAX = 64 << 10 };

static const char *const fact_files[] = {"/etc/os-release", "/etc/hostname", "/etc/fstab", "/etc/hosts", "/proc/partitions",
    "/proc/cmdline", "/etc/network/interfaces", "/etc/netplan/01-netcfg.yaml", "/etc/crypttab", "/etc/lvm/lvm.conf"};

static void add_file(struct js *j, const char *path) {
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    CLEANUP_FREE char *text = malloc(FACT_MAX + 1);
    ssize_t n = fd >= 0 && text ? file_read_full(fd, text, FACT_MAX) : -1;
    if (n < 0 || memchr(text, 0, (size_t)n)) return;
    text[n] = 0;
    js_set_str(j, path, text);
}

void facts_collect(struct buf *out) {
    CLEANUP_JS struct js *j = js_object();
    struct utsname u;
    if (uname(&u) == 0) {
        js_set_str(j, "kernel", u.release);
        js_set_str(j, "machine", u.machine);
        js_set_str(j, "nodename", u.nodename);
    }
    for (size_t i = 0; i < sizeof fact_files / sizeof *fact_files; i++) add_file(j, fact_files[i]);
    js_set_bool(j, "efi", access("/sys/firmware/efi", F_OK) == 0);
    char *text = js_dump(j);
    buf_reset(out);
    buf_put(out, text, strlen(text));
    free(text);
}
