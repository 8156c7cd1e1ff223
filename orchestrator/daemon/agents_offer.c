/* What a host is asked to do: names and numbers of its plan, which the host judges by its own list and limits. */
#include <stdio.h>
#include <string.h>

#include "agents.h"
#include "plan/form.h"

/* Names of the host's own list, with the plan's times and sizes: the host judges them. */
static void offer_entries(struct js *o, const char *key, const struct js *list) {
    if (js_count(list)) js_set(o, key, js_copy(list));
}

/* Of a system point: what the recovery names for this host takes the place of the pre commands. */
static struct js *freeze_of(const struct job *j, const struct plan *p) {
    const struct js *hosts = js_get(p->recovery, "hosts"), *names = NULL;
    for (size_t i = 0; j->system_point && i < js_count(hosts); i++)
        if (!strcmp(js_str(js_at(hosts, i), "host", ""), j->host)) names = js_get(js_at(hosts, i), "freeze");
    if (!names) return NULL;
    struct js *list = js_array();
    for (size_t i = 0; i < js_count(names); i++) {
        struct js *entry = js_object();
        js_set_str(entry, "name", js_text(js_at(names, i)));
        js_push(list, entry);
    }
    return list;
}

/* How the paths are walked; NULL: as always. */
static struct js *options_of(const struct plan *p) {
    static const char *const flags[] = {"cross", "exclude_caches", "reread"};
    const struct js *content = js_get(p->form, "content");
    struct js *o = js_object();
    int64_t patience;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(js_str(content, flags[i], ""), "true")) js_set_bool(o, flags[i], true);
    if (form_span(js_str(content, "patience", ""), &patience)) js_set_int(o, "patience_s", patience);
    if (js_count(o)) return o;
    js_free(o);
    return NULL;
}

struct js *agents_offer(const struct job *j, const struct plan *p, int64_t now) {
    char id[24];
    struct js *limits = limits_json(&p->limits), *options = options_of(p);
    snprintf(id, sizeof id, "%lld", (long long)j->id);
    struct js *o = js_object();
    js_set_str(o, "job", id);
    js_set_str(o, "kind", j->kind);
    js_set_str(o, "ticket", j->ticket);
    js_set(o, "paths", p->paths ? js_copy(p->paths) : js_array());
    js_set(o, "excludes", p->excludes ? js_copy(p->excludes) : js_array());
    if (limits) js_set(o, "limits", limits);
    if (options) js_set(o, "options", options);
    js_set_str(o, "plan", p->name);
    CLEANUP_JS struct js *freeze = freeze_of(j, p);
    offer_entries(o, "pre", freeze ? freeze : js_get(js_get(p->form, "hooks"), "pre"));
    offer_entries(o, "post", js_get(js_get(p->form, "hooks"), "post"));
    offer_entries(o, "dumps", js_get(js_get(p->form, "content"), "commands"));
    snprintf(id, sizeof id, "%lld", (long long)j->system_point);
    if (j->system_point) js_set_str(o, "system_point", id);
    if (p->window_end && j->window_end_ns > now) js_set_int(o, "until_s", (j->window_end_ns - now) / NS_PER_S + 1);
    return o;
}
