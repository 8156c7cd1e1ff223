/* Opening and making a vault. The order of making matters: the key first, the header last, so that a directory is a
 * vault only when everything a vault needs is durable. If interrupted before that, `init` says that the directory is
 * not empty, and nothing of value is in it. */
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "sys/file.h"

enum { HEADER_MAX = 4096 };

static const struct {
    const char *name;
    mode_t mode;
} tree[] = {
    {"store", 0750},
    {"keeper", 0700},
    {"keeper/lock", 0700},
    {"rights", 0750},
    {"tickets", 0700},
    {"tokens", 0700},
    {"spool", 0700},
    {"ssh", 0755},
    {"run", 0755},
};

bool path_plain(const char *path) {
    for (const char *s = path; *s; s++)
        if (!strchr("/._-+", *s) && !((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9')) return false;
    return path[0] == '/';
}

/* Scrubbing mends the one that is damaged; until then the other one does. */
static int header_load(struct vault *v, struct err *e) {
    static const char *const name[] = {HEADER_NAME, HEADER_COPY};
    struct err why[2] = {ERR_INIT, ERR_INIT};
    for (int i = 0; i < 2; i++) {
        buf_reset(&v->header_raw);
        if (store_load(&v->store, name[i], HEADER_MAX, &v->header_raw, &why[i]) == 0 &&
            vault_header_decode(&v->header, v->header_raw.p, v->header_raw.len, &why[i]) == 0)
            return 0;
        if (why[i].id == ZE_NEWER) break; /* the copy would say the same */
    }
    *e = why[0];
    return e->id == ZE_NOTFOUND ? err_set(e, ZE_NOTFOUND, v->dir, _("no vault is there")) : -1;
}

static int open_as(struct vault *v, const char *dir, struct clock *clock, bool keyless, struct err *e) {
    *v = (struct vault){.fd = -1, .clock = clock, .store.fd = -1, .keyless = keyless};
    buf_init(&v->header_raw, HEADER_MAX);
    if (!realpath(dir, v->dir)) return err_sys(e, dir, _("open"));
    v->fd = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->fd < 0) return err_sys(e, dir, _("open"));
    int rc = store_dir_open(&v->store, v->fd, "store", e);
    if (rc == 0) rc = header_load(v, e);
    if (rc == 0) rc = keys_open(v, e);
    if (rc < 0) vault_close(v);
    return rc;
}

int vault_open(struct vault *v, const char *dir, struct clock *clock, struct err *e) {
    return open_as(v, dir, clock, false, e);
}

int vault_open_keyless(struct vault *v, const char *dir, struct clock *clock, struct err *e) {
    return open_as(v, dir, clock, true, e);
}

void vault_close(struct vault *v) {
    store_close(&v->store);
    if (v->fd >= 0) close(v->fd);
    secret_free(v->sec);
    buf_free(&v->header_raw);
    *v = (struct vault){.fd = -1, .store.fd = -1};
}

int vault_tree(int fd, bool again, struct err *e) {
    for (size_t i = 0; i < sizeof tree / sizeof tree[0]; i++)
        if ((mkdirat(fd, tree[i].name, 0700) < 0 && !(again && errno == EEXIST)) ||
            fchmodat(fd, tree[i].name, tree[i].mode, 0) < 0)
            return errno == EEXIST ? err_set(e, ZE_EXISTS, tree[i].name, _("the directory is in use"))
                                   : err_sys(e, tree[i].name, _("make"));
    return file_sync_dir(fd) < 0 ? err_sys(e, "", "fsync") : 0;
}

/* What everything rests on: of two writers of one name the second must lose, and the first one's bytes must stay. */
static int store_probe(struct store *s, struct err *e) {
    struct buf b;
    int first = store_put_new(s, "probe", "1", 1, e);
    if (first != 0) return first < 0 ? -1 : err_set(e, ZE_EXISTS, "store/probe", _("left by another run"));
    int second = store_put_new(s, "probe", "2", 1, e);
    buf_init(&b, 16);
    int rc = second < 0 ? -1 : store_load(s, "probe", 16, &b, e);
    if (rc == 0 && (second != 1 || b.len != 1 || b.p[0] != '1'))
        rc = err_set(
            e, ZE_IO, "store", _("this file system lets a second writer overwrite the first: no vault can be here"));
    buf_free(&b);
    struct err ignored = ERR_INIT;
    int gone = store_delete(s, "probe", rc < 0 ? &ignored : e);
    return rc < 0 ? rc : gone;
}

static int header_make(int fd, struct store *s, struct clock *clock, struct err *e) {
    struct vault_header h = {.suite = "sodium", .created = clock->now_ns(clock)};
    uint8_t seed[SEAL_SIGN_SEED], sec[SEAL_SIGN_SEC];
    struct buf b;
    buf_init(&b, HEADER_MAX);
    seal_random(h.id, sizeof h.id);
    seal_random(seed, sizeof seed);
    sign_from_seed(h.pub, sec, seed);
    int rc = file_put_new(fd, "keeper/key", seed, sizeof seed, 0600, e);
    if (rc > 0) rc = err_set(e, ZE_EXISTS, "keeper/key", _("it is there already"));
    if (rc == 0) rc = vault_header_encode(&h, sec, &b, e);
    if (rc == 0) rc = store_put_new(s, HEADER_COPY, b.p, b.len, e);
    /* If interrupted here, a vault without anything in it, whose header scrubbing mends. */
    if (rc == 0) rc = store_put_new(s, HEADER_NAME, b.p, b.len, e);
    if (rc > 0) rc = err_set(e, ZE_EXISTS, HEADER_NAME, _("it is there already"));
    seal_wipe(seed, sizeof seed);
    seal_wipe(sec, sizeof sec);
    buf_free(&b);
    return rc;
}

int vault_init(const char *dir, struct clock *clock, struct vault *v, struct err *e) {
    char path[PATH_MAX];
    *v = (struct vault){.fd = -1, .store.fd = -1};
    if (mkdir(dir, 0755) < 0 && errno != EEXIST) return err_sys(e, dir, _("make"));
    if (file_mkdirs(AT_FDCWD, dir, 0755, e) < 0) return -1; /* it is there: only its name is made durable */
    if (!realpath(dir, path)) return err_sys(e, dir, _("open"));
    if (!path_plain(path))
        return err_set(e, ZE_USAGE, path, _("letters, digits and ./_+- only: the path stands in authorized_keys"));
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct store s;
    if (fd < 0) return err_sys(e, dir, _("open"));
    if (faccessat(fd, "store/" HEADER_NAME, F_OK, 0) == 0 || faccessat(fd, "store/" HEADER_COPY, F_OK, 0) == 0)
        return err_set(e, ZE_EXISTS, dir, _("a vault is there already"));
    if (vault_tree(fd, false, e) < 0) return err_wrap(e, "%s", dir);
    if (store_dir_open(&s, fd, "store", e) < 0) return -1;
    int rc = store_probe(&s, e);
    if (rc == 0) rc = header_make(fd, &s, clock, e);
    store_close(&s);
    return rc < 0 ? rc : vault_open(v, path, clock, e);
}

/* Locks of open file descriptions: they belong to the descriptor, so the end of its process is the end of the lock. */
static int lock_take(struct vault *v, const char *name, int how, struct err *e) {
    char path[128];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "keeper/lock/%s", name);
    int fd = openat(v->fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), rc;
    if (fd < 0) return err_sys(e, path, _("open"));
    do rc = fcntl(fd, how, &whole);
    while (rc < 0 && errno == EINTR);
    if (rc == 0) return fd;
    if (errno == EAGAIN || errno == EACCES) err_set(e, ZE_BUSY, name, _("another session is at work"));
    else err_sys(e, path, _("lock"));
    close(fd);
    return -1;
}

int lock_file(struct vault *v, const char *name, struct err *e) { return lock_take(v, name, F_OFD_SETLK, e); }
int lock_wait(struct vault *v, const char *name, struct err *e) { return lock_take(v, name, F_OFD_SETLKW, e); }

int system_load(struct vault *v, const char *name, struct system_object *s, struct err *e) {
    char object[STORE_NAME_MAX];
    struct buf b;
    if (!text_name_ok(name)) return err_set(e, ZE_USAGE, name, _("a system's name has letters a-z, digits and - only"));
    snprintf(object, sizeof object, "systems/%s", name);
    buf_init(&b, HEADER_MAX);
    int rc = store_load(&v->store, object, HEADER_MAX, &b, e);
    if (rc == 0) rc = keychain_system(s, b.p, b.len, v->header.id, &v->keys, e);
    buf_free(&b);
    if (rc == 0 && strcmp(s->name, name) != 0)
        rc = err_set(e, ZE_DAMAGED, object, _("it is the object of %s"), s->name);
    return rc;
}

int system_make(struct vault *v, const char *name, struct system_object *s, struct err *e) {
    char object[STORE_NAME_MAX];
    struct buf b;
    int rc = system_load(v, name, s, e);
    if (rc == 0) return store_settle(&v->store, "systems", e); /* a host's record will name it */
    if (e->id != ZE_NOTFOUND) return rc;
    *s = (struct system_object){.suite = "sodium"};
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(object, sizeof object, "systems/%s", name);
    seal_random(s->id, sizeof s->id);
    buf_init(&b, HEADER_MAX);
    rc = keys_signing(v, e);
    if (rc == 0) rc = system_object_encode(s, v->header.id, v->sec, &b, e);
    if (rc == 0) rc = store_put_new(&v->store, object, b.p, b.len, e);
    buf_free(&b);
    return rc == 1 ? system_load(v, name, s, e) : rc; /* another one was faster: its object counts */
}
