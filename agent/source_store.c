/* Points from a vault directory alone. The vault header says whose signature counts; every log record is judged by
 * itself, so missing or spoiled ones in between cost only themselves. Nothing is written. */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

/* The private half, in memory that is never swapped nor dumped. */
static int load_kit(struct source *s, const char *file, struct err *e) {
    s->kit = secret_alloc(sizeof *s->kit);
    if (!s->kit) return err_set(e, ZE_NOMEM, file, _("the kit"));
    if (kit_load(s->kit, file, e) < 0) return -1;
    if (!s->kit->has_sec) return err_set(e, ZE_WRONGKEY, file, _("it holds only the public half of the kit"));
    return 0;
}

static int header_read(struct source *s, const char *object, struct err *e) {
    char name[sizeof s->dir + 32];
    struct buf b;
    snprintf(name, sizeof name, "%s/store/%s", s->dir, object);
    buf_init(&b, 4096);
    int rc = file_load(AT_FDCWD, name, 4096, &b, e);
    if (rc == 0) rc = vault_header_decode(&s->vault, b.p, b.len, e);
    buf_free(&b);
    return rc;
}

static int a_name(const struct dirent *d) { return text_name_ok(d->d_name); }

void source_store_hosts(const char *dir, char *out, size_t cap) {
    char path[PATH_MAX];
    struct dirent **all = NULL;
    snprintf(path, sizeof path, "%s/store/hosts", dir);
    int n = scandir(path, &all, a_name, alphasort);
    *out = 0;
    for (int i = 0; i < n; i++) {
        size_t o = strlen(out);
        if (o + strlen(all[i]->d_name) + 8 < cap) snprintf(out + o, cap - o, "%s%s", o ? ", " : "", all[i]->d_name);
        else if (o + 6 < cap) snprintf(out + o, cap - o, ", …"), cap = 0;
        free(all[i]);
    }
    free(all);
}

/* Whoever meets this has a copy and a kit, and nobody to ask. */
static int no_host(const struct source *s, struct err *e) {
    char hosts[300];
    source_store_hosts(s->dir, hosts, sizeof hosts);
    if (!*hosts) return err_set(e, ZE_NOTFOUND, s->host, _("there are no hosts in %s"), s->dir);
    return err_set(e, ZE_NOTFOUND, s->host, _("there is no such host in %s; it has: %s"), s->dir, hosts);
}

static int no_vault(const struct source *s, struct err *e) {
    char path[sizeof s->dir + 16];
    snprintf(path, sizeof path, "%s/store", s->dir);
    if (e->id == ZE_NOTFOUND && access(path, F_OK) < 0)
        err_set(e, ZE_NOTFOUND, s->dir, _("no vault: it holds no directory store/"));
    return -1;
}

int source_store_open(struct source *s, const struct source_options *o, struct err *e) {
    struct err ignored = ERR_INIT;
    if (!text_name_ok(o->host)) return err_set(e, ZE_USAGE, o->host, _("this is not a host name"));
    if (strlen(o->dir) >= sizeof s->dir) return err_set(e, ZE_USAGE, o->dir, _("this path is too long"));
    strcpy(s->dir, o->dir);
    snprintf(s->host, sizeof s->host, "%s", o->host);
    int rc = header_read(s, "vault", e);
    if (rc < 0 && e->id != ZE_NEWER) rc = header_read(s, "vault.copy", &ignored);
    if (rc < 0) rc = no_vault(s, e);
    if (rc == 0) rc = load_kit(s, o->kit, e);
    if (rc == 0 && !(s->fetch = fetch_over_store(s->dir, s->host))) rc = err_set(e, ZE_NOMEM, s->dir, _("fetching"));
    if (rc < 0) source_close(s);
    return rc;
}

struct numbers {
    uint64_t *v;
    size_t n, cap;
};

static int numbers_add(struct numbers *a, uint64_t v, struct err *e) {
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 256;
        uint64_t *p = reallocarray(a->v, cap, sizeof *p);
        if (!p) return err_set(e, ZE_NOMEM, NULL, _("list of log records"));
        a->v = p, a->cap = cap;
    }
    a->v[a->n++] = v;
    return 0;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int list_log(int fd, const char *path, struct numbers *out, struct err *e) {
    DIR *d = fdopendir(dup(fd));
    if (!d) return err_sys(e, path, "opendir");
    int rc = 0;
    for (struct dirent *it; rc == 0 && (it = readdir(d));) {
        uint8_t raw[8];
        uint64_t v = 0;
        if (strlen(it->d_name) != 16 || !text_unhex(raw, sizeof raw, it->d_name)) continue;
        for (int i = 0; i < 8; i++) v = v << 8 | raw[i];
        rc = numbers_add(out, v, e);
    }
    closedir(d);
    if (out->n) qsort(out->v, out->n, sizeof *out->v, by_value);
    return rc;
}

