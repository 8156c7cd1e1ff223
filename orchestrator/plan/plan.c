/* Reading a plan. First everything is checked against the table of the forms' fields, so that a misspelt key is never
 * silently ignored; then what is interpreted is read; last the whole tree becomes the canonical text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "plan/form.h"
#include "plan/plan_internal.h"
#include "plan/recovery.h"

static int check_hosts(const struct yaml_node *top, struct err *e) {
    const struct yaml_node *list;
    if (yaml_list(top, "hosts", &list, e) < 0) return -1;
    return yaml_first(list) ? 0 : yaml_fail(list ? list : top, e, _("the key \"%s\" is missing"), "hosts");
}

/* With backup there is something to back up; an offline copy has a place only where there is one. */
static int check_content(const struct yaml_node *top, bool backup, struct err *e) {
    const struct yaml_node *content = yaml_get(top, "content"), *paths, *method,
                           *place = yaml_get(top, "offline_place");
    if (yaml_list(content, "paths", &paths, e) < 0 || yaml_list(top, "method", &method, e) < 0) return -1;
    const struct yaml_node *commands = yaml_get(content, "commands");
    if (backup && !yaml_first(paths) && !(commands && commands->child))
        return yaml_fail(content ? content : top, e, _("the key \"%s\" is missing"), content ? "paths" : "content");
    const struct yaml_node *patience = yaml_get(content, "patience");
    int64_t s;
    if (patience && form_span(patience->text, &s) && s > PLAN_PATIENCE_MAX_S)
        return yaml_fail(patience, e, _("at most %s"), "1h");
    for (const struct yaml_node *it = yaml_first(method); place && it; it = yaml_next(method, it))
        if (!strcmp(it->text, "offline")) place = NULL;
    return place ? yaml_fail(place, e, _("expected method: offline beside it")) : 0;
}

/* Without what is empty: it says nothing. */
static struct js *tree_of(const struct yaml_node *n) { /* at most YAML_DEPTH_MAX deep */
    struct js *j = n->kind == YAML_LIST ? js_array() : js_object();
    for (const struct yaml_node *c = n->child; c; c = c->next) {
        struct js *inner = c->kind == YAML_SCALAR ? NULL : tree_of(c);
        if (inner && !js_count(inner)) js_free(inner);
        else if (inner && n->kind == YAML_LIST) js_push(j, inner);
        else if (inner) js_set(j, c->key, inner);
        else if (n->kind == YAML_LIST) js_push_str(j, c->text);
        else if (c->quoted || *c->text) js_set_str(j, c->key, c->text);
    }
    return j;
}

/* A single word where a list may stand means a list of one: the same plan, so the same hash. */
static void make_lists(struct js *map, const char *key) {
    size_t skip = strlen(key) + (*key != 0);
    for (const struct field *f = NULL; map && (f = form_next(key, f));) {
        const char *s = js_str(map, f->key + skip, NULL);
        struct js *inner = js_get(map, f->key + skip);
        if (f->type == FIELD_MAP) make_lists(inner, f->key);
        for (size_t i = 0; f->type == FIELD_MAPS && i < js_count(inner); i++) make_lists(js_at(inner, i), f->key);
        if (!form_is_list(f) || !s) continue;
        struct js *a = js_array();
        js_push_str(a, s);
        js_set(map, f->key + skip, a);
    }
}

/* Entries of the host's allow-list, checked already. */
static int take_entries(const struct js *list, struct plan_entry **out, size_t *n, struct err *e) {
    *n = js_count(list);
    *out = calloc(*n + 1, sizeof **out);
    if (!*out) return err_set(e, ZE_NOMEM, "plan", "plan");
    for (size_t i = 0; i < *n; i++) {
        const struct js *j = js_at(list, i);
        struct plan_entry *p = &(*out)[i];
        p->name = js_str(j, "name", "");
        if (!form_span(js_str(j, "timeout", ""), &p->timeout_s)) p->timeout_s = 0;
        if (!form_size(js_str(j, "least", ""), &p->least)) p->least = 0;
    }
    return 0;
}

