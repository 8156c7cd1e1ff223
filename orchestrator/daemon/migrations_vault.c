/* What the vault is asked for migrations. A pin is never taken for granted: the points are listed again, and what the
 * vault then says it holds is what counts. Pinning twice does no harm, so whoever is in doubt pins again. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "hosts.h"
#include "migrations_internal.h"

struct js *vault_ask(struct daemon *d, const char *op, const char *host, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    struct js *a = NULL;
    js_set_str(q, "op", op);
    if (host) js_set_str(q, "host", host);
    return control_call(&d->control, q, &a, e) < 0 ? NULL : a;
}

int vault_time(struct daemon *d, int64_t *now_ns, struct err *e) {
    CLEANUP_JS struct js *a = vault_ask(d, "clock", NULL, e);
    if (!a) return -1;
    *now_ns = js_bool(a, "doubtful", true) ? 0 : hosts_time(a, "vault_time");
    return 0;
}

bool vault_gone(const struct err *e) { return e->id >= ZE_UNREACHABLE && e->id <= ZE_PROTO; }

static const struct js *find_point(const struct js *points, int64_t number) {
    for (size_t i = 0; i < js_count(points); i++)
        if (js_int(js_at(points, i), "point", 0) == number) return js_at(points, i);
    return NULL;
}

static int pin(struct daemon *d, const struct js *o, const struct pin_wish *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "pin");
    js_set_str(q, "host", js_str(o, "host", ""));
    js_set_int(q, "point", js_int(o, "point", 0));
    if (w->months) js_set_int(q, "months", w->months);
    else js_set_time(q, "until", w->until_ns);
    js_set_str(q, "who", w->who);
    js_set_str(q, "reason", w->reason);
    return control_call(&d->control, q, &a, e);
}

static int read_back(struct daemon *d, struct js *o, int64_t least_ns, struct err *e) {
    char name[100], until[32];
    CLEANUP_JS struct js *points = hosts_points(d, js_str(o, "host", ""), e);
    if (!points) return -1;
    const struct js *p = find_point(points, js_int(o, "point", 0));
    int64_t held = hosts_time(p, "pinned_until");
    snprintf(name, sizeof name, "%s/%lld", js_str(o, "host", ""), (long long)js_int(o, "point", 0));
    if (!p) return err_set(e, ZE_PINSHORT, name, _("the vault does not have this restore point"));
    if (!held) strcpy(until, "-");
    else text_time(until, held);
    if (held < least_ns) return err_set(e, ZE_PINSHORT, name, _("the vault holds it until %s"), until);
    js_set_time(o, "pinned_until", held);
    js_set_time(o, "walk_start", hosts_time(p, "walk_start"));
    return 0;
}

int points_pin(struct daemon *d, struct js *list, const struct pin_wish *w, struct err *e) {
    for (size_t i = 0; i < js_count(list); i++)
        /* If interrupted here, those before are pinned; whoever goes on pins them again, which changes nothing. */
        if (js_int(js_at(list, i), "point", 0) && pin(d, js_at(list, i), w, e) < 0) return -1;
    for (size_t i = 0; i < js_count(list); i++)
        if (js_int(js_at(list, i), "point", 0) && read_back(d, js_at(list, i), w->least_ns, e) < 0) return -1;
    return 0;
}

/* The finding that touches the point, or may: one that touches more points than it names may touch any of its host. */
static const struct js *finding_of(const struct js *findings, const char *host, int64_t point) {
    for (size_t i = 0; i < js_count(findings); i++) {
        const struct js *f = js_at(findings, i), *points = js_get(f, "points");
        if (strcmp(js_str(f, "host", ""), host) != 0) continue;
        if (js_int(f, "points_count", 0) > (int64_t)js_count(points)) return f;
        for (size_t k = 0; k < js_count(points); k++)
            if (js_number(js_at(points, k), 0) == point) return f;
    }
    return NULL;
}

static void judge(const struct js *p, const struct js *f, int64_t least_ns, char why[520]) {
    char until[32];
    *why = 0;
    if (!p) snprintf(why, 520, "%s", _("the vault does not have this restore point"));
    else if (strcmp(js_str(p, "state", ""), "complete") != 0)
        snprintf(why, 520, _("the restore point is %s"), js_str(p, "state", "?"));
    else if (f) snprintf(why, 520, _("the vault's scrub has found: %s"), js_str(f, "why", "?"));
    else if (hosts_time(p, "pinned_until") < least_ns) {
        text_time(until, least_ns);
        snprintf(why, 520, _("it is not pinned until %s"), until);
    }
}

int points_look(struct daemon *d, struct js *list, int64_t least_ns, struct js **found, struct err *e) {
    int bad = 0;
    *found = NULL;
    CLEANUP_JS struct js *scrub = vault_ask(d, "scrub", NULL, e), *out = js_array();
    for (size_t i = 0; scrub && i < js_count(list); i++) {
        char why[520];
        struct js *o = js_at(list, i), *x = js_object();
        const char *host = js_str(o, "host", "");
        int64_t number = js_int(o, "point", 0);
        js_push(out, x);
        CLEANUP_JS struct js *points = hosts_points(d, host, e);
        if (!points && vault_gone(e)) return -1;
        const struct js *p = find_point(points, number);
        judge(p, finding_of(js_get(scrub, "findings"), host, number), least_ns, why);
        if (!points) snprintf(why, sizeof why, "%s", e->msg), *e = (struct err)ERR_INIT; /* its log is damaged */
        if (p) js_set_time(o, "walk_start", hosts_time(p, "walk_start")), js_set_int(o, "bytes", js_int(p, "bytes", 0));
        if (hosts_time(p, "pinned_until")) js_set_time(o, "pinned_until", hosts_time(p, "pinned_until"));
        js_set_str(x, "host", host);
        js_set_int(x, "point", number);
        js_set_bool(x, "ok", !*why);
        js_set_str(x, "why", *why ? why : NULL);
        bad += *why != 0;
    }
    if (!scrub) return -1;
    *found = out, out = NULL;
    return bad;
}
