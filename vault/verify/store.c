/* Reading a directory vault. Everything is opened read-only, relative to store/, without following symbolic links,
 * so that a vault somebody else has written cannot lead the reader outside of it or make it wait on a pipe. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"

void fd_close_ptr(int *fd) {
    if (*fd >= 0) close(*fd);
}

int store_open(struct store *s, const char *vault, struct err *e) {
    s->fd = -1;
    SCOPE_FD int top = open(vault, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) return err_sys(e, vault, _("cannot be opened"));
    s->fd = openat(top, "store", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->fd >= 0) return 0;
    if (errno == ENOENT) return err_set(e, ZE_NOTFOUND, vault, _("no vault: it holds no directory store/"));
    return err_sys(e, vault, "store");
}

void store_close(struct store *s) {
    fd_close_ptr(&s->fd);
    s->fd = -1;
}

int store_object(const struct store *s, const char *name, uint64_t *size, struct err *e) {
    int fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return err_set(e, ZE_MISSING, name, _("the object is not there"));
    if (fd < 0) return err_sys(e, name, _("cannot be opened"));
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ZE_DAMAGED, name, _("not a regular file"));
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

int store_read(int fd, const char *name, uint64_t at, void *p, size_t n, struct err *e) {
    for (size_t got = 0; got < n;) {
        ssize_t k = pread(fd, (char *)p + got, n - got, (off_t)(at + got));
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return err_sys(e, name, _("cannot be read"));
        if (k == 0) return err_set(e, ZE_TRUNCATED, name, _("it ends before byte %llu"), (unsigned long long)(at + n));
        got += (size_t)k;
    }
    return 0;
}

int store_load(const struct store *s, const char *name, size_t max, struct buf *out, struct err *e) {
    buf_reset(out);
    uint64_t size = 0;
    SCOPE_FD int fd = store_object(s, name, &size, e);
    if (fd < 0) return -1;
    if (size > max) return err_set(e, ZE_DAMAGED, name, _("larger than any such object can be"));
    uint8_t *p = buf_reserve(out, size);
    if (!p && size) return err_set(e, ZE_NOMEM, name, _("%llu bytes"), (unsigned long long)size);
    if (size && store_read(fd, name, 0, p, size, e) < 0) return -1;
    out->len = size;
    return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int names_add(struct names *names, const char *name) {
    if (names->n % 64 == 0) {
        char **more = realloc(names->name, (names->n + 64) * sizeof *more);
        if (!more) return -1;
        names->name = more;
    }
    if (!(names->name[names->n] = strdup(name))) return -1;
    names->n++;
    return 0;
}

static int names_read(DIR *dir, struct names *names) {
    for (struct dirent *d; errno = 0, (d = readdir(dir));)
        if (d->d_name[0] != '.' && names_add(names, d->d_name) < 0) return -1;
    return errno ? -1 : 0;
}

int store_list(const struct store *s, const char *dir, struct names *names, struct err *e) {
    *names = (struct names){0};
    int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return 0;
    if (fd < 0) return err_sys(e, dir, _("cannot be listed"));
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return err_sys(e, dir, _("cannot be listed"));
    }
    int rc = names_read(d, names);
    if (rc < 0) err_sys(e, dir, _("cannot be listed"));
    closedir(d);
    if (rc < 0) names_free(names);
    else if (names->n) qsort(names->name, names->n, sizeof *names->name, by_name);
    return rc;
}

void names_free(struct names *names) {
    for (size_t i = 0; i < names->n; i++) free(names->name[i]);
    free(names->name);
    *names = (struct names){0};
}
