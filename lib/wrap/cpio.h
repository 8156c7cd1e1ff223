/** libarchive, and the only door to it: writing the archive that a kernel takes as its first root, and unpacking one
 * compressed stream. */
#ifndef WRAP_CPIO_H
#define WRAP_CPIO_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct cpio;

/** cpio_new(fd, e): a gzip-compressed "newc" archive written to ${fd}, which stays the caller's; NULL with ${e} set. */
struct cpio *cpio_new(int fd, struct err *e);

/** cpio_dir, cpio_file: add a directory, or a file with these bytes, owned by root; ${name} is relative, parents
 * first. */
int cpio_dir(struct cpio *c, const char *name, struct err *e) MUST_CHECK;
int cpio_file(struct cpio *c, const char *name, unsigned mode, const void *p, size_t n, struct err *e) MUST_CHECK;

/** cpio_end(c, e): finish the archive and release ${c}: all bytes are written when it returns 0. */
int cpio_end(struct cpio *c, struct err *e) MUST_CHECK;
/** cpio_free(c): release it unfinished; NULL is fine. */
void cpio_free(struct cpio *c);

/** cpio_unpack(fd, name, out, e): append what ${fd} holds to ${out}, unpacked when it is an xz, zstd or gzip stream.
 * ZE_DAMAGED when it is broken, ZE_NOSPACE when it is larger than ${out} may grow. ${name} is for messages. */
int cpio_unpack(int fd, const char *name, struct buf *out, struct err *e) MUST_CHECK;

#endif
