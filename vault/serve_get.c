/* Segments on their way out. The keeper opens a pack and passes its descriptor; a few are kept, the one not used for
 * longest goes first. Each segment is answered on its own, so one damaged pack does not stop a restore; its hash is
 * compared here, because damage in the vault should be called so by the vault. Some are read at once: hashes are cheaper together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/i18n.h"
#include "serve.h"
#include "sys/file.h"
#include "wrap/many.h"

enum { GET_MAX = 4096, RUN_SEGMENTS = 16 };

static void entry_drop(struct cached_pack *c) {
    if (!c->used) return;
    if (c->fd >= 0) close(c->fd);
    pack_index_free(&c->index);
    *c = (struct cached_pack){.fd = -1};
}

void cache_drop(struct serve *s) {
    for (int i = 0; i < CACHED_PACKS; i++) entry_drop(&s->cache[i]);
}

/* K_TAKE and its descriptor, which comes outside of frames. */
int keeper_fd(struct serve *s, struct err *e) {
    char byte;
    int fd = -1;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    if (keeper_send(s, K_TAKE, NULL, 0, e) < 0) return -1;
    ssize_t got;
    do got = recvmsg(s->keeper.rfd, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *c = got == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    if (fd >= 0) return fd;
    s->over = true;
    return err_set(e, ZE_CUT, s->host, _("the vault's keeper has gone; what was acknowledged is kept"));
}

static int pack_fetch(struct serve *s, struct cached_pack *c, struct err *e) {
    struct buf b;
    struct rd a;
    char name[STORE_NAME_MAX];
    buf_init(&b, 64);
    buf_put(&b, c->generation, SEAL_ID);
    buf_u32(&b, c->pack);
    int rc = keeper_ask(s, K_OPEN, b.p, b.len, F_OKAY, &a, e);
    buf_free(&b);
    if (rc < 0 || (c->fd = keeper_fd(s, e)) < 0) return -1;
    pack_name(name, *s->source ? s->source : s->host, c->generation, c->pack, 0);
    if (pack_index_read(c->fd, name, &c->index, e) == 0) return 0;
    close(c->fd);
    c->fd = -1;
    return -1;
}

static struct cached_pack *pack_cached(struct serve *s, const uint8_t *generation, uint32_t pack) {
    struct cached_pack *oldest = &s->cache[0];
    for (int i = 0; i < CACHED_PACKS; i++) {
        struct cached_pack *c = &s->cache[i];
        if (c->used && c->pack == pack && memcmp(c->generation, generation, SEAL_ID) == 0) {
            c->last_use = ++s->uses;
            return c;
        }
        if (!c->used || (oldest->used && c->last_use < oldest->last_use)) oldest = c;
    }
    entry_drop(oldest);
    *oldest = (struct cached_pack){.used = true, .pack = pack, .fd = -1, .last_use = ++s->uses};
    memcpy(oldest->generation, generation, SEAL_ID);
    if (pack_fetch(s, oldest, &oldest->why) < 0) oldest->fd = -1;
    return oldest;
}

/* A segment that was asked for: ${len} bytes at ${at} of s->segments, or ${why}. */
struct asked {
    uint32_t pack, slot, at, len;
    uint8_t hash[SEAL_HASH];
    struct pack_row row;
    struct err why;
};

/* Read ${a} behind the first ${used} bytes of s->segments: false when there is no room for it. Its hash is still to be compared. */
static bool segment_read(struct serve *s, struct cached_pack *c, const char *name, struct asked *a, uint32_t used) {
    if (c->fd < 0) a->why = c->why;
    else if (!pack_index_find(&c->index, a->slot, &a->row)) err_set(&a->why, ZE_MISSING, name, _("slot %u is not in it"), a->slot);
    else if (a->row.len > RUN_BYTES - used) return false;
    else if (file_pread_full(c->fd, s->segments + used, a->row.len, a->row.offset) != (ssize_t)a->row.len)
        err_set(&a->why, ZE_TRUNCATED, name, _("slot %u cannot be read"), a->slot);
    else a->at = used, a->len = a->row.len;
    return true;
}

/* What is asked for next, as far as it lies in one pack and in s->segments: read, hashed, compared. At least one of ${n}. */
static size_t run_read(struct serve *s, const uint8_t *generation, struct rd *r, uint64_t n, struct asked *asked) {
    struct message m[RUN_SEGMENTS];
    char name[STORE_NAME_MAX];
    struct cached_pack *c = NULL;
    size_t count = 0, read = 0;
    uint32_t used = 0;
    for (; count < n && count < RUN_SEGMENTS; count++) {
        struct rd next = *r;
        struct asked *a = &asked[count];
        *a = (struct asked){.pack = (uint32_t)rd_vu(&next), .why = ERR_INIT};
        a->slot = (uint32_t)rd_vu(&next);
        if (count && a->pack != asked[0].pack) break;
        if (!count) {
            c = pack_cached(s, generation, a->pack);
            pack_name(name, *s->source ? s->source : s->host, generation, a->pack, c->fd < 0 ? 0 : c->index.header.revision);
        }
        if (!segment_read(s, c, name, a, used)) break;
        if (a->len) m[read++] = (struct message){.p = s->segments + a->at, .n = a->len, .hash = a->hash};
        used += a->len, *r = next;
    }
    hash_many(m, read);
    for (size_t i = 0; i < count; i++)
        if (asked[i].len && memcmp(asked[i].hash, asked[i].row.hash, SEAL_HASH) != 0)
            err_set(&asked[i].why, ZE_DAMAGED, name, _("slot %u is damaged"), asked[i].slot);
    return count;
}

static int segment_answer(struct serve *s, const struct asked *a, struct err *e) {
    struct buf head;
    int rc;
    buf_init(&head, 2048);
    buf_u32(&head, a->pack);
    buf_u32(&head, a->slot);
    if (a->why.id == ZE_NONE) {
        rc = serve_put(s, F_SEGMENT, head.p, head.len, s->segments + a->at, a->len, e);
    } else {
        char text[sizeof a->why.object + sizeof a->why.msg + 2];
        snprintf(text, sizeof text, "%s: %s", a->why.object, a->why.msg);
        buf_u32(&head, (uint32_t)a->why.id);
        buf_str(&head, text);
        rc = serve_put(s, F_SEGERR, head.p, head.len, NULL, 0, e);
    }
    buf_free(&head);
    return rc;
}

/* Answer one request after the other. ${r} is our own copy: sending may read more from the agent into the frame
 * buffer. */
static int segments_answer(struct serve *s, const uint8_t *generation, struct rd *r, uint64_t n, struct err *e) {
    struct asked asked[RUN_SEGMENTS];
    while (n) {
        size_t count = run_read(s, generation, r, n, asked);
        for (size_t i = 0; i < count; i++) {
            if (segment_answer(s, &asked[i], e) < 0 || keeper_alive(s, e) < 0) return -1;
            if (s->over) return err_set(e, ZE_CUT, s->host, _("the session cannot go on"));
        }
        n -= count;
    }
    return rd_end(r) ? 0 : serve_malformed(s, e);
}

int serve_get(struct serve *s, struct rd *r, struct err *e) {
    uint8_t generation[SEAL_ID];
    rd_copy(r, generation, SEAL_ID);
    uint64_t n = rd_vu(r);
    if (!rd_ok(r) || n > GET_MAX || n > r->left / 2) return serve_malformed(s, e);
    /* What could not be opened at an earlier request may be there by now, or granted. */
    for (int i = 0; i < CACHED_PACKS; i++)
        if (s->cache[i].fd < 0) entry_drop(&s->cache[i]);
    for (struct rd look = *r; look.left;) { /* look at the whole request before the first answer */
        uint64_t pack = rd_vu(&look), slot = rd_vu(&look);
        if (!rd_ok(&look) || pack > UINT32_MAX || slot > UINT32_MAX) return serve_malformed(s, e);
    }
    struct buf request;
    buf_init(&request, FRAME_MAX);
    buf_put(&request, r->p, r->left);
    struct rd copy = rd_of(request.p, request.len);
    int rc = buf_ok(&request) ? segments_answer(s, generation, &copy, n, e)
                              : err_set(e, ZE_NOMEM, s->host, "%llu", (unsigned long long)n);
    buf_free(&request);
    return rc;
}
