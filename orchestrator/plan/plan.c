/* Reading a plan. First every key is checked against the form, so that a misspelt one is never silently ignored; then what
 * is interpreted is read; last the whole tree becomes the canonical text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "plan/plan_internal.h"

enum { TEXT_MAX = 4000 };

#define KEYS_TOP                                                                                                  \
    "name department applicant applied technical_contact purpose period delivery notify reason resources system " \
    "hosts "                                                                                                      \
    "backup method content strategy schedule retention_days keep targets limits locations quota other"

/* Maps within the form, and the keys they may have. */
static const struct {
    const char *key, *keys;
} maps[] = {
    {"technical_contact", "name phone"},
    {"resources", "kinds cpu memory disk nics ip os components ports auto_update_off other"},
    {"content", "paths excludes"},
    {"strategy", "daily weekly monthly"},
    {"schedule", PLAN_SCHEDULE_KEYS},
    {"targets", "rpo rto"},
    {"limits", LIMITS_KEYS " window_end"},
};

static const char *const text_fields[] = {"department", "applicant", "purpose", "reason", "other"};
static const char *const resource_texts[] = {"cpu", "memory", "disk", "nics", "os", "other"};
static const char *const resource_lists[] = {"kinds", "ip", "components", "ports"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int check_text(const struct yaml_node *map, const char *key, struct err *e) {
    const char *s;
    if (yaml_str_or(map, key, "", &s, e) < 0) return -1;
    return strlen(s) > TEXT_MAX ? yaml_fail(yaml_get(map, key), e, _("longer than %d bytes"), TEXT_MAX) : 0;
}

/* A list whose members are among ${choices}. */
static int check_choices(const struct yaml_node *map, const char *key, const char *choices, struct err *e) {
    const struct yaml_node *list;
    if (yaml_list(map, key, &list, e) < 0) return -1;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        char framed[80], all[200];
        snprintf(framed, sizeof framed, " %.70s ", it->text);
        snprintf(all, sizeof all, " %s ", choices);
        if (strchr(it->text, ' ') || !strstr(all, framed))
            return yaml_fail(it, e, _("expected one of %s, found \"%.80s\""), choices, it->text);
    }
    return 0;
}

/* "long", or a number of months: "6 months". */
static int check_period(const struct yaml_node *top, struct err *e) {
    const char *s;
    char number[8], rest;
    uint64_t n;
    if (yaml_str_or(top, "period", "long", &s, e) < 0) return -1;
    if (!strcmp(s, "long")) return 0;
    if (sscanf(s, "%7[0-9] months%c", number, &rest) == 1 && !strcmp(s + strlen(number), " months") &&
        text_u64(number, 1200, &n) && n)
        return 0;
    return yaml_fail(yaml_get(top, "period"), e, _("expected long or \"N months\", found \"%.80s\""), s);
}

static int check_size(const struct yaml_node *map, const char *key, struct err *e) {
    const char *s;
    char number[16], unit[8], rest;
    if (yaml_str_or(map, key, NULL, &s, e) < 0) return -1;
    if (!s) return 0;
    uint64_t n;
    bool ok = sscanf(s, "%15[0-9] %7[A-Za-z]%c", number, unit, &rest) == 2 && text_u64(number, 1000000000, &n) &&
        (!strcmp(unit, "MiB") || !strcmp(unit, "GiB") || !strcmp(unit, "TiB"));
    return ok ? 0 : yaml_fail(yaml_get(map, key), e, _("expected a size such as 500 GiB, found \"%.80s\""), s);
}

