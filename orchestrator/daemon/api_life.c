/* The acts on plans over the API. What is decided is in decide.c; here requests become its arguments. Every act may name the
 * version that the person looked at, so that nobody decides on what came after. */
#include "api_life.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cost.h"
#include "decide.h"
#include "sys/file.h"

/* The version as it is now, after an act. */
static struct js *answer(struct api_call *c, const struct version *v, struct err *e) {
    struct zone *z = zone_open(c->d->cfg->zone, e);
    if (!z) return NULL;
    db_begin(c->d->db);
    struct js *j = life_json(c->d, v, z);
    zone_free(z);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

static bool asked(const struct api_call *c, const char *name) {
    const char *s = http_query(c->r, name);
    return s && !strcmp(s, "1");
}

struct js *api_plan_submit(struct api_call *c, struct err *e) {
    struct plan p;
    struct version v;
    struct js *j = NULL;
    char escaped[200];
    const char *name = http_query(c->r, "file");
    text_escape(escaped, sizeof escaped, name ? name : "plan", strlen(name ? name : "plan"));
    if (plan_parse(escaped, c->r->body, c->r->body_len, c->d->cfg->zone, &p, e) < 0) return NULL;
    CLEANUP_FREE char *text = strndup((const char *)c->r->body, c->r->body_len);
    if (!text) err_set(e, ZE_NOMEM, p.name, "text");
    else if (!may_see(c->who, js_str(p.form, "department", "")))
        err_set(e, ZE_REFUSED, p.name, _("the plan names another department"));
    else if (asked(c, "dry_run")) j = cost_json(c->d, &p, e);
    else if (decide_submit(c->d, c->who, &p, text, asked(c, "draft"), &v, e) == 0) {
        j = answer(c, &v, e);
        c->status = 201;
    }
    plan_free(&p);
    return j;
}

static struct js *act(struct api_call *c, enum life_act a, const char *member, struct err *e) {
    struct version v;
    const char *text = js_str(c->body, member, "");
    if (decide_act(c->d, c->who, a, c->arg[0], js_int(c->body, "version", 0), text, &v, e) < 0) return NULL;
    return answer(c, &v, e);
}

struct js *api_plan_review(struct api_call *c, struct err *e) {
    return act(c, LIFE_REVIEW, "opinion", e);
}
struct js *api_plan_approve(struct api_call *c, struct err *e) {
    return act(c, LIFE_APPROVE, "opinion", e);
}
struct js *api_plan_reject(struct api_call *c, struct err *e) {
    return act(c, LIFE_REJECT, "reason", e);
}
struct js *api_plan_withdraw(struct api_call *c, struct err *e) {
    return act(c, LIFE_WITHDRAW, "reason", e);
}
struct js *api_plan_suspend(struct api_call *c, struct err *e) {
    return act(c, LIFE_SUSPEND, "reason", e);
}
struct js *api_plan_resume(struct api_call *c, struct err *e) {
    return act(c, LIFE_RESUME, "reason", e);
}

/* A question of the cancellation form: true or false, and nothing else will do. */
static bool answered(const struct js *body, const char *key, bool *out) {
    *out = js_bool(body, key, false);
    return *out == js_bool(body, key, true);
}

struct js *api_plan_retire(struct api_call *c, struct err *e) {
    struct version v;
    struct retirement r = {.reason = js_str(c->body, "reason", "")};
    const char *place = js_str(c->body, "place", "");
    r.at_platform = !strcmp(place, "platform");
    bool kept =
        answered(c->body, "keep_backups", &r.keep_backups) && answered(c->body, "keep_vm_files", &r.keep_vm_files);
    bool placed = r.at_platform || !strcmp(place, "self") || (kept && !r.keep_backups && !r.keep_vm_files && !*place);
    if (!kept) err_set(e, ZE_USAGE, c->arg[0], _("keep_backups and keep_vm_files: expected true or false"));
    else if (!placed) err_set(e, ZE_USAGE, c->arg[0], _("place: expected self or platform"));
    if (e->id || decide_retire(c->d, c->who, c->arg[0], &r, &v, e) < 0) return NULL;
    return answer(c, &v, e);
}

struct js *api_plan_cost(struct api_call *c, struct err *e) {
    struct version v;
    struct plan p;
    db_begin(c->d->db);
    int rc = life_find(c, &v, e) < 0 || life_plan(c->d, &v, &p, e) < 0 ? -1 : 0;
    db_abort(c->d->db);
    if (rc < 0) return NULL;
    struct js *j = cost_json(c->d, &p, e);
    if (j) js_set_int(j, "version", v.version);
    plan_free(&p);
    return j;
}
