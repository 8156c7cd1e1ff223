/* The spool: files without a name. The keeper makes them, passes the descriptor to serve, and reads what serve wrote
 * through its own; nobody else can reach them, and the kernel takes them back when both are gone. So there is nothing
 * to sweep, and no name, link or foreign file for a hostile serve to put in a pack's place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/i18n.h"
#include "keeper.h"
#include "wire/pack.h"

static void drop(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static int spool_make(struct keeper *k, uint8_t kind, struct err *e) {
    char name[128];
    snprintf(name, sizeof name, "spool/%s.%u", k->host, kind);
    unlinkat(k->v->fd, name, 0);
    int fd = openat(k->v->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, name, _("make"));
    /* If interrupted here, an empty file stays; the next session of this host that sends a pack removes it. */
    unlinkat(k->v->fd, name, 0);
    return fd;
}

int keeper_spool(struct keeper *k, struct rd *r, struct err *e) {
    uint8_t kind = rd_u8(r);
    if (!rd_end(r) || (kind != PACK_META && kind != PACK_DATA)) return keeper_malformed(k, e);
    if (!k->begun) return err_set(e, ZE_PROTO, k->host, _("a pack before BEGIN"));
    int *fds = k->spool[kind - PACK_META], *fd = fds[0] < 0 ? &fds[0] : &fds[1];
    if (*fd >= 0) return err_set(e, ZE_REFUSED, k->host, _("two packs of a kind are under way"));
    if ((*fd = spool_make(k, kind, e)) < 0) return -1;
    drop(&k->opened);
    k->opened = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
    return k->opened < 0 ? err_sys(e, "spool", "dup") : F_OKAY;
}

int spool_take(struct keeper *k, uint8_t kind) {
    int *fds = k->spool[kind - PACK_META], fd = fds[0];
    fds[0] = fds[1];
    fds[1] = -1;
    return fd;
}

void spool_drop(struct keeper *k) {
    for (int i = 0; i < 4; i++) drop(&k->spool[i / 2][i % 2]);
}