/* The fields that are only carried must at least be what they claim. */
static int check_carried(const struct yaml_node *top, struct err *e) {
    const struct yaml_node *res = yaml_get(top, "resources"), *contact = yaml_get(top, "technical_contact"), *list;
    bool off;
    int method;
    int64_t day;
    for (size_t i = 0; i < COUNT(text_fields); i++)
        if (check_text(top, text_fields[i], e) < 0) return -1;
    for (size_t i = 0; i < COUNT(resource_texts); i++)
        if (check_text(res, resource_texts[i], e) < 0) return -1;
    for (size_t i = 0; i < COUNT(resource_lists); i++)
        if (yaml_list(res, resource_lists[i], &list, e) < 0) return -1;
    if (check_choices(res, "kinds", "hardware storage database common-software website-group", e) < 0) return -1;
    if (yaml_bool(res, "auto_update_off", false, &off, e) < 0) return -1;
    if (check_text(contact, "name", e) < 0 || check_text(contact, "phone", e) < 0) return -1;
    if (check_choices(top, "notify", "mail phone on-site", e) < 0) return -1;
    if (yaml_choice(top, "method", "online offline", 0, &method, e) < 0) return -1;
    if (yaml_list(top, "locations", &list, e) < 0 || check_size(top, "quota", e) < 0) return -1;
    if (plan_date(top, "applied", &day, e) < 0 || plan_date(top, "delivery", &day, e) < 0) return -1;
    return check_period(top, e);
}

static int check_keys(const struct yaml_node *top, struct err *e) {
    if (yaml_keys(top, KEYS_TOP, e) < 0) return -1;
    for (size_t i = 0; i < COUNT(maps); i++) {
        const struct yaml_node *n = yaml_get(top, maps[i].key);
        if (n && yaml_keys(n, maps[i].keys, e) < 0) return -1;
    }
    return 0;
}

static int read_name(const struct yaml_node *map, const char *key, char out[64], struct err *e) {
    const char *s;
    if (yaml_str(map, key, &s, e) < 0) return -1;
    if (!text_name_ok(s))
        return yaml_fail(yaml_get(map, key), e, _("expected a name of a-z, 0-9 and -, found \"%.80s\""), s);
    snprintf(out, 64, "%s", s);
    return 0;
}

static int check_hosts(const struct yaml_node *top, struct err *e) {
    const struct yaml_node *list;
    size_t n = 0;
    if (yaml_list(top, "hosts", &list, e) < 0) return -1;
    if (!yaml_first(list)) return yaml_fail(list ? list : top, e, _("the key \"%s\" is missing"), "hosts");
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it), n++) {
        if (!text_name_ok(it->text))
            return yaml_fail(it, e, _("expected a name of a-z, 0-9 and -, found \"%.80s\""), it->text);
        if (n >= PLAN_HOSTS_MAX) return yaml_fail(it, e, _("more than %d hosts"), PLAN_HOSTS_MAX);
        for (const struct yaml_node *o = yaml_first(list); o != it; o = yaml_next(list, o))
            if (!strcmp(o->text, it->text)) return yaml_fail(it, e, _("\"%s\" stands here twice"), it->text);
    }
    return 0;
}

/* Whether this is an absolute path without empty, "." or ".." components. */
static bool path_ok(const char *s) {
    if (*s != '/' || strlen(s) > 4000) return false;
    while (*s == '/') {
        size_t n = strcspn(++s, "/");
        if ((!n && *s) || (n == 1 && *s == '.') || (n == 2 && !strncmp(s, "..", 2))) return false;
        s += n;
    }
    return true;
}

static int check_content(const struct yaml_node *top, bool backup, struct err *e) {
    const struct yaml_node *content = yaml_get(top, "content"), *paths, *excludes;
    size_t n = 0;
    if (yaml_list(content, "paths", &paths, e) < 0 || yaml_list(content, "excludes", &excludes, e) < 0) return -1;
    if (backup && !yaml_first(paths))
        return yaml_fail(content ? content : top, e, _("the key \"%s\" is missing"), content ? "paths" : "content");
    for (const struct yaml_node *it = yaml_first(paths); it; it = yaml_next(paths, it), n++) {
        if (!path_ok(it->text))
            return yaml_fail(it, e, _("expected an absolute path without . or .., found \"%.80s\""), it->text);
        if (n >= PLAN_PATHS_MAX) return yaml_fail(it, e, _("more than %d paths"), PLAN_PATHS_MAX);
    }
    return 0;
}

static struct js *tree_of(const struct yaml_node *n) { /* at most YAML_DEPTH_MAX deep */
    if (n->kind == YAML_LIST) {
        struct js *a = js_array();
        for (const struct yaml_node *c = n->child; c; c = c->next)
            if (c->kind == YAML_SCALAR) js_push_str(a, c->text);
            else js_push(a, tree_of(c));
        return a;
    }
    struct js *o = js_object();
    for (const struct yaml_node *c = n->child; c; c = c->next) {
        if (c->kind != YAML_SCALAR) js_set(o, c->key, tree_of(c));
        else if (c->quoted || *c->text) js_set_str(o, c->key, c->text);
    }
    return o;
}