static bool key_from(struct source *s, const char *dir, uint64_t n) {
    char name[sizeof s->dir + 64];
    struct buf b;
    struct record r;
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "%s/store/%s/%016" PRIx64, s->dir, dir, n);
    buf_init(&b, ZB_RECORD_MAX);
    bool good = file_load(AT_FDCWD, name, ZB_RECORD_MAX, &b, &e) == 0 &&
        key_record_decode(&r, b.p, b.len, s->vault.id, &e) == 0;
    buf_free(&b);
    if (!good) return false;
    good = seal_equal(r.key_change.old, keychain_last(&s->keys), SEAL_SIGN_PUB) &&
        keychain_add(&s->keys, r.key_change.pub);
    record_free(&r);
    return good;
}

/* The keys that followed the header's: from the copies, else from the vault's log. Where some are lost, what they signed is
 * passed over and told. */
static int keys_read(struct source *s, struct err *e) {
    char path[sizeof s->dir + 16];
    struct numbers all = {.n = 0};
    keychain_init(&s->keys, s->vault.pub);
    snprintf(path, sizeof path, "%s/store/keys", s->dir);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? 0 : list_log(fd, path, &all, e);
    for (size_t i = 0; rc == 0 && i < all.n; i++)
        if (!key_from(s, "keys", all.v[i])) (void)key_from(s, "log", all.v[i]);
    free(all.v);
    return rc;
}

/* Read one record; 1 when it is good, 0 (told on stderr if ${tell}) when it is not. */
static int read_record(const struct source *s, int fd, uint64_t n, struct record *r, bool tell) {
    char name[32];
    struct buf b;
    struct err e = ERR_INIT;
    snprintf(name, sizeof name, "%016" PRIx64, n);
    buf_init(&b, ZB_RECORD_MAX);
    int rc = file_load(fd, name, ZB_RECORD_MAX, &b, &e);
    if (rc == 0) rc = keychain_decode(r, b.p, b.len, s->vault.id, &s->keys, &e);
    if (rc == 0 && r->n != n) {
        record_free(r);
        rc = err_set(&e, ZE_DAMAGED, name, _("the record has another number"));
    }
    buf_free(&b);
    if (rc < 0 && tell) fprintf(stderr, _("log record %s is passed over: %s: %s\n"), name, err_text(e.id), e.msg);
    return rc == 0;
}

static bool among(const struct numbers *a, uint64_t v) {
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i] == v) return true;
    return false;
}

static int each_commit(struct source *s, int fd, const struct numbers *log, const struct numbers *removed,
    int (*each)(void *arg, const struct record *commit, struct err *e), void *arg, struct err *e) {
    for (size_t i = 0; i < log->n; i++) {
        struct record r;
        if (!read_record(s, fd, log->v[i], &r, false)) continue;
        int rc = r.type == REC_COMMIT && !among(removed, r.commit.point) ? each(arg, &r, e) : 0;
        record_free(&r);
        if (rc < 0) return -1;
    }
    return 0;
}

static const struct key_slot *slot_of(const struct source *s, const struct key_slots *keys) {
    for (unsigned i = 0; i < keys->n; i++)
        if (seal_equal(keys->slot[i].recipient, s->kit->pub, SEAL_KEY)) return &keys->slot[i];
    return NULL;
}

int source_store_points(
    struct source *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg, struct err *e) {
    char path[sizeof s->dir + 128];
    struct numbers log = {.n = 0}, removed = {.n = 0};
    snprintf(path, sizeof path, "%s/store/hosts/%s/log", s->dir, s->host);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? no_host(s, e) : err_sys(e, path, "open");
    int rc = s->keys.n ? 0 : keys_read(s, e);
    if (rc == 0) rc = list_log(fd, path, &log, e);
    for (size_t i = 0; rc == 0 && i < log.n; i++) {
        struct record r;
        if (!read_record(s, fd, log.v[i], &r, !s->told)) continue;
        if (r.type == REC_REMOVE) rc = numbers_add(&removed, r.remove.point, e);
        const struct key_slots *keys = r.type == REC_HOST ? &r.host.keys : r.type == REC_COMMIT ? &r.commit.keys : NULL;
        if (keys && slot_of(s, keys)) s->slots = *keys;
        record_free(&r);
    }
    s->told = true;
    if (rc == 0) rc = each_commit(s, fd, &log, &removed, each, arg, e);
    free(log.v);
    free(removed.v);
    return rc;
}

int source_store_key(const struct source *s, const struct key_slots *keys, uint8_t key[SEAL_KEY], struct err *e) {
    const struct key_slot *slot = slot_of(s, keys);
    if (!slot && seal_equal(s->slots.check, keys->check, SEAL_ID)) slot = slot_of(s, &s->slots);
    char digits[KIT_CHECKS];
    kit_checks(keys, digits);
    if (!slot) return err_set(e, ZE_WRONGKEY, s->host, _("it is sealed to another kit: check digits %s"), digits);
    if (box_open(key, s->kit->pub, s->kit->sec, slot->sealed, sizeof slot->sealed)) return 0;
    return err_set(e, ZE_DAMAGED, s->host, _("the key slot that is sealed to this kit does not open"));
}
