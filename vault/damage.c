/* Findings of scrubbing as small text files. They are replaced whole; if interrupted before that, the older list stands
 * and the next round finds again what is not in it. */
#include "damage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "log.h"
#include "sys/file.h"

enum { FILE_MAX = 16 << 20, FILE_MODE = 0640 };

static const char *file_name(char out[128], const char *host) {
    snprintf(out, 128, "keeper/damage/%s", *host ? host : ".vault");
    return out;
}

static int by_object(const void *a, const void *b) {
    const struct damage_item *x = a, *y = b;
    int rc = strcmp(x->object, y->object);
    return rc ? rc : (x->slot > y->slot) - (x->slot < y->slot);
}

static struct damage_item *item_new(struct damage_list *l, struct err *e) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        void *p = realloc(l->item, cap * sizeof *l->item);
        if (!p) return err_set(e, ZE_NOMEM, "keeper/damage", _("no memory")), NULL;
        l->item = p, l->cap = cap;
    }
    return memset(&l->item[l->n++], 0, sizeof *l->item);
}

static bool points_get(struct damage_item *d, char *s) {
    uint64_t u;
    if (strcmp(s, "-") == 0) return true;
    char *save = NULL;
    for (char *w = strtok_r(s, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        if (!text_u64(w + (*w == '+'), UINT32_MAX, &u)) return false;
        if (*w == '+') d->points_n += (uint32_t)u;
        else if (d->points_n >= DAMAGE_POINTS) return false;
        else d->points[d->points_n++] = (uint32_t)u;
    }
    return true;
}

static bool line_get(struct damage_item *d, char *line) {
    char *word[4], *why = line;
    uint64_t u = 0, since;
    for (int i = 0; i < 4; i++) {
        word[i] = why;
        why += strcspn(why, " ");
        if (!*why) return false;
        *why++ = 0;
    }
    d->slot = DAMAGE_WHOLE;
    if (strcmp(word[1], "-") != 0) {
        if (!text_u64(word[1], ZB_PACK_SLOTS_MAX - 1, &u)) return false;
        d->slot = (uint32_t)u;
    }
    if (strlen(word[0]) >= sizeof d->object || !text_u64(word[2], INT64_MAX, &since)) return false;
    snprintf(d->object, sizeof d->object, "%s", word[0]);
    snprintf(d->why, sizeof d->why, "%s", why);
    d->since = (int64_t)since;
    return points_get(d, word[3]);
}

int damage_load(struct damage_list *l, struct vault *v, const char *host, struct err *e) {
    char name[128];
    struct buf b;
    *l = (struct damage_list){.n = 0};
    buf_init(&b, FILE_MAX + 1);
    int rc = file_load(v->fd, file_name(name, host), FILE_MAX, &b, e);
    if (rc < 0 && (e->id == ZE_NOTFOUND || e->id == ZE_DAMAGED)) *e = (struct err)ERR_INIT, rc = 0, buf_reset(&b);
    buf_u8(&b, 0);
    char *save = NULL;
    for (char *s = rc == 0 && buf_ok(&b) ? strtok_r((char *)b.p, "\n", &save) : NULL; s;
         s = strtok_r(NULL, "\n", &save)) {
        struct damage_item *d = item_new(l, e);
        if (!d) rc = -1;
        if (!d) break;
        if (!line_get(d, s) || l->n > DAMAGE_MAX) l->n--;
    }
    buf_free(&b);
    if (l->n) qsort(l->item, l->n, sizeof *l->item, by_object);
    return rc;
}

static void line_put(struct buf *b, const struct damage_item *d) {
    char line[STORE_NAME_MAX + 400], slot[16] = "-";
    if (d->slot != DAMAGE_WHOLE) snprintf(slot, sizeof slot, "%" PRIu32, d->slot);
    int n = snprintf(line, sizeof line, "%s %s %" PRId64 " ", d->object, slot, d->since);
    uint32_t shown = d->points_n < DAMAGE_POINTS ? d->points_n : DAMAGE_POINTS;
    for (uint32_t i = 0; i < shown; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, "%s%" PRIu32, i ? "," : "", d->points[i]);
    if (d->points_n > shown) n += snprintf(line + n, sizeof line - (size_t)n, ",+%" PRIu32, d->points_n - shown);
    n += snprintf(line + n, sizeof line - (size_t)n, "%s %s\n", d->points_n ? "" : "-", d->why);
    buf_put(b, line, (size_t)n);
}

int damage_save(struct damage_list *l, struct vault *v, const char *host, struct err *e) {
    char name[128];
    struct buf b;
    if (l->n) qsort(l->item, l->n, sizeof *l->item, by_object);
    if (!l->changed) return 0;
    file_name(name, host);
    if (!l->n) {
        if (unlinkat(v->fd, name, 0) < 0 && errno != ENOENT) return err_sys(e, name, _("remove"));
        l->changed = false;
        return 0;
    }
    if (file_mkdirs(v->fd, "keeper/damage", 0700, e) < 0) return -1;
    buf_init(&b, FILE_MAX);
    for (size_t i = 0; i < l->n; i++) line_put(&b, &l->item[i]);
    int rc =
        buf_ok(&b) ? file_replace(v->fd, name, b.p, b.len, FILE_MODE, e) : err_set(e, ZE_NOMEM, name, _("no memory"));
    buf_free(&b);
    if (rc == 0) l->changed = false;
    return rc;
}

void damage_free(struct damage_list *l) {
    free(l->item);
    *l = (struct damage_list){.n = 0};
}

const struct damage_item *damage_has(const struct damage_list *l, const char *object, uint32_t slot) {
    struct damage_item key;
    if (!l->n) return NULL;
    snprintf(key.object, sizeof key.object, "%s", object);
    key.slot = slot;
    return bsearch(&key, l->item, l->n, sizeof *l->item, by_object);
}

void damage_mark(struct damage_list *l, const char *object) {
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i].object, object) == 0) l->item[i].stale = true;
}

int damage_add(struct damage_list *l, const char *object, uint32_t slot, int64_t now, const char *why, struct err *e) {
    for (size_t i = 0; i < l->n; i++) {
        struct damage_item *d = &l->item[i];
        if (d->slot == slot && strcmp(d->object, object) == 0) return d->stale = false, 0;
    }
    if (l->n >= DAMAGE_MAX) return 0;
    struct damage_item *d = item_new(l, e);
    if (!d) return -1;
    snprintf(d->object, sizeof d->object, "%s", object);
    text_escape(d->why, sizeof d->why, why, strlen(why));
    d->slot = slot, d->since = now;
    l->changed = true;
    return 0;
}

void damage_sweep(struct damage_list *l) {
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (!l->item[i].stale) l->item[kept++] = l->item[i];
    if (kept != l->n) l->changed = true;
    l->n = kept;
}

struct listing {
    struct vault *v;
    int (*each)(void *arg, const char *host, const struct damage_item *d, struct err *e);
    void *arg;
};

static int host_each(void *arg, const char *host, struct err *e) {
    struct listing *a = arg;
    struct damage_list l;
    int rc = damage_load(&l, a->v, host, e);
    for (size_t i = 0; rc >= 0 && i < l.n; i++) rc = a->each(a->arg, host, &l.item[i], e);
    damage_free(&l);
    return rc < 0 ? rc : 0;
}

int damage_each(struct vault *v, int (*each)(void *arg, const char *host, const struct damage_item *d, struct err *e),
    void *arg, struct err *e) {
    struct listing a = {v, each, arg};
    return host_each(&a, "", e) < 0 ? -1 : hosts_each(v, host_each, &a, e);
}
