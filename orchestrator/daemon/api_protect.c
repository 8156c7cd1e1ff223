/* Pins and removal over the API. zaibeid only carries them: the vault judges, and approvals pass through untouched. */
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"

/* Ask the vault for ${op} on the host of the path with the named members of the body. */
static struct js *ask(struct api_call *c, const char *op, const char *const *members, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    struct js *a = NULL;
    js_set_str(q, "op", op);
    js_set_str(q, "host", c->arg[0]);
    for (; members && *members; members++) {
        const char *text = js_str(c->body, *members, NULL);
        struct js *list = js_get(c->body, *members);
        if (text) js_set_str(q, *members, text);
        else if (list) js_set(q, *members, js_copy(list));
        else if (js_int(c->body, *members, 0)) js_set_int(q, *members, js_int(c->body, *members, 0));
        else if (js_bool(c->body, *members, false)) js_set_bool(q, *members, true);
    }
    if (!strcmp(op, "pin")) {
        uint64_t n;
        js_set_int(q, "point", text_u64(c->arg[1], UINT32_MAX, &n) ? (int64_t)n : 0);
    }
    return control_call(&c->d->control, q, &a, e) < 0 ? NULL : a;
}

static struct js *told(struct api_call *c, struct js *a, const char *what, struct err *e) {
    if (!a || js_bool(a, "dry_run", false)) return a;
    db_begin(c->d->db);
    event_add(c->d->db, daemon_now(c->d), "point", c->arg[0], _("%s by %s: %s"), what, js_str(c->body, "who", "?"),
        js_str(c->body, "reason", ""));
    if (db_commit(c->d->db, e) == 0) return a;
    js_free(a);
    return NULL;
}

struct js *api_pins(struct api_call *c, struct err *e) {
    return ask(c, "pins", NULL, e);
}

struct js *api_point_pin(struct api_call *c, struct err *e) {
    static const char *const members[] = {"until", "months", "reason", "who", "dry_run", NULL};
    return told(c, ask(c, "pin", members, e), _("pinned"), e);
}

struct js *api_points_remove(struct api_call *c, struct err *e) {
    static const char *const members[] = {"points", "reason", "who", "approvals", "dry_run", NULL};
    struct js *a = ask(c, "remove", members, e);
    if (a) atomic_store(&c->d->hosts_stale, true);
    return told(c, a, _("removed"), e);
}
