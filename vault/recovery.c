/* Gathering and writing. The file is a function of the vault's state (but for its key and nonce), so a sum of the plain bytes
 * tells whether it is up to date, and each keeper's start makes up for what a crash or an absent directory left undone. If
 * interrupted between the change and the file, the change counts and the file is older by one change until then. The sum is
 * written last: without it the file is only made once more. */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keys.h"
#include "log.h"
#include "sys/file.h"
#include "wire/kit.h"

#define CONF "keeper/recovery.conf"
#define SEALED "keeper/recovery"
#define SUM "keeper/recovery.sum"
enum { CONF_MAX = 8192, NOTE_MAX = 8192, OBJECT_MAX = 1 << 20, ITEMS_MAX = 1 << 20 };

struct gather {
    struct vault *v;
    struct buf items; /* str name, blob bytes … */
    uint64_t n;
};

static void item_put(struct gather *g, const char *name, const void *p, size_t n) {
    buf_str(&g->items, name);
    buf_blob(&g->items, p, n);
    g->n++;
}

/* A file of the vault's directory; absent ones are left out, since they may go at any time. */
static int file_add(struct gather *g, const char *name, struct err *e) {
    struct buf b;
    buf_init(&b, NOTE_MAX);
    int rc = file_load(g->v->fd, name, NOTE_MAX, &b, e);
    if (rc == 0) item_put(g, name, b.p ? b.p : (const uint8_t *)"", b.len);
    else if (e->id == ZE_NOTFOUND) *e = (struct err)ERR_INIT, rc = 0;
    if (b.p) seal_wipe(b.p, b.len);
    buf_free(&b);
    return rc;
}

static int dir_add(struct gather *g, const char *dir, struct err *e) {
    struct dirent **list;
    int n = scandirat(g->v->fd, dir, &list, NULL, alphasort), rc = 0;
    if (n < 0) return errno == ENOENT ? 0 : err_sys(e, dir, _("list"));
    for (int i = 0; i < n; i++) {
        char name[NAME_MAX + 64];
        snprintf(name, sizeof name, "%s/%s", dir, list[i]->d_name);
        if (rc == 0 && list[i]->d_name[0] != '.') rc = file_add(g, name, e);
        free(list[i]);
    }
    free(list);
    return rc;
}

static int object_add(struct gather *g, const char *name, struct err *e) {
    char path[STORE_NAME_MAX + 8];
    struct buf b;
    buf_init(&b, OBJECT_MAX);
    int rc = store_load(&g->v->store, name, OBJECT_MAX, &b, e);
    snprintf(path, sizeof path, "store/%s", name);
    if (rc == 0) item_put(g, path, b.p, b.len);
    else if (e->id == ZE_NOTFOUND) *e = (struct err)ERR_INIT, rc = 0;
    buf_free(&b);
    return rc;
}

struct names {
    char (*name)[STORE_NAME_MAX];
    size_t n;
};

static int name_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct names *l = arg;
    if (l->n % 64 == 0) {
        void *p = realloc(l->name, (l->n + 64) * sizeof *l->name);
        if (!p) return err_set(e, ZE_NOMEM, name, _("no memory"));
        l->name = p;
    }
    snprintf(l->name[l->n++], sizeof *l->name, "%s", name);
    return 0;
}

static int name_cmp(const void *a, const void *b) { return strcmp(a, b); }

static int objects_add(struct gather *g, const char *dir, struct err *e) {
    struct names l = {0};
    char name[2 * STORE_NAME_MAX];
    int rc = store_list(&g->v->store, dir, name_add, &l, e);
    if (rc >= 0 && l.n) qsort(l.name, l.n, sizeof *l.name, name_cmp);
    for (size_t i = 0; rc >= 0 && i < l.n; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, l.name[i]);
        rc = object_add(g, name, e);
    }
    free(l.name);
    return rc < 0 ? rc : 0;
}

static int host_add(void *arg, const char *host, struct err *e) {
    char name[STORE_NAME_MAX];
    snprintf(name, sizeof name, "hosts/%s/log/%016x", host, 0u);
    return object_add(arg, name, e);
}

/* What the administrator of the new machine has to tell its sshd. */
static void sshd_add(struct gather *g) {
    char text[2 * PATH_MAX];
    const struct passwd *me = getpwuid(geteuid());
    int n = snprintf(text, sizeof text,
        "Match User %s\n\tAuthorizedKeysFile %s/ssh/authorized_keys\n\tAuthenticationMethods publickey\n"
        "\tDisableForwarding yes\n\tPermitUserRC no\n",
        me ? me->pw_name : "zaibei-keep", g->v->dir);
    if (n > 0 && (size_t)n < sizeof text) item_put(g, "ssh/sshd_config", text, (size_t)n);
}

static void conf_put(struct buf *b, const struct recovery_conf *c) {
    char text[KIT_TEXT];
    for (unsigned i = 0; i < c->n; i++) {
        struct kit k = {.has_sec = false};
        memcpy(k.pub, c->recipient[i], SEAL_KEY);
        kit_pub_text(&k, text);
        buf_put(b, "recipient ", 10), buf_put(b, text, strlen(text)), buf_put(b, "\n", 1);
    }
}