/* A single word where a list may stand means a list of one: the same plan, so the same hash. */
static void make_list(struct js *map, const char *key) {
    const char *s = js_str(map, key, NULL);
    if (!s) return;
    struct js *a = js_array();
    js_push_str(a, s);
    js_set(map, key, a);
}

static int finish(const struct yaml_node *top, struct plan *p, struct err *e) {
    p->form = tree_of(top);
    make_list(p->form, "hosts"), make_list(p->form, "notify"), make_list(p->form, "locations");
    struct js *content = js_get(p->form, "content"), *res = js_get(p->form, "resources");
    if (content) make_list(content, "paths"), make_list(content, "excludes");
    for (size_t i = 0; res && i < COUNT(resource_lists); i++) make_list(res, resource_lists[i]);
    p->paths = js_get(content, "paths"), p->excludes = js_get(content, "excludes");
    const struct js *hosts = js_get(p->form, "hosts");
    p->hosts_n = js_count(hosts);
    p->hosts = calloc(p->hosts_n + 1, sizeof *p->hosts);
    if (!p->hosts) return err_set(e, ZE_NOMEM, p->name, "plan");
    for (size_t i = 0; i < p->hosts_n; i++) p->hosts[i] = js_text(js_at(hosts, i));
    p->canonical = js_dump(p->form);
    seal_hash(p->hash, p->canonical, strlen(p->canonical));
    return 0;
}

int plan_parse(const char *name, const void *text, size_t n, const char *zone, struct plan *p, struct err *e) {
    *p = (struct plan){.backup = true};
    struct yaml *y = yaml_parse(name, text, n, e);
    if (!y) return -1;
    const struct yaml_node *top = yaml_root(y);
    int rc = -1;
    if (check_keys(top, e) < 0 || read_name(top, "name", p->name, e) < 0) goto out;
    if (read_name(top, "system", p->system, e) < 0 || yaml_bool(top, "backup", true, &p->backup, e) < 0) goto out;
    if (check_hosts(top, e) < 0 || check_carried(top, e) < 0 || check_content(top, p->backup, e) < 0) goto out;
    if (plan_schedule(top, zone, p, e) < 0) goto out;
    if (yaml_int(top, "retention_days", 1, 36500, 90, &p->retention_days, e) < 0) goto out;
    if (plan_keep(top, &p->keep, e) < 0) goto out;
    const struct yaml_node *targets = yaml_get(top, "targets");
    if (plan_duration(targets, "rpo", &p->rpo_s, e) < 0 || plan_duration(targets, "rto", &p->rto_s, e) < 0) goto out;
    const struct yaml_node *limits = yaml_get(top, "limits");
    if (limits_yaml(limits, &p->limits, e) < 0 || yaml_bool(limits, "window_end", false, &p->window_end, e) < 0) goto out;
    rc = finish(top, p, e);
out:
    yaml_free(y);
    if (rc < 0) plan_free(p);
    return rc;
}

void plan_free(struct plan *p) {
    js_free(p->form);
    free(p->hosts);
    free(p->canonical);
    schedule_free(&p->schedule);
    *p = (struct plan){.backup = false};
}

bool plan_next(const struct plan *p, const struct workdays *t, int64_t after_s, struct run *run) {
    struct err e = ERR_INIT;
    struct zone *z = p->backup ? zone_open(p->zone, &e) : NULL;
    bool found = z && calendar_next(&p->schedule, z, t, after_s, run);
    zone_free(z);
    return found;
}

bool plan_frozen(const struct plan *p, int64_t at_s, int64_t *until_s) {
    struct err e = ERR_INIT;
    struct zone *z = p->schedule.freezes_n ? zone_open(p->zone, &e) : NULL;
    bool frozen = z && calendar_frozen(&p->schedule, z, at_s, until_s);
    zone_free(z);
    return frozen;
}

bool plan_has_host(const struct plan *p, const char *host) {
    for (size_t i = 0; i < p->hosts_n; i++)
        if (!strcmp(p->hosts[i], host)) return true;
    return false;
}
