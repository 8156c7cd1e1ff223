/* Decisions. Each is one transaction: state, steps, audit, and what follows (jobs, orders) are there together or not at all,
 * so a process that is killed anywhere leaves the state before or after it. */
#include "catalog_people.h"
#include "decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approvals.h"
#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"
#include "systems.h"

static const char self[] = "zaibeid";

/* The version goes to its next state: row, step, audit. */
static void step(struct daemon *d, struct version *v, enum life_act act, int to, const char *who, const char *text) {
    char name[32];
    int64_t now = daemon_now(d);
    bool was_leaving = life_leaving(v->state);
    v->state = to;
    if (life_leaving(to) && !was_leaving) v->leaving_ns = now;
    if (!life_in_force(to) || act == LIFE_ENACT) v->state_ns = now;
    version_put(d->db, v);
    steps_add(d->db, v, life_act_name(act), who, now, text);
    struct js *detail = js_object();
    js_set_int(detail, "version", v->version);
    js_set_str(detail, "hash", v->hash);
    js_set_str(detail, "state", life_name(v->state));
    if (*text) js_set_str(detail, "text", text);
    snprintf(name, sizeof name, "plan.%s", life_act_name(act));
    audit_add(d->db, now, who, name, v->name, detail);
}

/* Jobs that wait and are not to run any more: of hosts the plan ${p} no longer names, or all (NULL). */
static void drop_jobs(struct daemon *d, const char *plan, const struct plan *p, const char *why) {
    size_t n;
    int64_t now = daemon_now(d);
    struct job *jobs = job_list(d->db, JOBS_QUEUED_OF, "", plan, 0, &n);
    for (size_t i = 0; i < n; i++) {
        if (p && p->backup && plan_has_host(p, jobs[i].host)) continue;
        snprintf(jobs[i].state, sizeof jobs[i].state, "skipped");
        snprintf(jobs[i].err_msg, sizeof jobs[i].err_msg, "%s", why);
        jobs[i].ended_ns = now;
        job_put(d->db, &jobs[i]);
        job_record(d->db, &jobs[i], now, self, "job.skipped");
    }
    free(jobs);
}

static int check_place(struct daemon *d, const struct plan *p, struct err *e) {
    const struct js *list = js_get(p->form, "locations");
    const char *here = d->cfg->location;
    if (!here || !js_count(list)) return 0;
    for (size_t i = 0; i < js_count(list); i++)
        if (!strcmp(js_text(js_at(list, i)), here)) return 0;
    return err_set(e, ZE_NOPLACE, p->name, _("the vault stands in %s, which is not among the plan's locations"), here);
}

/* Whether a version may begin here; ${v} gets the draft that becomes it, or is empty. Returns its state or <0. */
static int may_begin(struct daemon *d, const struct principal *who, const struct plan *p, enum life_act act,
    struct version *v, struct err *e) {
    struct version last, force;
    char hash[65];
    const char *department = js_str(p->form, "department", "");
    text_hex(hash, p->hash, sizeof p->hash);
    bool known = version_get(d->db, p->name, VERSION_NEWEST, &last),
         open = version_get(d->db, p->name, VERSION_OPEN, v);
    bool in_force = version_get(d->db, p->name, VERSION_IN_FORCE, &force);
    if (strlen(department) >= sizeof who->department)
        return err_set(e, ZE_USAGE, p->name, _("the name of the department is longer than %d bytes"), 255);
    if (!may_see(who, department)) return err_set(e, ZE_REFUSED, p->name, _("the plan names another department"));
    if (known && !may_see(who, last.department))
        return err_set(e, ZE_EXISTS, p->name, _("this name is taken by another plan"));
    bool same = open ? !strcmp(v->hash, hash) : in_force && !strcmp(force.hash, hash);
    if (same && !(open && v->state == LIFE_DRAFT && act == LIFE_SUBMIT))
        return err_set(e, ZE_NOTHING, p->name, _("version %lld has the same content"),
            (long long)(open ? v->version : force.version));
    if (check_place(d, p, e) < 0) return -1;
    return life_step(open ? v->state : in_force ? force.state : known ? last.state : LIFE_NONE, act, p->name, e);
}

int decide_submit(struct daemon *d, const struct principal *who, const struct plan *p, const char *text, bool draft,
    struct version *v, struct err *e) {
    enum life_act act = draft ? LIFE_SAVE : LIFE_SUBMIT;
    db_begin(d->db);
    int to = may_begin(d, who, p, act, v, e);
    if (to < 0) return db_abort(d->db), -1;
    snprintf(v->name, sizeof v->name, "%s", p->name);
    snprintf(v->department, sizeof v->department, "%s", js_str(p->form, "department", ""));
    text_hex(v->hash, p->hash, sizeof p->hash);
    v->submitter = who->id; /* who wrote it last answers for all of it */
    v->state = to;
    if (!v->version) version_add(d->db, v, text);
    else version_write(d->db, v, text);
    step(d, v, act, to, who->name, "");
    if (db_commit(d->db, e) < 0) return -1;
    daemon_log(d, _("plan %s version %lld: %s by %s"), v->name, (long long)v->version, life_act_name(act), who->name);
    return 0;
}

