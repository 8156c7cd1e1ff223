/* Small text files, replaced atomically. */
#include "quota_note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { NOTE_MAX = 32768, NOTE_MODE = 0640 };

static const char *kind_dir(bool department) { return department ? "quota/department" : "quota/system"; }

bool quota_note_has(const struct quota_note *q, const char *system) {
    for (size_t i = 0; i < q->systems_n; i++)
        if (strcmp(q->system[i], system) == 0) return true;
    return false;
}

static bool line_get(struct quota_note *q, char *line) {
    char *value = line + strcspn(line, " ");
    if (*line == '#') return true;
    if (*value) *value++ = 0;
    if (strcmp(line, "bytes") == 0) return text_u64(value, INT64_MAX, &q->bytes);
    if (strcmp(line, "system") != 0 || !text_name_ok(value) || q->systems_n == QUOTA_SYSTEMS) return false;
    snprintf(q->system[q->systems_n++], sizeof q->system[0], "%s", value);
    return true;
}

int quota_note_load(struct vault *v, bool department, const char *name, struct quota_note *q, struct err *e) {
    char path[128];
    struct buf b;
    *q = (struct quota_note){.department = department};
    if (!text_name_ok(name)) return err_set(e, ZE_USAGE, name, _("a name has letters a-z, digits and - only"));
    snprintf(q->name, sizeof q->name, "%s", name);
    if (!department) snprintf(q->system[q->systems_n++], sizeof q->system[0], "%s", name);
    snprintf(path, sizeof path, "%s/%s", kind_dir(department), name);
    buf_init(&b, NOTE_MAX + 1);
    int rc = file_load(v->fd, path, NOTE_MAX, &b, e);
    bool absent = rc < 0 && e->id == ZE_NOTFOUND;
    buf_u8(&b, 0);
    char *save = NULL;
    for (char *s = rc == 0 ? strtok_r((char *)b.p, "\n", &save) : NULL; s && rc == 0; s = strtok_r(NULL, "\n", &save))
        if (!line_get(q, s)) rc = err_set(e, ZE_CONFIG, path, _("a line is not understood: %s"), s);
    buf_free(&b);
    if (absent) *e = (struct err)ERR_INIT;
    return absent ? 0 : rc;
}

int quota_note_save(struct vault *v, const struct quota_note *q, struct err *e) {
    char path[128], line[96];
    struct buf b;
    if (file_mkdirs(v->fd, kind_dir(q->department), 0700, e) < 0) return -1;
    snprintf(path, sizeof path, "%s/%s", kind_dir(q->department), q->name);
    buf_init(&b, NOTE_MAX);
    int n = snprintf(line, sizeof line, "bytes %" PRIu64 "\n", q->bytes);
    buf_put(&b, line, (size_t)n);
    for (size_t i = 0; q->department && i < q->systems_n; i++) {
        n = snprintf(line, sizeof line, "system %s\n", q->system[i]);
        buf_put(&b, line, (size_t)n);
    }
    int rc =
        buf_ok(&b) ? file_replace(v->fd, path, b.p, b.len, NOTE_MODE, e) : err_set(e, ZE_NOMEM, path, _("no memory"));
    buf_free(&b);
    return rc;
}

static int kind_each(struct vault *v, bool department,
    int (*each)(void *arg, const struct quota_note *q, struct err *e), void *arg, struct err *e) {
    CLEANUP_FREE struct quota_note *q = malloc(sizeof *q);
    int fd = openat(v->fd, kind_dir(department), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd < 0 && errno == ENOENT) return 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) close(fd);
    if (!d) return err_sys(e, kind_dir(department), _("open"));
    if (!q) rc = err_set(e, ZE_NOMEM, v->dir, _("no memory"));
    for (struct dirent *de; rc == 0 && (errno = 0, de = readdir(d));) {
        if (!text_name_ok(de->d_name)) continue;
        rc = quota_note_load(v, department, de->d_name, q, e);
        if (rc == 0) rc = each(arg, q, e);
    }
    if (rc == 0 && errno) rc = err_sys(e, kind_dir(department), "readdir");
    closedir(d);
    return rc;
}

int quota_notes_each(
    struct vault *v, int (*each)(void *arg, const struct quota_note *q, struct err *e), void *arg, struct err *e) {
    int rc = kind_each(v, false, each, arg, e);
    return rc < 0 ? rc : kind_each(v, true, each, arg, e);
}

int quota_system_of(struct vault *v, const char *host, char system[64]) {
    char name[STORE_NAME_MAX];
    struct record r;
    struct buf raw;
    struct err ignored = ERR_INIT;
    snprintf(name, sizeof name, "hosts/%s/log/%016x", host, 0);
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = store_load(&v->store, name, ZB_RECORD_MAX, &raw, &ignored);
    if (rc == 0) rc = keychain_decode(&r, raw.p, raw.len, v->header.id, &v->keys, &ignored);
    buf_free(&raw);
    if (rc < 0) return rc;
    rc = r.type == REC_HOST ? 0 : -1;
    if (rc == 0) snprintf(system, 64, "%s", r.host.system);
    record_free(&r);
    return rc;
}
