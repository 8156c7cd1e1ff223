/* Pins and removal over the API. zaibeid only carries them: the vault judges, and approvals pass through untouched. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"

const char *api_person(const struct api_call *c) {
    return c->d->cfg->people_off ? js_str(c->body, "who", c->who->name) : c->who->name;
}

/* What was asked for, for the record; approvals are in the vault's own log. */
static struct js *detail_of(struct api_call *c) {
    static const char *const members[] = {"who", "reason", "until"};
    struct js *j = js_object(), *points = js_get(c->body, "points");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (js_str(c->body, members[i], NULL)) js_set_str(j, members[i], js_str(c->body, members[i], NULL));
    if (js_int(c->body, "months", 0)) js_set_int(j, "months", js_int(c->body, "months", 0));
    if (points) js_set(j, "points", js_copy(points));
    else js_set_str(j, "point", c->arg[1]);
    return j;
}

/* Ask the vault for ${op} on the host of the path with the named members of the body. */
static struct js *ask(struct api_call *c, const char *op, const char *const *members, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    struct js *a = NULL;
    js_set_str(q, "op", op);
    js_set_str(q, "host", c->arg[0]);
    for (; members && *members; members++) {
        const char *text = strcmp(*members, "who") != 0 ? js_str(c->body, *members, NULL) : api_person(c);
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

/* The same for what changes something: a record before, and one after. */
static struct js *act(struct api_call *c, const char *op, const char *const *members, struct err *e) {
    char name[32], asked[40];
    bool dry = js_bool(c->body, "dry_run", false);
    snprintf(name, sizeof name, "point.%s", op);
    snprintf(asked, sizeof asked, "%s.asked", name);
    if (!dry && api_record(c, asked, c->arg[0], detail_of(c), e) < 0) return NULL;
    /* If interrupted here, the record says what was asked, and the vault's log whether it was done. */
    struct js *a = ask(c, op, members, e);
    if (!a || dry || api_record(c, name, c->arg[0], detail_of(c), e) == 0) return a;
    js_free(a);
    return NULL;
}

struct js *api_pins(struct api_call *c, struct err *e) {
    return ask(c, "pins", NULL, e);
}

/* The sealed half only: it opens with the recovery kit, which never comes here. */
struct js *api_slots(struct api_call *c, struct err *e) { return ask(c, "slots", NULL, e); }

struct js *api_point_pin(struct api_call *c, struct err *e) {
    static const char *const members[] = {"until", "months", "reason", "who", "dry_run", NULL};
    return act(c, "pin", members, e);
}

struct js *api_points_remove(struct api_call *c, struct err *e) {
    static const char *const members[] = {"points", "reason", "who", "approvals", "dry_run", NULL};
    struct js *a = act(c, "remove", members, e);
    if (a) atomic_store(&c->d->hosts_stale, true);
    return a;
}
