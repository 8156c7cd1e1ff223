/* What a host may read: the list of its points and any index always; the bytes of meta packs that its last point uses
 * always; everything else only with the right `read all`. Judged here, not in serve. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "keeper.h"
#include "sys/file.h"

int keeper_list(struct keeper *k, struct rd *r, struct err *e) {
    if (!rd_end(r)) return keeper_malformed(k, e);
    if (log_refresh(&k->log, e) < 0) return -1;
    log_small(&k->log);
    for (size_t i = 0; i < k->log.commits_n; i++) {
        if (k->log.commits[i].removed) continue;
        if (log_load(&k->log, k->log.commits[i].n, NULL, &k->raw, e) < 0) return -1;
        buf_reset(&k->out);
        buf_blob(&k->out, k->raw.p, k->raw.len);
        if (frames_put_buf(&k->f, F_POINT, &k->out, e) < 0) return -1;
    }
    log_small_end(&k->log, false);
    buf_reset(&k->out);
    return F_LIST_END;
}

int keeper_index(struct keeper *k, struct rd *r, struct err *e) {
    uint8_t generation[SEAL_ID];
    char name[STORE_NAME_MAX];
    struct pack_index x;
    rd_copy(r, generation, sizeof generation);
    uint32_t pack = rd_u32(r);
    if (!rd_end(r)) return keeper_malformed(k, e);
    CLEANUP_FD int fd = keeper_pack(k, generation, pack, name, e);
    if (fd < 0 || pack_index_read(fd, name, &x, e) < 0) return -1;
    buf_u32(&k->out, pack);
    buf_u8(&k->out, x.header.kind);
    buf_blob(&k->out, x.rows, (size_t)x.trailer.count * PACK_ROW);
    pack_index_free(&x);
    return F_INDEX_DATA;
}

struct wanted {
    uint32_t pack;
    bool found;
};

static int wanted_is(void *arg, uint32_t pack, const uint8_t *bitmap, size_t len, struct err *e) {
    struct wanted *w = arg;
    if (pack == w->pack) w->found = true;
    return 0;
}

/* Whether the host's last point uses something of the pack: 1, 0, <0. */
static int last_point_uses(struct keeper *k, const uint8_t *generation, uint32_t pack, struct err *e) {
    struct wanted w = {.pack = pack};
    struct record r;
    struct buf page;
    if (log_refresh(&k->log, e) < 0) return -1;
    const struct log_commit *last = log_last_point(&k->log);
    if (!last || memcmp(last->generation, generation, SEAL_ID) != 0) return 0;
    if (log_load(&k->log, last->n, &r, NULL, e) < 0) return -1;
    buf_init(&page, FRAME_MAX);
    int rc = 0;
    for (size_t i = 0; i < r.commit.used_n && rc == 0; i++) {
        if (r.commit.used[i].page != pack / 256) continue;
        rc = used_load(k, generation, &r.commit.used[i], &page, e);
        if (rc == 0) rc = used_page_get(page.p, page.len, generation, pack / 256, wanted_is, &w, e);
    }
    buf_free(&page);
    record_free(&r);
    return rc < 0 ? rc : w.found;
}

/* The kind comes from the pack's own header, which was checked when it was placed and is covered by the trailer's
 * hash. */
static int may_read(
    struct keeper *k, int fd, const uint8_t *generation, uint32_t pack, const char *name, struct err *e) {
    uint8_t head[PACK_HEADER];
    struct pack_header h;
    if (k->rights.read_all) return 0;
    if (file_pread_full(fd, head, sizeof head, 0) != sizeof head) return err_set(e, ZE_TRUNCATED, name, _("no header"));
    if (pack_header_get(&h, head, name, e) < 0) return -1;
    int uses = h.kind == PACK_META ? last_point_uses(k, generation, pack, e) : 0;
    if (uses < 0) return -1;
    return uses ? 0 : err_set(e, ZE_NOGRANT, name, _("only metadata of the last restore point may be read"));
}

int keeper_open(struct keeper *k, struct rd *r, struct err *e) {
    uint8_t generation[SEAL_ID];
    char name[STORE_NAME_MAX];
    rd_copy(r, generation, sizeof generation);
    uint32_t pack = rd_u32(r);
    if (!rd_end(r)) return keeper_malformed(k, e);
    if (k->opened >= 0) close(k->opened);
    k->opened = keeper_pack(k, generation, pack, name, e);
    if (k->opened < 0) return -1;
    if (may_read(k, k->opened, generation, pack, name, e) == 0) return F_OKAY;
    close(k->opened);
    k->opened = -1;
    return -1;
}

int keeper_take(struct keeper *k, struct rd *r, struct err *e) {
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    if (!rd_end(r) || k->opened < 0) return keeper_malformed(k, e);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &k->opened, sizeof(int));
    ssize_t sent;
    do sent = sendmsg(k->f.wfd, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    close(k->opened);
    k->opened = -1;
    return sent == 1 ? 0 : err_sys(e, k->host, "sendmsg");
}