/* ---- what follows from a decision ---- */

/* The approved version takes the place of the one in force. A suspension is about the plan, not the version: it stays. */
static int enact(struct daemon *d, struct version *v, struct err *e) {
    struct version old;
    struct plan p;
    CLEANUP_FREE char *text = version_text(d->db, v->name, v->version);
    if (!text || plan_parse(v->name, text, strlen(text), d->cfg->zone, &p, e) < 0)
        return text ? -1 : err_set(e, ZE_NOTFOUND, v->name, _("no such plan"));
    int rc = check_place(d, &p, e), to;
    char other[64];
    if (rc == 0 && systems_second(d->db, &p, other))
        rc = err_set(e, ZE_SECONDRECOVERY, p.name, _("plan %s has the recovery of system %s"), other, p.system);
    if (rc == 0) {
        bool had = version_get(d->db, v->name, VERSION_IN_FORCE, &old), still = had && old.state == LIFE_SUSPENDED;
        if (had && (to = life_next(old.state, LIFE_REPLACE)) >= 0) step(d, &old, LIFE_REPLACE, to, self, "");
        else db_exec(d->db, "DELETE FROM cursors WHERE plan=?", "s", v->name); /* its calendar begins now */
        systems_put(d->db, &p);
        reach_put(d->db, v->name, v->department, p.hosts, p.hosts_n);
        v->applied_ns = daemon_now(d);
        step(d, v, LIFE_ENACT, LIFE_ACTIVE, self, "");
        if (still) step(d, v, LIFE_SUSPEND, LIFE_SUSPENDED, self, _("the version before was suspended"));
        drop_jobs(d, v->name, &p, _("the plan does not name this host any more"));
    }
    plan_free(&p);
    return rc;
}

/* What the cancellation form was answered. Restore points are never removed here: drop_points only lets the retention pass
 * ask the vault, which refuses what is protected. */
static void retire(struct daemon *d, struct version *v) {
    CLEANUP_JS struct js *r = retirement_get(d->db, v->name, v->version);
    int64_t now = daemon_now(d);
    bool keep = js_bool(r, "keep_backups", true), files = js_bool(r, "keep_vm_files", true);
    bool self_kept = !strcmp(js_str(r, "place", "platform"), "self");
    v->drop_points = !keep;
    version_put(d->db, v);
    order_add(d->db, v, !files ? "remove-vm-files" : self_kept ? "hand-over-vm-files" : "keep-vm-files", now);
    if (keep && self_kept) order_add(d->db, v, "hand-over-backups", now);
    drop_jobs(d, v->name, NULL, _("the plan is retired"));
}

static int follow(struct daemon *d, struct version *v, enum life_act act, struct err *e) {
    if (v->state == LIFE_APPROVED) return enact(d, v, e);
    if (v->state == LIFE_RETIRED) retire(d, v);
    if (act == LIFE_SUSPEND) drop_jobs(d, v->name, NULL, _("the plan is suspended"));
    if (act == LIFE_RESUME) /* what fell into the pause is not missed: nothing was due */
        db_exec(d->db, "UPDATE cursors SET upto_s=max(upto_s,?) WHERE plan=?", "is", daemon_now(d) / NS_PER_S, v->name);
    return 0;
}

/* ---- deciding ---- */

/* The version that an act is about: on its way, else in force, else the last, whose state then says why not. */
static int find(struct daemon *d, const struct principal *who, enum life_act act, const char *name, struct version *v,
    struct err *e) {
    bool force_first = act == LIFE_SUSPEND || act == LIFE_RESUME || act == LIFE_RETIRE;
    const int64_t order[] = {
        force_first ? VERSION_IN_FORCE : VERSION_OPEN, force_first ? VERSION_OPEN : VERSION_IN_FORCE, VERSION_NEWEST};
    for (size_t i = 0; i < 3; i++)
        if (version_get(d->db, name, order[i], v))
            return may_see(who, v->department) ? 0 : err_set(e, ZE_NOTFOUND, name, _("no such plan"));
    return err_set(e, ZE_NOTFOUND, name, _("no such plan"));
}

/* 审核意见 and reasons: bounded, and given where the other side has to learn why. */
static int check_text(enum life_act act, const char *name, const char *text, struct err *e) {
    if (strlen(text) > LIFE_TEXT_MAX) return err_set(e, ZE_USAGE, name, _("longer than %d bytes"), LIFE_TEXT_MAX);
    if (!*text && (act == LIFE_REJECT || act == LIFE_SUSPEND || act == LIFE_RETIRE))
        return err_set(e, ZE_USAGE, name, _("a reason is needed"));
    return 0;
}

