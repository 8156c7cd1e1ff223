/* One file: blocks with a MAC each. A head; the packs that were confirmed; pages of entries (FORMAT.md §6) in rising
 * order; a mark; then what the attempt under way adds: pages that rise again from the start, and packs. Each new
 * attempt merges the two rising parts into a new file, keeping what is confirmed, so there are never more than two,
 * and memory is a page of each.
 *
 * Why an address is right: a pack number that was opened but never became durable is used again for other content. So
 * an entry counts only if each of its packs is older than the journal, or is at the vault with the very segments that
 * were sent for it. What is confirmed once keeps its number: first pack numbers only rise, else the journal is
 * dropped.
 *
 * If interrupted here: the tail that was not written, or is torn, ends the journal at the last good block; the new
 * file takes its name when it is written, and until then the old one is unchanged. Nothing is synced: losing it costs
 * time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt_internal.h"

#define ATTEMPT_NEW "attempt.tmp"

enum { PAGE_ENOUGH = 4096 };

/* ---- reading entries ---- */

static void cursor_close(struct cursor *c) {
    if (c->open) page_iter_free(&c->it);
    c->open = c->has = false;
    buf_free(&c->page);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

/* The next entry into c->en, until there is none: c->has tells. */
static void cursor_next(const struct attempt *a, struct cursor *c) {
    struct err ignored = ERR_INIT;
    uint8_t type;
    c->has = false;
    while (c->fd >= 0) {
        if (c->open && page_next_entry(&c->it, &c->en, &ignored) == 1) {
            c->has = true;
            return;
        }
        if (c->open) page_iter_free(&c->it);
        c->open = false;
        if (!attempt_block_read(a, c->fd, &c->at, &type, &c->page) || type == B_MARK) return cursor_close(c);
        if (type != B_PAGE) continue;
        c->open = page_iter_init(&c->it, c->page.p, c->page.len, ATTEMPT, &ignored) == 0;
        if (!c->open) return cursor_close(c);
    }
}

static void cursor_start(const struct attempt *a, struct cursor *c, int fd, off_t at) {
    *c = (struct cursor){.fd = at ? dup(fd) : -1, .at = at};
    buf_init(&c->page, ATTEMPT_BLOCK_MAX);
    cursor_next(a, c);
}

static bool believed(const struct attempt *a, const struct entry *en) {
    for (size_t i = 0; i < en->extents_n; i++)
        if (!en->extents[i].hole && !attempt_trusts(a, en->extents[i].addr.pack)) return false;
    for (size_t i = 0; i < en->xpages_n; i++)
        if (!attempt_trusts(a, en->xpages[i].pack)) return false;
    return true;
}

/* ---- one file of two parts ---- */

static void page_write(struct attempt *a) {
    struct err ignored = ERR_INIT;
    if (!a->w.count) return;
    if (page_finish(&a->w, &a->out, &ignored) == 0) attempt_block_write(a, B_PAGE, a->out.p, a->out.len);
    page_writer_reset(&a->w);
}

static void entry_write(struct attempt *a, const struct entry *en) {
    struct err ignored = ERR_INIT;
    if (page_add_entry(&a->w, en, &ignored) == 0 && a->w.body.len >= PAGE_ENOUGH) page_write(a);
}

/* Both parts side by side; where both have a path the later one counts, if it can be believed. */
static void merge(struct attempt *a, struct attempt *old) {
    struct cursor *x = &old->in[0], *y = &old->in[1];
    while (x->has || y->has) {
        int c = !y->has ? -1 : !x->has ? 1 : path_cmp(x->en.path, x->en.path_len, y->en.path, y->en.path_len);
        bool later = c >= 0 && believed(a, &y->en);
        if (later) entry_write(a, &y->en);
        else if (c <= 0 && believed(a, &x->en)) entry_write(a, &x->en);
        if (c <= 0) cursor_next(old, x);
        if (c >= 0) cursor_next(old, y);
    }
    page_write(a);
}

void attempt_begin(struct attempt *a) {
    struct attempt old = *a;
    int fd = openat(a->dirfd, ATTEMPT_NEW, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    a->fd = fd, a->end = 0;
    attempt_head_write(a);
    a->first = a->end;
    for (size_t i = 0; i < a->packs_n; i++)
        if (a->packs[i].here) attempt_pack_write(a, a->packs[i].pack, a->packs[i].sum);
    cursor_start(&old, &old.in[0], old.fd, old.first);
    cursor_start(&old, &old.in[1], old.fd, old.second);
    merge(a, &old);
    cursor_close(&old.in[0]);
    cursor_close(&old.in[1]);
    if (old.fd >= 0) close(old.fd);
    attempt_block_write(a, B_MARK, NULL, 0);
    if (a->fd >= 0 && renameat(a->dirfd, ATTEMPT_NEW, a->dirfd, ATTEMPT) < 0) attempt_give_up(a);
    if (a->fd < 0) unlinkat(a->dirfd, ATTEMPT_NEW, 0);
    else cursor_start(a, &a->in[0], a->fd, a->first);
}

/* ---- the interface ---- */

struct attempt *attempt_open(int dirfd, const uint8_t generation[SEAL_ID], const uint8_t host_key[SEAL_KEY],
    const uint8_t binding[SEAL_HASH], uint32_t first_pack) {
    struct attempt *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->dirfd = dirfd;
    a->in[0].fd = a->in[1].fd = -1;
    memcpy(a->generation, generation, SEAL_ID);
    memcpy(a->binding, binding, SEAL_HASH);
    seal_derive(a->key, host_key, "cache", ATTEMPT, strlen(ATTEMPT));
    page_writer_init(&a->w, 0);
    buf_init(&a->out, ATTEMPT_BLOCK_MAX);
    a->fd = openat(dirfd, ATTEMPT, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (a->fd < 0 || !attempt_scan(a, a->fd, first_pack)) {
        attempt_give_up(a);
        a->first = a->second = 0, a->packs_n = 0, a->base = first_pack;
    }
    return a;
}

const struct entry *attempt_find(struct attempt *a, const uint8_t *path, size_t n) {
    struct cursor *c = &a->in[0];
    int order = -1;
    while (c->has && (order = path_cmp(c->en.path, c->en.path_len, path, n)) < 0) cursor_next(a, c);
    return c->has && order == 0 ? &c->en : NULL;
}

void attempt_add(struct attempt *a, const struct entry *en) {
    if (a->fd >= 0 && !(en->flags & (EF_CHANGED | EF_RACY))) entry_write(a, en);
}

void attempt_pack(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]) {
    page_write(a);
    attempt_pack_write(a, pack, sum);
}

void attempt_close(struct attempt *a) {
    if (!a) return;
    page_write(a);
    attempt_give_up(a);
    cursor_close(&a->in[0]);
    page_writer_free(&a->w);
    buf_free(&a->out);
    free(a->packs);
    seal_wipe(a->key, sizeof a->key);
    free(a);
}

void attempt_remove(int dirfd) { unlinkat(dirfd, ATTEMPT, 0); }
