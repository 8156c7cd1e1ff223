/** Files, written so that they survive a power cut, and reads and writes that do not come back short. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/** file_write_all, file_pwrite_all: all ${n} bytes or -1 with errno. file_read_full, file_pread_full: bytes read; fewer
 * than ${n} only at the end of the file; -1 with errno. EINTR is retried. */
int file_write_all(int fd, const void *p, size_t n) MUST_CHECK;
int file_pwrite_all(int fd, const void *p, size_t n, off_t at) MUST_CHECK;
ssize_t file_read_full(int fd, void *p, size_t n) MUST_CHECK;
ssize_t file_pread_full(int fd, void *p, size_t n, off_t at) MUST_CHECK;

/** file_tmp_open(dirfd, name, flags, mode, tmp, cap): a new, empty file under a name beginning with ".tmp-" in the directory
 * of ${name}; the name is written to ${tmp}. Return the descriptor, or -1 with errno. */
int file_tmp_open(int dirfd, const char *name, int flags, mode_t mode, char *tmp, size_t cap) MUST_CHECK;

/**
 * file_put_new(dirfd, name, p, n, mode, e):
 * Make the file ${name} below ${dirfd} with these bytes, durable when it returns: temporary name in the same directory,
 * write, fsync, link(2), fsync of the directory. Return 0 if made, 1 if ${name} exists already (it is untouched), <0 on
 * error (nothing under ${name}). If interrupted here at most a file ".tmp-*" stays behind.
 */
int file_put_new(int dirfd, const char *name, const void *p, size_t n, mode_t mode, struct err *e) MUST_CHECK;
/** file_replace: the same, but ${name} is replaced atomically when it exists (rename). */
int file_replace(int dirfd, const char *name, const void *p, size_t n, mode_t mode, struct err *e) MUST_CHECK;

/** file_load(dirfd, name, max, out, e): append the whole file to ${out}; ZE_NOTFOUND, ZE_IO, or ZE_DAMAGED when it is larger
 * than ${max}. Symbolic links are not followed. */
int file_load(int dirfd, const char *name, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/** file_mkdirs(dirfd, path, mode, e): make ${path} and its parents where missing and fsync the parent of each new one, and of
 * each empty one: whoever made it may not have come to that. file_dir_used: something is in the directory, so its name is
 * durable if everybody makes it by file_mkdirs before putting anything into it. */
bool file_dir_used(int dirfd, const char *path);
int file_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e) MUST_CHECK;

/** file_sync_dir(dirfd): fsync a directory; 0 or -1 with errno. Never retry after a failure. */
int file_sync_dir(int dirfd) MUST_CHECK;

/** File-scope helpers for cleanup: close(2) and free(3) at the end of the scope. */
void file_close_ptr(int *fd);
void file_free_ptr(void *p);
#define CLEANUP_FD __attribute__((cleanup(file_close_ptr)))
#define CLEANUP_FREE __attribute__((cleanup(file_free_ptr)))

#endif
