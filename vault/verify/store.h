/**
 * Reading the objects of a directory vault (FORMAT.md §3), and never writing. Names are those of the store
 * ("hosts/web/log/0000000000000000"); symbolic links are not followed below it.
 */
#ifndef VERIFY_STORE_H
#define VERIFY_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define OBJECT_NAME_MAX 320

struct store {
    int fd; /* of the directory store/ */
};

struct names {
    char **name; /* ascending */
    size_t n;
};

void fd_close_ptr(int *fd);
#define SCOPE_FD __attribute__((cleanup(fd_close_ptr)))

/** store_open(s, vault, e): ZE_NOTFOUND when there is no vault at this path. store_close: harmless when it failed. */
int store_open(struct store *s, const char *vault, struct err *e) MUST_CHECK;
void store_close(struct store *s);

/** store_object(s, name, size, e): a descriptor for reading and the object's size; ZE_MISSING, ZE_IO. */
int store_object(const struct store *s, const char *name, uint64_t *size, struct err *e) MUST_CHECK;

/** store_read(fd, name, at, p, n, e): exactly ${n} bytes; ZE_TRUNCATED when the object ends before. */
int store_read(int fd, const char *name, uint64_t at, void *p, size_t n, struct err *e) MUST_CHECK;

/** store_load(s, name, max, out, e): a whole object into ${out} (reset first); ZE_DAMAGED when longer than ${max}. */
int store_load(const struct store *s, const char *name, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/** store_list(s, dir, names, e): what is in ${dir} without names that begin with a dot; nothing when there is no such
 * directory. Unfinished writes are among the former. */
int store_list(const struct store *s, const char *dir, struct names *names, struct err *e) MUST_CHECK;
/** names_add: one more at the end; <0 without memory. */
int names_add(struct names *names, const char *name) MUST_CHECK;
void names_free(struct names *names);

#endif
