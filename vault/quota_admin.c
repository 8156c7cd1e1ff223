/* Showing and setting quotas: for the administrator's command and for the platform's control operation. Neither can
 * take away what is stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "commands.h"
#include "quota.h"
#include "quota_note.h"
#include "recovery.h"
#include "sys/file.h"

static int host_set(struct vault *v, const char *host, uint64_t bytes, struct err *e) {
    struct host_log l;
    struct rights r;
    int rc = log_open(&l, v, host, e);
    if (rc == 0 && !l.next) rc = err_set(e, ZE_NOTFOUND, host, _("no such host is enrolled here"));
    log_free(&l);
    if (rc < 0 || (rights_load(v, host, &r, e) < 0 && e->id != ZE_NOTFOUND)) return -1;
    r.quota = bytes;
    return rights_save(v, host, &r, e);
}

static int note_set(struct vault *v, bool department, const char *name, uint64_t bytes, const char *const *systems,
    size_t n, struct err *e) {
    CLEANUP_FREE struct quota_note *q = malloc(sizeof *q);
    if (!q) return err_set(e, ZE_NOMEM, name, _("no memory"));
    if (n > QUOTA_SYSTEMS) return err_set(e, ZE_USAGE, name, _("at most %d systems"), QUOTA_SYSTEMS);
    if (quota_note_load(v, department, name, q, e) < 0 && e->id != ZE_CONFIG) return -1;
    q->bytes = bytes;
    if (department && n) q->systems_n = 0;
    for (size_t i = 0; department && i < n; i++) {
        if (!text_name_ok(systems[i])) return err_set(e, ZE_USAGE, systems[i], _("letters a-z, digits and - only"));
        snprintf(q->system[q->systems_n++], sizeof q->system[0], "%s", systems[i]);
    }
    if (!q->systems_n) return err_set(e, ZE_USAGE, name, _("which systems?"));
    return quota_note_save(v, q, e);
}

int quota_set(struct vault *v, enum quota_of of, const char *name, uint64_t bytes, const char *const *systems, size_t n,
    struct err *e) {
    CLEANUP_FD int lock = lock_wait(v, ".quota", e);
    if (lock < 0) return -1;
    int rc = of == QUOTA_HOST ? host_set(v, name, bytes, e)
                              : note_set(v, of == QUOTA_DEPARTMENT, name, bytes, systems, n, e);
    if (rc == 0) recovery_follow(v);
    return rc;
}

struct table {
    struct vault *v;
    struct js *hosts, *systems, *departments;
    struct sums {
        char system[64];
        uint64_t bytes;
    } * sum; /* of each host */
    size_t n, cap;
};

static struct js *row(const char *key, const char *name, uint64_t used, uint64_t quota) {
    struct js *j = js_object();
    js_set_str(j, key, name);
    js_set_int(j, "used", (int64_t)used);
    js_set_int(j, "quota", (int64_t)quota);
    if (quota) js_set_int(j, "percent", (int64_t)((double)used / (double)quota * 100));
    return j;
}

static int host_row(void *arg, const char *host, struct err *e) {
    struct table *t = arg;
    struct rights r;
    struct err ignored = ERR_INIT;
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        void *p = realloc(t->sum, cap * sizeof *t->sum);
        if (!p) return err_set(e, ZE_NOMEM, host, _("no memory"));
        t->sum = p, t->cap = cap;
    }
    struct sums *s = &t->sum[t->n];
    if (quota_system_of(t->v, host, s->system) < 0) *s->system = 0;
    if (host_bytes(t->v, host, &s->bytes, e) < 0) return -1;
    if (rights_load(t->v, host, &r, &ignored) < 0) r.quota = 0;
    struct js *j = row("host", host, s->bytes, r.quota);
    js_set_str(j, "system", *s->system ? s->system : NULL);
    js_push(t->hosts, j);
    t->n++;
    return 0;
}

static int note_row(void *arg, const struct quota_note *q, struct err *e) {
    struct table *t = arg;
    uint64_t used = 0;
    for (size_t i = 0; i < t->n; i++) used += quota_note_has(q, t->sum[i].system) ? t->sum[i].bytes : 0;
    struct js *j = row(q->department ? "department" : "system", q->name, used, q->bytes);
    if (q->department) {
        struct js *systems = js_array();
        for (size_t i = 0; i < q->systems_n; i++) js_push_str(systems, q->system[i]);
        js_set(j, "systems", systems);
    }
    js_push(q->department ? t->departments : t->systems, j);
    return 0;
}

struct js *quota_json(struct vault *v, struct err *e) {
    struct table t = {.v = v, .hosts = js_array(), .systems = js_array(), .departments = js_array()};
    struct js *j = js_object();
    int rc = hosts_each(v, host_row, &t, e);
    if (rc == 0) rc = quota_notes_each(v, note_row, &t, e);
    free(t.sum);
    js_set(j, "hosts", t.hosts);
    js_set(j, "systems", t.systems);
    js_set(j, "departments", t.departments);
    if (rc == 0) return j;
    js_free(j);
    return NULL;
}

