/* Writing what was gathered. The file is a function of the vault's state (but for its key and nonce), so a sum of the plain bytes
 * tells whether it is up to date, and each keeper's start makes up for what a crash or an absent directory left undone. If
 * interrupted between the change and the file, the change counts and the file is older by one change until then. The sum is
 * written last: without it the file is only made once more.
 *
 * While something that was gathered is damaged or lost, the file as it was before stays beside the new one (".before"): it may have
 * the last whole copy. The new one is needed all the same, since a key may have changed. */
#include "recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "sys/file.h"
#include "wire/kit.h"

#define CONF RECOVERY_CONF
#define SEALED RECOVERY_SEALED
#define SUM "keeper/recovery.sum"
enum { CONF_MAX = 8192 };

void recovery_conf_put(struct buf *b, const struct recovery_conf *c) {
    char text[KIT_TEXT];
    buf_init(b, CONF_MAX);
    for (unsigned i = 0; i < c->n; i++) {
        struct kit k = {.has_sec = false};
        memcpy(k.pub, c->recipient[i], SEAL_KEY);
        kit_pub_text(&k, text);
        buf_put(b, "recipient ", 10), buf_put(b, text, strlen(text)), buf_put(b, "\n", 1);
    }
}

static void place_name(const struct vault *v, char out[64]) {
    char id[HEX_ID];
    text_hex(id, v->header.id, SEAL_ID);
    snprintf(out, 64, "zaibei-recovery-%s", id);
}

