/**
 * Reading what a file is besides its content: type, mode, owner, times, link target, device numbers, xattrs (POSIX ACLs and
 * capabilities among them), file flags. Memory is one buffer, used again for each file.
 */
#ifndef AGENT_ATTRS_H
#define AGENT_ATTRS_H

#include "walk.h"
#include "wire/manifest.h"

struct attrs {
    struct buf names, values;
    struct xattr *xattrs;
    size_t cap;
    uint8_t *target;
};

int attrs_init(struct attrs *a, struct err *e) MUST_CHECK;
void attrs_free(struct attrs *a);

/**
 * attrs_stat(en, path, n, st): what stat knows; attrs_times: of that the times only. attrs_read(a, item, fd, en, e): xattrs, link target and file flags
 * (${fd}: the open file; -1 for what is no regular file); ${en} points into ${a} until the next call. Return 0, or 1 with
 * ${e} when something of it could not be read.
 */
void attrs_stat(struct entry *en, const uint8_t *path, size_t n, const struct stat *st);
void attrs_times(struct entry *en, const struct stat *st);
int attrs_read(struct attrs *a, const struct walk_item *item, int fd, struct entry *en, struct err *e) MUST_CHECK;

/** attrs_type(st): the enum entry_type, or 0 for what is not stored (sockets). */
uint8_t attrs_type(const struct stat *st);

#endif
