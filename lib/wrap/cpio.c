/* The archive is written straight to a descriptor, every owner 0 and every time 0, so that the same input gives the
 * same bytes. Unpacking lets libarchive recognise three compressions and no archive format: what it reads comes from
 * a machine that may be hostile, so no other reader is compiled in, and the size is the caller's buffer's. */
#include "wrap/cpio.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/i18n.h"

struct cpio {
    struct archive *a;
    unsigned inode;
};

static int failed(struct archive *a, const char *name, struct err *e) {
    return err_set(e, ZE_IO, name, "%s", archive_error_string(a) ? archive_error_string(a) : _("libarchive"));
}

void cpio_free(struct cpio *c) {
    if (!c) return;
    archive_write_free(c->a);
    free(c);
}

struct cpio *cpio_new(int fd, struct err *e) {
    struct cpio *c = calloc(1, sizeof *c);
    if (c) c->a = archive_write_new();
    if (!c || !c->a) {
        free(c);
        err_set(e, ZE_NOMEM, NULL, "%s", _("libarchive"));
        return NULL;
    }
    if (archive_write_set_format_cpio_newc(c->a) == ARCHIVE_OK && archive_write_add_filter_gzip(c->a) == ARCHIVE_OK &&
        archive_write_set_options(c->a, "gzip:compression-level=1,gzip:!timestamp") == ARCHIVE_OK &&
        archive_write_open_fd(c->a, fd) == ARCHIVE_OK)
        return c;
    failed(c->a, NULL, e);
    cpio_free(c);
    return NULL;
}

static int add(struct cpio *c, const char *name, unsigned mode, const void *p, size_t n, struct err *e) {
    struct archive_entry *en = archive_entry_new();
    if (!en) return err_set(e, ZE_NOMEM, name, "%s", _("libarchive"));
    archive_entry_set_pathname(en, name);
    archive_entry_set_mode(en, (mode_t)mode);
    archive_entry_set_ino(en, ++c->inode);
    archive_entry_set_nlink(en, 1);
    archive_entry_set_size(en, (la_int64_t)n);
    archive_entry_set_mtime(en, 0, 0);
    int rc = archive_write_header(c->a, en);
    archive_entry_free(en);
    if (rc != ARCHIVE_OK || (n && archive_write_data(c->a, p, n) != (la_ssize_t)n)) return failed(c->a, name, e);
    return 0;
}

int cpio_dir(struct cpio *c, const char *name, struct err *e) { return add(c, name, S_IFDIR | 0755, NULL, 0, e); }

int cpio_file(struct cpio *c, const char *name, unsigned mode, const void *p, size_t n, struct err *e) {
    return add(c, name, S_IFREG | mode, p, n, e);
}

int cpio_end(struct cpio *c, struct err *e) {
    int rc = archive_write_close(c->a) == ARCHIVE_OK ? 0 : failed(c->a, NULL, e);
    cpio_free(c);
    return rc;
}

static int copy(struct archive *a, const char *name, struct buf *out, struct err *e) {
    for (;;) {
        enum { PIECE = 64 << 10 };
        uint8_t *to = buf_reserve(out, PIECE);
        if (!to) return err_set(e, ZE_NOSPACE, name, _("it is larger than %zu bytes when unpacked"), out->max);
        la_ssize_t got = archive_read_data(a, to, PIECE);
        if (got < 0) return err_set(e, ZE_DAMAGED, name, "%s", archive_error_string(a));
        if (got == 0) return 0;
        out->len += (size_t)got;
    }
}

int cpio_unpack(int fd, const char *name, struct buf *out, struct err *e) {
    struct archive *a = archive_read_new();
    struct archive_entry *en;
    int rc = -1;
    if (!a) return err_set(e, ZE_NOMEM, name, "%s", _("libarchive"));
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_gzip(a);
    archive_read_support_format_raw(a);
    if (archive_read_open_fd(a, fd, 64 << 10) != ARCHIVE_OK || archive_read_next_header(a, &en) != ARCHIVE_OK)
        err_set(e, ZE_DAMAGED, name, "%s", archive_error_string(a) ? archive_error_string(a) : _("libarchive"));
    else rc = copy(a, name, out, e);
    archive_read_free(a);
    return rc;
}
