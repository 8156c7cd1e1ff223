/* Putting a vault together again from its recovery file. Everything is made by put-new, so that what the store has is never
 * replaced, and the key comes last: without it the directory is no vault. If interrupted anywhere, the same again finds
 * equal files and goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "recovery.h"
#include "sys/file.h"

enum { HEADER_MAX = 4096 };

/* The file was sealed to a public half, so anybody may have made it: its names stay where they belong. */
static bool name_ok(const char *name) {
    static const char *const below[] = {"keeper/", "rights/", "tokens/", "quota/", "ssh/", "store/"};
    bool known = false;
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        known = known || strncmp(name, below[i], strlen(below[i])) == 0;
    for (const char *s = name; known && *s; s++) {
        bool begins = s == name || s[-1] == '/';
        if (begins && (*s == '.' || *s == '/')) return false;
        if (!strchr("._-/", *s) && !((*s | 32) >= 'a' && (*s | 32) <= 'z') && !(*s >= '0' && *s <= '9')) return false;
    }
    size_t n = strlen(name);
    return known && n < STORE_NAME_MAX && name[n - 1] != '/';
}

static bool same(int fd, struct store *s, const char *name, const uint8_t *p, size_t n) {
    struct err ignored = ERR_INIT;
    struct buf b;
    buf_init(&b, n + 1);
    int rc = s ? store_load(s, name, n, &b, &ignored) : file_load(fd, name, n, &b, &ignored);
    bool equal = rc == 0 && b.len == n && memcmp(b.p, p, n) == 0;
    if (b.p) seal_wipe(b.p, b.cap);
    buf_free(&b);
    return equal;
}

static bool header_whole(struct store *s) {
    struct err ignored = ERR_INIT;
    struct vault_header h;
    struct buf b;
    buf_init(&b, HEADER_MAX);
    bool whole = store_load(s, HEADER_NAME, HEADER_MAX, &b, &ignored) == 0 &&
        vault_header_decode(&h, b.p, b.len, &ignored) == 0;
    buf_free(&b);
    return whole;
}

/* What lies there is nobody's header: the file's takes its place; the copy of it is made by scrubbing. */
static int header_mend(struct store *s, const uint8_t *p, size_t n, struct err *e) {
    struct buf b;
    buf_init(&b, HEADER_MAX);
    int rc = store_load(s, HEADER_NAME, HEADER_MAX, &b, e);
    if (rc == 0) rc = store_put_new(s, "quarantine/vault.recovered", b.p, b.len, e);
    buf_free(&b);
    if (rc >= 0) rc = store_delete(s, HEADER_NAME, e);
    /* If interrupted here, the same again finds no header and puts the file's there. */
    return rc < 0 ? -1 : store_put_new(s, HEADER_NAME, p, n, e);
}

static int item_place(int fd, struct store *s, const char *name, const uint8_t *p, size_t n, struct err *e) {
    char dir[STORE_NAME_MAX];
    const char *object = strncmp(name, "store/", 6) == 0 ? name + 6 : NULL;
    int rc;
    if (object) {
        rc = store_put_new(s, object, p, n, e);
    } else {
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(name, '/') - name), name);
        if (file_mkdirs(fd, dir, 0750, e) < 0) return -1;
        mode_t mode = strncmp(name, "keeper/", 7) == 0 ? 0600 : strncmp(name, "ssh/", 4) == 0 ? 0644 : 0640;
        rc = file_put_new(fd, name, p, n, mode, e);
    }
    if (rc == 1 && object && strcmp(object, HEADER_NAME) == 0 && !header_whole(s))
        rc = header_mend(s, p, n, e);
    if (rc <= 0 || same(fd, object ? s : NULL, object ? object : name, p, n)) return rc < 0 ? -1 : 0;
    if (object && strcmp(object, "vault") == 0)
        return err_set(e, ZE_VAULTKEY, name, _("the store is that of another vault"));
    return err_set(e, object ? ZE_DAMAGED : ZE_EXISTS, name, _("it is there and differs from the recovery file: if it is damaged, move it away"));
}

/* ${place} is false for the first look: the names are plain and the key is that of the file's head. */
static int items_each(
    int fd, struct store *s, const char *file, const struct buf *plain, const uint8_t *pub, bool place, struct err *e) {
    struct rd r = rd_of(plain->p, plain->len);
    uint64_t n = rd_vu(&r);
    bool keyed = false;
    for (uint64_t i = 0; i < n && rd_ok(&r); i++) {
        char name[STORE_NAME_MAX];
        uint8_t is[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
        size_t len;
        rd_str(&r, name, sizeof name);
        const uint8_t *p = rd_blob(&r, &len, RECOVERY_MAX);
        if (!p || !*name || !name_ok(name)) break;
        if (place && item_place(fd, s, name, p, len, e) < 0) return -1;
        if (strcmp(name, "keeper/key") != 0 || len != SEAL_SIGN_SEED) continue;
        sign_from_seed(is, sec, p);
        seal_wipe(sec, sizeof sec);
        keyed = memcmp(is, pub, sizeof is) == 0;
    }
    return rd_end(&r) && keyed ? 0 : err_set(e, ZE_DAMAGED, file, _("its content is not that of a recovery file"));
}

int recovery_look(const char *name, const struct buf *plain, const uint8_t pub[SEAL_SIGN_PUB], struct err *e) {
    return items_each(-1, NULL, name, plain, pub, false, e);
}

static int plain_load(const char *file, const char *kit, uint8_t pub[SEAL_SIGN_PUB], struct buf *plain, struct err *e) {
    struct buf b;
    char real[PATH_MAX]; /* it may lie behind a symbolic link */
    buf_init(&b, RECOVERY_MAX + 4096);
    int rc = realpath(file, real) ? file_load(AT_FDCWD, real, RECOVERY_MAX, &b, e) : err_sys(e, file, _("open"));
    if (rc == 0) rc = recovery_unseal(file, &b, kit, pub, plain, e);
    buf_free(&b);
    return rc < 0 ? rc : recovery_look(file, plain, pub, e);
}

static int place_all(const char *path, const char *file, const struct buf *plain, const uint8_t *pub, struct err *e) {
    struct store s;
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, path, _("open"));
    if (faccessat(fd, "keeper/key", F_OK, 0) == 0) return err_set(e, ZE_EXISTS, path, _("a vault is there already"));
    if (vault_tree(fd, true, e) < 0 || store_dir_open(&s, fd, "store", e) < 0) return -1;
    int rc = items_each(fd, &s, file, plain, pub, true, e);
    store_close(&s);
    return rc;
}

int vault_recover(
    const char *dir, const char *file, const char *kit, struct clock *clock, struct vault *v, struct err *e) {
    char path[PATH_MAX];
    uint8_t pub[SEAL_SIGN_PUB];
    struct buf plain;
    *v = (struct vault){.fd = -1, .store.fd = -1};
    buf_init(&plain, RECOVERY_MAX);
    int rc = plain_load(file, kit, pub, &plain, e);
    if (rc == 0 && mkdir(dir, 0755) < 0 && errno != EEXIST) rc = err_sys(e, dir, _("make"));
    if (rc == 0 && !realpath(dir, path)) rc = err_sys(e, dir, _("open"));
    if (rc == 0 && !path_plain(path))
        rc = err_set(e, ZE_USAGE, path, _("letters, digits and ./_+- only: the path stands in authorized_keys"));
    if (rc == 0) rc = place_all(path, file, &plain, pub, e);
    if (plain.p) seal_wipe(plain.p, plain.cap);
    buf_free(&plain);
    return rc < 0 ? rc : vault_open(v, path, clock, e);
}
