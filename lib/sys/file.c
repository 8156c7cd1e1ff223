/* Durable files. The order matters: bytes, fsync, name, fsync of the directory; a failed fsync is never tried again on the
 * same file, since the kernel may have dropped the bytes already. */
#include "sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int file_write_all(int fd, const void *p, size_t n) {
    const char *at = p;
    while (n) {
        ssize_t got = write(fd, at, n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        at += got, n -= (size_t)got;
    }
    return 0;
}

int file_pwrite_all(int fd, const void *p, size_t n, off_t off) {
    const char *at = p;
    while (n) {
        ssize_t got = pwrite(fd, at, n, off);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        at += got, off += got, n -= (size_t)got;
    }
    return 0;
}

ssize_t file_read_full(int fd, void *p, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = read(fd, (char *)p + done, n - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

ssize_t file_pread_full(int fd, void *p, size_t n, off_t at) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)p + done, n - done, at + (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int file_sync_dir(int dirfd) { return fsync(dirfd); }

/* fsync the directory that holds ${name} (which may have slashes). */
static int sync_parent(int dirfd, const char *name) {
    const char *slash = strrchr(name, '/');
    if (!slash) {
        CLEANUP_FD int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -1 : fsync(fd);
    }
    CLEANUP_FREE char *dir = strndup(name, slash == name ? 1 : (size_t)(slash - name));
    if (!dir) return -1;
    CLEANUP_FD int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* Fresh by process and time, and O_EXCL decides: no secret is needed, so none is asked of a kernel that may lack it. */
int file_tmp_open(int dirfd, const char *name, int flags, mode_t mode, char *tmp, size_t cap) {
    const char *slash = strrchr(name, '/');
    for (unsigned tries = 0;; tries++) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        int n = snprintf(tmp, cap, "%.*s.tmp-%08x%08x", slash ? (int)(slash - name + 1) : 0, name, (unsigned)getpid(),
            ((unsigned)t.tv_sec * 1000000000u + (unsigned)t.tv_nsec) + tries);
        if (n < 0 || (size_t)n >= cap) return errno = ENAMETOOLONG, -1;
        int fd = openat(dirfd, tmp, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST || tries == 100) return fd;
    }
}

/* A durable file under a fresh temporary name beside ${name}; the name is written to ${tmp}. */
static int put_tmp(int dirfd, const char *name, const void *p, size_t n, mode_t mode, char *tmp, size_t cap,
    struct err *e) {
    CLEANUP_FD int fd = file_tmp_open(dirfd, name, O_WRONLY, mode, tmp, cap);
    if (fd < 0) return err_sys(e, name, "create");
    if (file_write_all(fd, p, n) < 0 || fsync(fd) < 0) {
        err_sys(e, name, "write");
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    return 0;
}

int file_put_new(int dirfd, const char *name, const void *p, size_t n, mode_t mode, struct err *e) {
    char tmp[4096];
    if (put_tmp(dirfd, name, p, n, mode, tmp, sizeof tmp, e) < 0) return -1;
    int rc = linkat(dirfd, tmp, dirfd, name, 0), saved = errno;
    unlinkat(dirfd, tmp, 0);
    bool there = rc < 0 && saved == EEXIST;
    errno = saved;
    if (rc < 0 && !there) return err_sys(e, name, "link");
    /* Whoever made the one that is there may have been killed before this. */
    if (sync_parent(dirfd, name) < 0) return err_sys(e, name, "fsync of the directory");
    return there;
}

int file_replace(int dirfd, const char *name, const void *p, size_t n, mode_t mode, struct err *e) {
    char tmp[4096];
    if (put_tmp(dirfd, name, p, n, mode, tmp, sizeof tmp, e) < 0) return -1;
    if (renameat(dirfd, tmp, dirfd, name) < 0) {
        err_sys(e, name, "rename");
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    if (sync_parent(dirfd, name) < 0) return err_sys(e, name, "fsync of the directory");
    return 0;
}

int file_load(int dirfd, const char *name, size_t max, struct buf *out, struct err *e) {
    CLEANUP_FD int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return err_sys(e, name, "open");
    if (!S_ISREG(st.st_mode)) return err_set(e, ZE_IO, name, "not a regular file");
    if ((uint64_t)st.st_size > max) return err_set(e, ZE_DAMAGED, name, "larger than %zu bytes", max);
    uint8_t *at = buf_reserve(out, (size_t)st.st_size);
    if (!at) return err_set(e, ZE_NOMEM, name, "%lld bytes", (long long)st.st_size);
    ssize_t got = file_read_full(fd, at, (size_t)st.st_size);
    if (got < 0) return err_sys(e, name, "read");
    out->len += (size_t)got;
    return 0;
}

bool file_dir_used(int dirfd, const char *path) {
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == EACCES; /* not ours to read, so not ours to have made */
    DIR *d = fdopendir(fd);
    if (!d) return close(fd), false;
    struct dirent *de;
    do de = readdir(d);
    while (de && (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0));
    closedir(d);
    return de;
}

int file_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e) {
    CLEANUP_FREE char *p = strdup(path);
    if (!p) return err_set(e, ZE_NOMEM, path, "mkdir");
    for (char *s = p + 1;; s++) {
        if (*s != '/' && *s) continue;
        char c = *s;
        *s = 0;
        bool made = mkdirat(dirfd, p, mode) == 0;
        if (!made && errno != EEXIST) return err_sys(e, path, "mkdir");
        /* If interrupted here, it is there without being durable, and empty: the next one syncs its name. */
        if ((made || !file_dir_used(dirfd, p)) && sync_parent(dirfd, p) < 0)
            return err_sys(e, path, "fsync of the directory");
        *s = c;
        if (!c) return 0;
    }
}

void file_close_ptr(int *fd) {
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

void file_free_ptr(void *p) { free(*(void **)p); }
