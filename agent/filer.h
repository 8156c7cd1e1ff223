/**
 * Storing the content of one regular file: reading each byte once, finding what is stored already, sending the rest
 * (design §4). Four ways, by what is at hand:
 *
 *   small (< 64 KiB)           hashed whole; the same as before: its extents are used again; else into a packed segment
 *   large, nothing known       cut into segments of 1 MiB; those whose identity is stored are not sent
 *   large, old signature       blocks equal at the same offset are taken from the old version;
 *     … and a changed stretch  looked for elsewhere in the old version (by librsync, then block by block); the rest is new
 *
 * Holes are extents; they are neither read nor hashed. Of a file of several chunks a few are read ahead and hashed by workers.
 */
#ifndef AGENT_FILER_H
#define AGENT_FILER_H

#include <sys/stat.h>

#include "basis.h"
#include "extents.h"
#include "progress.h"
#include "watch.h"

struct filer;

struct filer_setup {
    struct upload *upload;
    struct pool *pool; /* hashes chunks; outlives the filer */
    struct used *used;
    const struct gen_keys *keys;
    struct fetch *fetch;
    struct sealer *sealer;
    int sigfd; /* signature cache */
    struct progress *progress;
    bool (*cancelled)(void *arg);
    void *cancelled_arg;
};

enum { FILE_SMALL = 64 << 10 };

struct filer *filer_new(const struct filer_setup *s, struct err *e); /* NULL with ${e} */
void filer_free(struct filer *f);

/** What reading a file came to, besides 0 and <0 (which ends the run). */
enum filed { FILED = 0, FILED_UNREADABLE = 1 };

/**
 * filer_store(f, fd, watch, st, old, en, e):
 * Store the file open as ${fd} (read by ${watch}, watch.h), whose status was ${st} at open. ${old}: its entry in the parent point, or NULL. Fill size,
 * digest, block shift, extents and EF_CHANGED of ${en}; its arrays are valid until the next call. When the file changes while
 * it is read it is read again (below 64 MiB, three tries), else flagged. FILED_UNREADABLE: reading failed, ${e} says how, and
 * nothing of it is in the point.
 */
int filer_store(struct filer *f, int fd, struct watch *watch, const struct stat *st, const struct entry *old,
    struct entry *en, struct err *e) MUST_CHECK;

/** filer_copied(f): bytes of the last file that were taken from the old version. filer_bytes_read(f): bytes read so far in all. */
uint64_t filer_copied(const struct filer *f);
uint64_t filer_bytes_read(const struct filer *f);

#endif