/* Who is meant by the three words of which one is given; NULL with ${e} unless it is exactly one. */
static const char *whose(
    const char *host, const char *system, const char *department, enum quota_of *of, struct err *e) {
    *of = host ? QUOTA_HOST : system ? QUOTA_SYSTEM : QUOTA_DEPARTMENT;
    if ((host != NULL) + (system != NULL) + (department != NULL) == 1)
        return host ? host : system ? system : department;
    err_set(e, ZE_USAGE, "quota", _("one of host, system and department is needed"));
    return NULL;
}

struct js *quota_control(struct vault *v, const struct js *q, struct err *e) {
    const char *systems[QUOTA_SYSTEMS];
    enum quota_of of;
    size_t n = js_count(js_get(q, "systems"));
    if (!js_has(q, "bytes")) return quota_json(v, e);
    const char *name = whose(js_str(q, "host", NULL), js_str(q, "system", NULL), js_str(q, "department", NULL), &of, e);
    int64_t bytes = js_int(q, "bytes", -1);
    if (!name) return NULL;
    if (bytes < 0 || n > QUOTA_SYSTEMS)
        return err_set(e, ZE_USAGE, name, _("bytes: 0 or more; at most 256 systems")), NULL;
    for (size_t i = 0; i < n; i++) {
        const char *text = js_text(js_at(js_get(q, "systems"), i));
        systems[i] = text ? text : "";
    }
    return quota_set(v, of, name, (uint64_t)bytes, systems, n, e) < 0 ? NULL : quota_json(v, e);
}

/* Only the row of ${only}, where one was named: whether it is there. */
static bool rows_print(const struct js *rows, const char *key, const char *only) {
    bool any = false;
    for (size_t i = 0; i < js_count(rows); i++) {
        const struct js *j = js_at(rows, i);
        char used[24], quota[24];
        if (only && strcmp(only, js_str(j, key, "")) != 0) continue;
        any = true;
        text_bytes(used, (uint64_t)js_int(j, "used", 0));
        text_bytes(quota, (uint64_t)js_int(j, "quota", 0));
        printf("%s %s: ", key, js_str(j, key, ""));
        if (js_int(j, "quota", 0)) printf(_("%s of %s (%lld %%)\n"), used, quota, (long long)js_int(j, "percent", 0));
        else printf(_("%s, no quota\n"), used);
    }
    return any;
}

/* "10 MiB", "5000000": a whole number with a unit. */
static bool bytes_of(const char *s, uint64_t *out) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    char number[24];
    size_t n = strspn(s, "0123456789");
    const char *unit = s + n + strspn(s + n, " ");
    if (!n || n >= sizeof number) return false;
    snprintf(number, sizeof number, "%.*s", (int)n, s);
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i]) == 0) {
            bool fits = text_u64(number, (uint64_t)INT64_MAX >> 10 * i, out);
            *out <<= 10 * i;
            return fits;
        }
    return false;
}

static int words_set(struct vault *v, const struct words *w, struct err *e) {
    const char *systems[QUOTA_SYSTEMS];
    size_t n = 0;
    uint64_t bytes;
    enum quota_of of;
    const char *name = whose(w->host, w->system, w->department, &of, e);
    if (!name) return -1;
    if (!bytes_of(w->bytes, &bytes)) return err_set(e, ZE_USAGE, w->bytes, _("a size like 500 GiB, or 0 for none"));
    CLEANUP_FREE char *list = strdup(w->systems ? w->systems : "");
    char *save = NULL;
    for (char *s = list ? strtok_r(list, ", ", &save) : NULL; s && n < QUOTA_SYSTEMS; s = strtok_r(NULL, ", ", &save))
        systems[n++] = s;
    return quota_set(v, of, name, bytes, systems, n, e);
}

int command_quota(const struct words *w, struct err *e) {
    struct vault v;
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc = w->bytes ? words_set(&v, w, e) : 0;
    CLEANUP_JS struct js *j = rc == 0 ? quota_json(&v, e) : NULL;
    vault_close(&v);
    if (!j) return -1;
    if (w->json) {
        js_set_int(j, "schema_version", 1);
        js_set_str(j, "message_type", "quota");
        CLEANUP_FREE char *text = js_dump(j);
        puts(text);
        return 0;
    }
    bool all = w->bytes || (!w->host && !w->system && !w->department), any = all;
    const char *named[] = {w->host, w->system, w->department};
    static const char *const lists[] = {"hosts", "systems", "departments"}, *const keys[] = {"host", "system", "department"};
    for (size_t i = 0; i < 3; i++)
        if (all || named[i]) any |= rows_print(js_get(j, lists[i]), keys[i], all ? NULL : named[i]);
    if (any) return 0;
    return err_set(e, ZE_NOTFOUND, w->host ? w->host : w->system ? w->system : w->department, _("this vault knows nothing of it"));
}