static int finish(const struct yaml_node *top, struct plan *p, struct err *e) {
    p->form = tree_of(top);
    make_lists(p->form, "");
    const struct js *content = js_get(p->form, "content"), *hooks = js_get(p->form, "hooks");
    p->recovery = js_get(p->form, "recovery");
    p->paths = js_get(content, "paths"), p->excludes = js_get(content, "excludes");
    const struct js *hosts = js_get(p->form, "hosts");
    p->hosts_n = js_count(hosts);
    p->hosts = calloc(p->hosts_n + 1, sizeof *p->hosts);
    if (!p->hosts) return err_set(e, ZE_NOMEM, p->name, "plan");
    for (size_t i = 0; i < p->hosts_n; i++) p->hosts[i] = js_text(js_at(hosts, i));
    if (take_entries(js_get(content, "commands"), &p->commands, &p->commands_n, e) < 0) return -1;
    if (take_entries(js_get(hooks, "pre"), &p->pre, &p->pre_n, e) < 0) return -1;
    if (take_entries(js_get(hooks, "post"), &p->post, &p->post_n, e) < 0) return -1;
    p->canonical = js_dump(p->form);
    seal_hash(p->hash, p->canonical, strlen(p->canonical));
    return 0;
}

/* What is neither schedule nor content: checked by form_check. */
static int read_rest(const struct yaml_node *top, struct plan *p, struct err *e) {
    const struct yaml_node *targets = yaml_get(top, "targets"), *limits = yaml_get(top, "limits");
    const char *rpo, *rto, *quota;
    if (yaml_int(top, "retention_days", 1, 36500, 90, &p->retention_days, e) < 0) return -1;
    if (yaml_int(top, "priority", 1, 9, 5, &p->priority, e) < 0) return -1;
    if (yaml_int(top, "approvals", 1, 2, 1, &p->approvals, e) < 0) return -1;
    if (yaml_str_or(targets, "rpo", "", &rpo, e) < 0 || yaml_str_or(targets, "rto", "", &rto, e) < 0) return -1;
    if (yaml_str_or(top, "quota", "", &quota, e) < 0) return -1;
    if (!form_span(rpo, &p->rpo_s)) p->rpo_s = 0;
    if (!form_span(rto, &p->rto_s)) p->rto_s = 0;
    if (!form_size(quota, &p->quota)) p->quota = 0;
    if (limits_yaml(limits, &p->limits, e) < 0) return -1;
    return yaml_bool(limits, "window_end", false, &p->window_end, e);
}

int plan_parse(const char *name, const void *text, size_t n, const char *zone, struct plan *p, struct err *e) {
    *p = (struct plan){.backup = true};
    struct yaml *y = yaml_parse(name, text, n, e);
    if (!y) return -1;
    const struct yaml_node *top = yaml_root(y);
    int rc = -1;
    if (form_check(top, e) < 0 || yaml_copy(top, "name", NULL, p->name, sizeof p->name, e) < 0) goto out;
    if (yaml_copy(top, "system", NULL, p->system, sizeof p->system, e) < 0) goto out;
    if (yaml_bool(top, "backup", true, &p->backup, e) < 0) goto out;
    if (check_hosts(top, e) < 0 || check_content(top, p->backup, e) < 0) goto out;
    if (recovery_check(top, p->backup, e) < 0) goto out;
    if (plan_schedule(top, zone, p, e) < 0 || plan_keep(top, &p->keep, e) < 0 || read_rest(top, p, e) < 0) goto out;
    rc = finish(top, p, e);
out:
    yaml_free(y);
    if (rc < 0) plan_free(p);
    return rc;
}

void plan_free(struct plan *p) {
    js_free(p->form);
    free(p->hosts);
    free(p->commands), free(p->pre), free(p->post);
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
