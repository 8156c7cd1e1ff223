/* The backups that a migration asks for: of the originals at the cutover, of the targets before a rollback. Where the
 * originals are a whole system it is a system point, all of them frozen together; else they are jobs as somebody
 * would queue them by hand, one for each host; and their numbers stand in the migration's facts in the same
 * transaction: after a crash there is neither a job without its migration nor the other way round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "migrations_internal.h"
#include "systems.h"

static void queue(
    struct daemon *d, const struct plan *p, int64_t version, const char *host, const char *who, struct js *o) {
    struct host h;
    struct job j = {.plan_version = version,
        .origin = "manual",
        .labels = "manual",
        .state = "queued",
        .priority = p->priority,
        .due_ns = daemon_now(d),
        .queued_ns = daemon_now(d)};
    bool points = catalog_host_get(d->db, host, &h) && h.points > 0;
    snprintf(j.kind, sizeof j.kind, "%s", points ? "incremental" : "full");
    snprintf(j.host, sizeof j.host, "%s", host);
    snprintf(j.plan, sizeof j.plan, "%s", p->name);
    text_hex(j.plan_hash, p->hash, sizeof p->hash);
    job_add(d->db, &j);
    job_record(d->db, &j, daemon_now(d), who, "job.run");
    js_set_int(o, "job", j.id);
    js_set_str(o, "point", NULL);
}

int jobs_ask(struct daemon *d, struct js *list, const char *who, struct err *e) {
    size_t n;
    char **names = catalog_plan_names(d->db, &n);
    for (size_t i = 0; i < js_count(list); i++) js_set_int(js_at(list, i), "job", 0);
    for (size_t i = 0; i < n; i++) {
        struct plan p;
        int64_t v = catalog_plan_load(d->db, names[i], 0, d->cfg->zone, &p, NULL, NULL);
        for (size_t k = 0; v && p.backup && k < js_count(list); k++) {
            struct js *o = js_at(list, k);
            const char *host = js_str(o, "host", "");
            if (!js_int(o, "job", 0) && plan_has_host(&p, host)) queue(d, &p, v, host, who, o);
        }
        if (v) plan_free(&p);
        free(names[i]);
    }
    free(names);
    for (size_t i = 0; i < js_count(list); i++)
        if (!js_int(js_at(list, i), "job", 0))
            return err_set(e, ZE_NOTFOUND, js_str(js_at(list, i), "host", ""),
                _("no active plan backs this host up: put it into one, or roll back without its data (--unsaved)"));
    return 0;
}

static bool names(const struct js *hosts, const char *host) {
    for (size_t i = 0; i < js_count(hosts); i++)
        if (!strcmp(js_text(js_at(hosts, i)) ? js_text(js_at(hosts, i)) : "", host)) return true;
    return false;
}

/* Whether the originals are just the hosts of the system as plans in force have it: then one number stands for all
 * their points. */
static bool is_system(struct daemon *d, const struct migration *m, const struct js *originals) {
    CLEANUP_JS struct js *system = system_get(d->db, m->system);
    const struct js *hosts = js_get(system, "hosts");
    bool all = hosts && js_count(hosts) == js_count(originals);
    for (size_t i = 0; all && i < js_count(originals); i++) all = names(hosts, js_str(js_at(originals, i), "host", ""));
    return all;
}

int originals_ask(struct daemon *d, struct migration *m, const char *who, struct err *e) {
    char why[100];
    struct js *originals = js_get(m->facts, "originals");
    if (!is_system(d, m, originals)) return jobs_ask(d, originals, who, e);
    snprintf(why, sizeof why, "migration %s", m->name);
    int64_t id = system_point_new(d, who, m->system, why, e);
    if (id < 0) return -1;
    CLEANUP_JS struct js *point = system_point_get(d->db, id);
    const struct js *hosts = js_get(point, "hosts");
    js_set_int(m->facts, "system_point", id);
    for (size_t i = 0; i < js_count(originals); i++)
        for (size_t k = 0; k < js_count(hosts); k++)
            if (!strcmp(js_str(js_at(hosts, k), "host", ""), js_str(js_at(originals, i), "host", "")))
                js_set_int(js_at(originals, i), "job", js_int(js_at(hosts, k), "job", 0));
    return 0;
}

int jobs_done(struct daemon *d, struct js *list, bool partial, struct err *why) {
    bool all = true;
    for (size_t i = 0; i < js_count(list); i++) {
        struct job j;
        struct js *o = js_at(list, i);
        const char *host = js_str(o, "host", "");
        bool known = job_get(d->db, js_int(o, "job", 0), &j);
        bool open = known && (!strcmp(j.state, "queued") || !strcmp(j.state, "running"));
        bool good = known && j.point && (!strcmp(j.state, "ok") || (partial && !strcmp(j.state, "partial")));
        if (good) js_set_int(o, "point", j.point);
        else if (!open)
            return err_set(why, ZE_LASTPOINT, host, _("job %lld is %s: %s"), (long long)js_int(o, "job", 0),
                known ? j.state : "?", known ? j.err_msg : "");
        all = all && good;
    }
    return all;
}