/* The administrator's directory is never made: a mount that is away must not become a directory of the disk below it. */
static int place_open(const struct recovery_conf *c, struct err *e) {
    int fd = open(c->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(e, c->to, _("open")) : fd;
}

static bool same_file(int dirfd, const char *name, const struct buf *want) {
    struct err ignored = ERR_INIT;
    struct buf b;
    buf_init(&b, RECOVERY_MAX);
    bool same = file_load(dirfd, name, RECOVERY_MAX, &b, &ignored) == 0 && b.len == want->len &&
        memcmp(b.p, want->p, b.len) == 0;
    buf_free(&b);
    return same;
}

static int before_drop(int dirfd, const char *name) {
    char before[80];
    snprintf(before, sizeof before, "%s.before", name);
    return unlinkat(dirfd, before, 0);
}

/* The file ${name} below ${dirfd} becomes ${b}; what was there stays as NAME.before unless ${whole}, and the first of those
 * stays until all is whole again. If interrupted between the two, it is there under the other name only. */
static int file_change(int dirfd, const char *name, const struct buf *b, bool whole, struct err *e) {
    char before[80];
    snprintf(before, sizeof before, "%s.before", name);
    bool kept = faccessat(dirfd, before, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!whole && !kept && renameat(dirfd, name, dirfd, before) < 0 && errno != ENOENT) return err_sys(e, before, "rename");
    if (file_replace(dirfd, name, b->p, b->len, 0600, e) < 0) return -1;
    return whole && kept && before_drop(dirfd, name) < 0 ? err_sys(e, before, "unlink") : 0;
}

/* Copy the sealed file to the other place unless it is there. */
static int place_write(struct vault *v, const struct recovery_conf *c, const struct buf *sealed, bool whole,
    bool only_look, struct err *e) {
    char name[64];
    if (!*c->to) return 1;
    CLEANUP_FD int fd = place_open(c, e);
    if (fd < 0) return -1;
    place_name(v, name);
    bool same = same_file(fd, name, sealed);
    if (same && whole && !only_look) (void)before_drop(fd, name);
    if (same) return 1;
    return only_look ? 0 : file_change(fd, name, sealed, whole, e);
}

/* The file as it lies there, if it is of this state. */
static bool sealed_load(struct vault *v, const uint8_t sum[SEAL_HASH], struct buf *sealed) {
    struct err ignored = ERR_INIT;
    struct buf b;
    buf_init(&b, SEAL_HASH);
    bool same =
        file_load(v->fd, SUM, SEAL_HASH, &b, &ignored) == 0 && b.len == SEAL_HASH && memcmp(b.p, sum, SEAL_HASH) == 0;
    buf_free(&b);
    buf_reset(sealed);
    return same && file_load(v->fd, SEALED, RECOVERY_MAX, sealed, &ignored) == 0 && sealed->len;
}

static int sealed_make(struct vault *v, const struct recovery_conf *c, const struct buf *plain, bool whole,
    const uint8_t sum[SEAL_HASH], struct buf *sealed, struct err *e) {
    struct vault_header h = v->header;
    memcpy(h.pub, v->sec + SEAL_SIGN_SEED, SEAL_SIGN_PUB); /* of the seed that is in it */
    int rc = recovery_seal(&h, c, v->clock->now_ns(v->clock), plain, sealed, e);
    if (rc == 0) rc = file_change(v->fd, SEALED, sealed, whole, e);
    /* If interrupted here, the file is new and its sum old: it is made once more. */
    return rc < 0 ? rc : file_replace(v->fd, SUM, sum, SEAL_HASH, 0600, e);
}

static int refresh(struct vault *v, bool only_look, struct err *e) {
    struct recovery_conf c;
    struct buf plain, sealed;
    uint8_t sum[SEAL_HASH];
    bool whole;
    if (recovery_conf_load(v, &c, e) < 0) return -1;
    if (!c.n) return 1;
    CLEANUP_FD int lock = lock_wait(v, ".recovery", e);
    if (lock < 0 || keys_signing(v, e) < 0) return -1;
    buf_init(&plain, RECOVERY_MAX);
    buf_init(&sealed, RECOVERY_MAX + 4096);
    int rc = recovery_gather(v, &plain, &whole, e);
    if (rc == 0)
        seal_mac(sum, v->sec, plain.p, plain.len); /* keyed: it stands in clear and must tell nothing of the seed */
    if (rc == 0 && !sealed_load(v, sum, &sealed)) rc = only_look ? 1 : sealed_make(v, &c, &plain, whole, sum, &sealed, e);
    bool stale = only_look && rc == 1;
    if (rc == 0) rc = place_write(v, &c, &sealed, whole, only_look, e);
    if (plain.p) seal_wipe(plain.p, plain.cap);
    buf_free(&plain);
    buf_free(&sealed);
    return stale ? 0 : rc;
}

int recovery_write(struct vault *v, struct err *e) {
    struct err why = ERR_INIT;
    return refresh(v, false, &why) < 0 ? err_set(e, ZE_RECOVERY, why.object, "%s", why.msg) : 0;
}

void recovery_follow(struct vault *v) {
    struct err e = ERR_INIT;
    if (recovery_write(v, &e) < 0) err_print("zaibei-vault", &e);
}

int recovery_fresh(struct vault *v, struct err *e) { return refresh(v, true, e); }

static bool conf_line(struct recovery_conf *c, const char *line) {
    struct kit k;
    struct err ignored = ERR_INIT;
    if (strncmp(line, "to ", 3) == 0 && strlen(line + 3) < sizeof c->to) return strcpy(c->to, line + 3), true;
    if (strncmp(line, "recipient ", 10) != 0 || c->n == RECOVERY_RECIPIENTS) return false;
    if (kit_parse(&k, CONF, line + 10, strlen(line + 10), &ignored) < 0) return false;
    memcpy(c->recipient[c->n++], k.pub, SEAL_KEY);
    kit_wipe(&k);
    return true;
}

int recovery_conf_load(struct vault *v, struct recovery_conf *c, struct err *e) {
    struct buf b;
    *c = (struct recovery_conf){0};
    buf_init(&b, CONF_MAX + 1);
    int rc = file_load(v->fd, CONF, CONF_MAX, &b, e);
    if (rc == 0) {
        char *save = NULL;
        buf_u8(&b, 0);
        for (char *line = strtok_r((char *)b.p, "\n", &save); line && rc == 0; line = strtok_r(NULL, "\n", &save))
            if (*line != '#' && !conf_line(c, line)) rc = err_set(e, ZE_CONFIG, CONF, _("not understood: %s"), line);
    } else if (e->id == ZE_NOTFOUND) rc = 0;
    buf_free(&b);
    return rc;
}

int recovery_conf_save(struct vault *v, const struct recovery_conf *c, struct err *e) {
    struct buf b;
    recovery_conf_put(&b, c);
    if (*c->to) buf_put(&b, "to ", 3), buf_put(&b, c->to, strlen(c->to)), buf_put(&b, "\n", 1);
    int rc = buf_ok(&b) ? file_replace(v->fd, CONF, b.p, b.len, 0600, e) : err_set(e, ZE_NOMEM, CONF, _("no memory"));
    buf_free(&b);
    return rc;
}