static int check_person(
    struct daemon *d, const struct principal *who, enum life_act act, const struct version *v, struct err *e) {
    int64_t owner = life_leaving(v->state) ? v->asker : v->submitter;
    bool decides = act == LIFE_REVIEW || act == LIFE_APPROVE || act == LIFE_REJECT;
    if (!decides || d->cfg->people_off || who->id != owner) return 0;
    return err_set(e, ZE_OWNPLAN, v->name, _("%s submitted it"), who->name);
}

/* 1: this was an approval, and another person's is needed too. */
static int first_of_two(struct daemon *d, const struct principal *who, const struct version *v, const char *text,
    struct err *e) {
    bool mine;
    int64_t needed = approvals_needed(d, v), given = approvals_given(d->db, v, who->name, &mine), now = daemon_now(d);
    if (needed > 1 && mine) return err_set(e, ZE_SAMEPERSON, v->name, _("%s has approved it already"), who->name);
    if (given + 1 >= needed) return 0;
    steps_add(d->db, v, life_act_name(LIFE_APPROVE), who->name, now, text);
    struct js *detail = js_object();
    js_set_int(detail, "version", v->version);
    js_set_str(detail, "hash", v->hash);
    js_set_str(detail, "state", life_name(v->state));
    js_set_int(detail, "approvals", given + 1);
    js_set_int(detail, "needed", needed);
    if (*text) js_set_str(detail, "text", text);
    audit_add(d->db, now, who->name, "plan.approve", v->name, detail);
    return 1;
}

static int decide(struct daemon *d, const struct principal *who, enum life_act act, const char *name, int64_t version,
    const char *text, struct version *v, const struct retirement *r, struct err *e) {
    if (check_text(act, name, text, e) < 0 || find(d, who, act, name, v, e) < 0) return -1;
    int to = life_step(v->state, act, name, e);
    if (to < 0) return -1;
    if (version && version != v->version)
        return err_set(e, ZE_PLANCHANGED, name, _("it is now about version %lld"), (long long)v->version);
    if (check_person(d, who, act, v, e) < 0) return -1;
    int rc = act == LIFE_APPROVE ? first_of_two(d, who, v, text, e) : 0;
    if (rc != 0) return rc < 0 ? -1 : 0;
    if (r) v->asker = who->id, retirement_put(d->db, v, r);
    step(d, v, act, to, who->name, text);
    return follow(d, v, act, e);
}

static int run(struct daemon *d, const struct principal *who, enum life_act act, const char *name, int64_t version,
    const char *text, struct version *v, const struct retirement *r, struct err *e) {
    db_begin(d->db);
    if (decide(d, who, act, name, version, text, v, r, e) < 0) return db_abort(d->db), -1;
    /* If interrupted here, nothing of it has happened; after the commit all of it has. */
    if (db_commit(d->db, e) < 0) return -1;
    atomic_fetch_add(&d->plans_changed, 1);
    daemon_log(d, _("plan %s version %lld: %s by %s"), v->name, (long long)v->version, life_act_name(act), who->name);
    return 0;
}

int decide_act(struct daemon *d, const struct principal *who, enum life_act act, const char *name, int64_t version,
    const char *text, struct version *v, struct err *e) {
    return run(d, who, act, name, version, text, v, NULL, e);
}

int decide_retire(struct daemon *d, const struct principal *who, const char *name, const struct retirement *r,
    struct version *v, struct err *e) {
    return run(d, who, LIFE_RETIRE, name, 0, r->reason, v, r, e);
}

int decide_order(
    struct daemon *d, const struct principal *who, int64_t id, const char *note, struct order *o, struct err *e) {
    char number[24];
    int64_t now = daemon_now(d);
    snprintf(number, sizeof number, "%lld", (long long)id);
    if (strlen(note) > LIFE_TEXT_MAX) return err_set(e, ZE_USAGE, number, _("longer than %d bytes"), LIFE_TEXT_MAX);
    db_begin(d->db);
    int rc = order_get(d->db, id, o) && may_see(who, o->department)
        ? 0
        : err_set(e, ZE_NOTFOUND, number, _("no such order"));
    if (rc == 0 && o->done_ns) rc = err_set(e, ZE_NOTHING, number, _("%s confirmed it already"), o->done_by);
    if (rc < 0) return db_abort(d->db), -1;
    order_done(d->db, id, who->name, note, now);
    struct js *detail = js_object();
    js_set_int(detail, "order", id);
    js_set_str(detail, "kind", o->kind);
    if (*note) js_set_str(detail, "text", note);
    audit_add(d->db, now, who->name, "plan.confirm", o->plan, detail);
    order_get(d->db, id, o);
    return db_commit(d->db, e);
}
