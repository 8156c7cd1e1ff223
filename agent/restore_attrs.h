/**
 * Attributes of one restored object: owner, extended attributes (ACLs and capabilities among them), mode, times, file
 * flags, in this order, since each may undo those before it. They are applied to an open descriptor, never to a path.
 */
#ifndef AGENT_RESTORE_ATTRS_H
#define AGENT_RESTORE_ATTRS_H

#include "restore.h"
#include "wire/manifest.h"

struct attrs {
    uint8_t type;
    bool ancestor; /* mode and owner only */
    uint32_t mode, uid, gid;
    int64_t mtime_s;
    uint32_t mtime_ns;
    bool has_file_flags;
    uint32_t file_flags;
    size_t xattrs_n, xattrs_at, xattrs_len; /* in a buffer of the caller: name with its NUL and value as blobs */
};

/** attrs_take(a, en, keep, e): copy what attributes need out of ${en}; xattrs are appended to ${keep}. */
int attrs_take(struct attrs *a, const struct entry *en, struct buf *keep, struct err *e) MUST_CHECK;

/**
 * attrs_apply(a, keep, fd, why, cap):
 * Apply all but the file flags to ${fd}: a descriptor of a regular file or directory, or an O_PATH descriptor of
 * anything else. Return 0, or the set of enum restore_lack that could not be applied: ${why} says what, for a person;
 * the rest is applied anyway.
 */
int attrs_apply(const struct attrs *a, const struct buf *keep, int fd, char *why, size_t cap) MUST_CHECK;

/** attrs_flags(a, fd, why, cap): the file flags (immutable, append only, …), when nothing else will touch the file. */
int attrs_flags(const struct attrs *a, int fd, char *why, size_t cap) MUST_CHECK;

/** attrs_xattr_lack(name): what is lacking when this extended attribute cannot be set. */
enum restore_lack attrs_xattr_lack(const char *name);

/** attrs_xattr_counts(name): whether it belongs to the person; others are the kernel's (labels, ACLs of a file server). */
bool attrs_xattr_counts(const char *name);

#endif