/* Without the other place: a vault that was recovered elsewhere, to see whether it can be, must not write over the file that
 * it came from. */
static int conf_add(struct gather *g, struct err *e) {
    struct recovery_conf c;
    struct buf b;
    if (recovery_conf_load(g->v, &c, e) < 0) return -1;
    buf_init(&b, CONF_MAX);
    conf_put(&b, &c);
    if (b.len) item_put(g, CONF, b.p, b.len);
    buf_free(&b);
    return 0;
}

int recovery_gather(struct vault *v, struct buf *out, struct err *e) {
    static const char *const dirs[] = {"rights", "tokens", "quota/system", "quota/department"};
    struct gather g = {.v = v};
    int rc = 0;
    buf_init(&g.items, RECOVERY_MAX);
    (void)!buf_reserve(&g.items, 1 << 16); /* small vaults: no copy of the key is left behind by growing */
    for (size_t i = 0; rc == 0 && i < sizeof dirs / sizeof *dirs; i++) rc = dir_add(&g, dirs[i], e);
    if (rc == 0) rc = object_add(&g, "vault", e);
    if (rc == 0) rc = objects_add(&g, "systems", e);
    if (rc == 0) rc = objects_add(&g, "log", e);
    if (rc == 0) rc = objects_add(&g, "keys", e);
    if (rc == 0) rc = hosts_each(v, host_add, &g, e);
    if (rc == 0) sshd_add(&g);
    if (rc == 0) rc = conf_add(&g, e);
    if (rc == 0) rc = file_add(&g, "keeper/key.next", e); /* a change that was interrupted goes on after the recovery */
    if (rc == 0) rc = file_add(&g, "keeper/key", e); /* the last: recovering ends with it */
    buf_reset(out);
    buf_vu(out, g.n);
    if (g.items.len) buf_put(out, g.items.p, g.items.len), seal_wipe(g.items.p, g.items.len);
    if (rc == 0 && (!buf_ok(&g.items) || !buf_ok(out) || g.n > ITEMS_MAX))
        rc = err_set(e, ZE_NOMEM, SEALED, _("more than a recovery file can hold"));
    buf_free(&g.items);
    return rc;
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

/* Copy the sealed file to the other place unless it is there. */
static int place_write(
    struct vault *v, const struct recovery_conf *c, const struct buf *sealed, bool only_look, struct err *e) {
    char name[64];
    if (!*c->to) return 1;
    CLEANUP_FD int fd = place_open(c, e);
    if (fd < 0) return -1;
    place_name(v, name);
    if (same_file(fd, name, sealed)) return 1;
    return only_look ? 0 : file_replace(fd, name, sealed->p, sealed->len, 0600, e);
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

static int sealed_make(struct vault *v, const struct recovery_conf *c, const struct buf *plain,
    const uint8_t sum[SEAL_HASH], struct buf *sealed, struct err *e) {
    struct vault_header h = v->header;
    memcpy(h.pub, v->sec + SEAL_SIGN_SEED, SEAL_SIGN_PUB); /* of the seed that is in it */
    int rc = recovery_seal(&h, c, v->clock->now_ns(v->clock), plain, sealed, e);
    if (rc == 0) rc = file_replace(v->fd, SEALED, sealed->p, sealed->len, 0600, e);
    /* If interrupted here, the file is new and its sum old: it is made once more. */
    return rc < 0 ? rc : file_replace(v->fd, SUM, sum, SEAL_HASH, 0600, e);
}

static int refresh(struct vault *v, bool only_look, struct err *e) {
    struct recovery_conf c;
    struct buf plain, sealed;
    uint8_t sum[SEAL_HASH];
    if (recovery_conf_load(v, &c, e) < 0) return -1;
    if (!c.n) return 1;
    CLEANUP_FD int lock = lock_wait(v, ".recovery", e);
    if (lock < 0 || keys_signing(v, e) < 0) return -1;
    buf_init(&plain, RECOVERY_MAX);
    buf_init(&sealed, RECOVERY_MAX + 4096);
    int rc = recovery_gather(v, &plain, e);
    if (rc == 0)
        seal_mac(sum, v->sec, plain.p, plain.len); /* keyed: it stands in clear and must tell nothing of the seed */
    if (rc == 0 && !sealed_load(v, sum, &sealed)) rc = only_look ? 1 : sealed_make(v, &c, &plain, sum, &sealed, e);
    bool stale = only_look && rc == 1;
    if (rc == 0) rc = place_write(v, &c, &sealed, only_look, e);
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
    buf_init(&b, CONF_MAX);
    conf_put(&b, c);
    if (*c->to) buf_put(&b, "to ", 3), buf_put(&b, c->to, strlen(c->to)), buf_put(&b, "\n", 1);
    int rc = buf_ok(&b) ? file_replace(v->fd, CONF, b.p, b.len, 0600, e) : err_set(e, ZE_NOMEM, CONF, _("no memory"));
    buf_free(&b);
    return rc;
}
