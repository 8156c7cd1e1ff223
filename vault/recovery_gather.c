/* What a vault cannot do without, in one row of bytes that depends on its state alone. What is signed is looked at: the file must
 * not take up rot in silence, since it may be where the last whole copy is. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "log.h"
#include "recovery.h"
#include "sys/file.h"
#include "wire/keychain.h"

enum { NOTE_MAX = 8192, OBJECT_MAX = 1 << 20, ITEMS_MAX = 1 << 20 };

struct gather {
    struct vault *v;
    struct buf items; /* str name, blob bytes … */
    uint64_t n;
    bool whole;
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

static bool is_whole(struct vault *v, const char *name, const struct buf *b) {
    struct record r = {0};
    struct system_object o;
    struct err ignored = ERR_INIT;
    if (!strncmp(name, "systems/", 8)) return keychain_system(&o, b->p, b->len, v->header.id, &v->keys, &ignored) == 0;
    bool whole = keychain_decode(&r, b->p, b->len, v->header.id, &v->keys, &ignored) == 0;
    record_free(&r);
    return whole;
}

static int object_add(struct gather *g, const char *name, struct err *e) {
    char path[STORE_NAME_MAX + 8];
    struct buf b;
    buf_init(&b, OBJECT_MAX);
    int rc = store_load(&g->v->store, name, OBJECT_MAX, &b, e);
    snprintf(path, sizeof path, "store/%s", name);
    if (rc < 0 || !is_whole(g->v, name, &b)) g->whole = false;
    if (rc == 0) item_put(g, path, b.p, b.len);
    else if (e->id == ZE_NOTFOUND || e->id == ZE_IO || e->id == ZE_DAMAGED) *e = (struct err)ERR_INIT, rc = 0;
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
        char number[24];
        snprintf(number, sizeof number, "%016zx", i);
        if (!strcmp(dir, "log") && strcmp(l.name[i], number) != 0) g->whole = false; /* one before it is lost */
        snprintf(name, sizeof name, "%s/%s", dir, l.name[i]);
        rc = object_add(g, name, e);
    }
    if (!strcmp(dir, "keys") && l.n + 1 != g->v->keys.n) g->whole = false;
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

/* Without the other place: a vault that was recovered elsewhere, to see whether it can be, must not write over the file that
 * it came from. */
static int conf_add(struct gather *g, struct err *e) {
    struct recovery_conf c;
    struct buf b;
    if (recovery_conf_load(g->v, &c, e) < 0) return -1;
    recovery_conf_put(&b, &c);
    if (b.len) item_put(g, RECOVERY_CONF, b.p, b.len);
    buf_free(&b);
    return 0;
}

int recovery_gather(struct vault *v, struct buf *out, bool *whole, struct err *e) {
    static const char *const dirs[] = {"rights", "tokens", "quota/system", "quota/department"};
    struct gather g = {.v = v, .whole = true};
    int rc = 0;
    buf_init(&g.items, RECOVERY_MAX);
    (void)!buf_reserve(&g.items, 1 << 16); /* small vaults: no copy of the key is left behind by growing */
    for (size_t i = 0; rc == 0 && i < sizeof dirs / sizeof *dirs; i++) rc = dir_add(&g, dirs[i], e);
    if (rc == 0) item_put(&g, "store/" HEADER_NAME, v->header_raw.p, v->header_raw.len); /* the one that is whole */
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
        rc = err_set(e, ZE_NOMEM, RECOVERY_SEALED, _("more than a recovery file can hold"));
    buf_free(&g.items);
    *whole = g.whole;
    return rc;
}
