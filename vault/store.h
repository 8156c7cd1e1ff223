/**
 * The store contract: named objects that are written once (FORMAT.md §3). No append, no rename, no overwriting: what
 * a directory, and later S3, can do atomically. Names are relative, made of [a-z0-9/._-]; those who call have made
 * them from checked parts. All calls block on the store; none of them keeps what it is given.
 */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum { STORE_NAME_MAX = 256 };

/** A large object being prepared: write to fd, then store_tmp_put or store_tmp_drop. */
struct store_tmp {
    int fd;
    char name[STORE_NAME_MAX + 32];
};

struct store;
struct store_ops {
    int (*put_new)(struct store *s, const char *name, const void *p, size_t n, struct err *e);
    int (*tmp_open)(struct store *s, const char *name, struct store_tmp *t, struct err *e);
    int (*tmp_put)(struct store *s, struct store_tmp *t, const char *name, struct err *e);
    void (*tmp_drop)(struct store *s, struct store_tmp *t);
    int (*sweep)(struct store *s, const char *dir, int64_t before_ns, struct err *e);
    int (*settle)(struct store *s, const char *dir, struct err *e);
    int (*load)(struct store *s, const char *name, size_t max, struct buf *out, struct err *e);
    ssize_t (*get_range)(struct store *s, const char *name, uint64_t at, void *p, size_t n, struct err *e);
    int (*open_fd)(struct store *s, const char *name, struct err *e);
    int (*list)(struct store *s, const char *dir,
        int (*each)(void *arg, const char *name, uint64_t size, struct err *e), void *arg, struct err *e);
    int (*names)(struct store *s, const char *dir, int (*each)(void *arg, const char *name, uint64_t size, struct err *e),
        void *arg, struct err *e);
    int (*del)(struct store *s, const char *name, struct err *e);
    int (*space)(struct store *s, uint64_t *free_bytes, uint64_t *used_bytes, struct err *e);
};
struct store {
    const struct store_ops *ops;
    int fd; /* of the directory store: held, never resolved again */
};

/** store_dir_open(s, dirfd, name, e): the store in the directory ${name} below ${dirfd}. store_close ends any store. */
int store_dir_open(struct store *s, int dirfd, const char *name, struct err *e) MUST_CHECK;
void store_close(struct store *s);

/** store_put_new: durable when it returns 0; 1 when ${name} exists already, untouched, durable by now; <0: nothing is under
 * ${name}. */
MUST_CHECK static inline int store_put_new(struct store *s, const char *name, const void *p, size_t n, struct err *e) {
    return s->ops->put_new(s, name, p, n, e);
}
/** store_tmp_open prepares ${name}; store_tmp_put makes it durable under that name (0, 1, <0 like put_new) and ends
 * ${t} in every case; store_tmp_drop gives it up and is harmless after either. If interrupted, what store_sweep(dir)
 * removes stays behind: call it only where nobody else writes. What it leaves empty may disappear. */
MUST_CHECK static inline int store_tmp_open(struct store *s, const char *name, struct store_tmp *t, struct err *e) {
    return s->ops->tmp_open(s, name, t, e);
}
MUST_CHECK static inline int store_tmp_put(struct store *s, struct store_tmp *t, const char *name, struct err *e) {
    return s->ops->tmp_put(s, t, name, e);
}
static inline void store_tmp_drop(struct store *s, struct store_tmp *t) { s->ops->tmp_drop(s, t); }
MUST_CHECK static inline int store_sweep(struct store *s, const char *dir, struct err *e) {
    return s->ops->sweep(s, dir, INT64_MAX, e);
}
/** store_sweep_old: the same where others may write: only what was begun before ${before_ns} and is nobody's any more. */
MUST_CHECK static inline int store_sweep_old(struct store *s, const char *dir, int64_t before_ns, struct err *e) {
    return s->ops->sweep(s, dir, before_ns, e);
}
/** store_settle(s, dir): what is listed in ${dir} and can be read is durable when it returns 0, whoever put it there: one that
 * was killed may not have come to that. Before anybody is told of such an object, and before another one goes because it
 * is there. An absent ${dir} is none. */
MUST_CHECK static inline int store_settle(struct store *s, const char *dir, struct err *e) {
    return s->ops->settle(s, dir, e);
}
/** store_load appends the whole object (at most ${max} bytes) to ${out}; ZE_NOTFOUND when there is none.
 * store_get_range: bytes read, fewer than ${n} only at the end. store_open_fd: a descriptor for reading, the
 * caller's. */
MUST_CHECK static inline int store_load(struct store *s, const char *name, size_t max, struct buf *out, struct err *e) {
    return s->ops->load(s, name, max, out, e);
}
MUST_CHECK static inline ssize_t store_get_range(
    struct store *s, const char *name, uint64_t at, void *p, size_t n, struct err *e) {
    return s->ops->get_range(s, name, at, p, n, e);
}
MUST_CHECK static inline int store_open_fd(struct store *s, const char *name, struct err *e) {
    return s->ops->open_fd(s, name, e);
}
/** store_list: ${each} for every name directly below ${dir}, in no order, unfinished writes left out; an absent
 * ${dir} is empty. What ${each} returns below 0 ends it. */
MUST_CHECK static inline int store_list(struct store *s, const char *dir,
    int (*each)(void *arg, const char *name, uint64_t size, struct err *e), void *arg, struct err *e) {
    return s->ops->list(s, dir, each, arg, e);
}
/** store_names: the same without asking for sizes, which are 0: what a long list costs is one look at each object. */
MUST_CHECK static inline int store_names(struct store *s, const char *dir,
    int (*each)(void *arg, const char *name, uint64_t size, struct err *e), void *arg, struct err *e) {
    return s->ops->names(s, dir, each, arg, e);
}
MUST_CHECK static inline int store_delete(struct store *s, const char *name, struct err *e) {
    return s->ops->del(s, name, e);
}
/** store_space: what we may still take, and what anybody has taken, of the room that the store lies in. */
MUST_CHECK static inline int store_space(
    struct store *s, uint64_t *free_bytes, uint64_t *used_bytes, struct err *e) {
    return s->ops->space(s, free_bytes, used_bytes, e);
}

#endif
