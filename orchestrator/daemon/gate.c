/* One place decides who passes, by the route's row; handlers cannot forget it. What is left to them is what only they know:
 * lists (they ask for the caller's department), bodies that name objects, and rules between people.
 *
 * Rates: a bucket for each source while nobody is known, since that is where guessing happens and where each request may
 * cost an Argon2; a bucket for each user afterwards. Over the network also one for the connections of each source. */
#include "gate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_drills.h"
#include "people/guard.h"

enum { JSON_BODY_MAX = 256 << 10, USER_PER_S = 100, USER_BURST = 1000, SOURCE_PER_S = 2, SOURCE_BURST = 60,
    CONNECT_PER_S = 10, CONNECT_BURST = 100 };

struct gate {
    pthread_mutex_t lock;
    struct rates rates;
};

static const struct principal local = {
    .name = "local", .roles = ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN | ROLE_SECURITY_ADMIN | ROLE_AUDITOR};

struct gate *gate_new(void) {
    struct gate *g = calloc(1, sizeof *g);
    if (g) pthread_mutex_init(&g->lock, NULL);
    return g;
}

void gate_free(struct gate *g) {
    if (!g) return;
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static int slow_down(struct daemon *d, const char *name, int64_t per_s, int64_t burst, int *retry, struct err *e) {
    if (!d->gate) return 0;
    pthread_mutex_lock(&d->gate->lock);
    *retry = rates_take(&d->gate->rates, name, d->clock->mono_ns(d->clock), per_s, burst);
    pthread_mutex_unlock(&d->gate->lock);
    return *retry ? err_set(e, ZE_TOOFAST, name, _("wait %d seconds"), *retry) : 0;
}

static int by_source(struct daemon *d, const struct http_request *r, int *retry, struct err *e) {
    char name[80];
    snprintf(name, sizeof name, "source %s", r->source);
    return slow_down(d, name, SOURCE_PER_S, SOURCE_BURST, retry, e);
}

bool gate_admit(struct daemon *d, const char *source) {
    struct err ignored = ERR_INIT;
    char name[80];
    int retry;
    snprintf(name, sizeof name, "connect %s", source);
    return slow_down(d, name, CONNECT_PER_S, CONNECT_BURST, &retry, &ignored) == 0;
}

/* Who the Authorization header stands for. */
static int known(struct daemon *d, const struct http_request *r, struct caller *c, int *retry, struct err *e) {
    const char *auth = http_get_header(r, "Authorization");
    char name[80];
    int rc = auth && !strncmp(auth, "Bearer ", 7) ? people_who(d, auth + 7, c, e)
                                                  : err_set(e, ZE_NOLOGIN, "", _("this needs a login"));
    if (rc < 0) {
        struct err why = *e;
        if (why.id == ZE_NOLOGIN && by_source(d, r, retry, e) == 0) *e = why;
        return -1;
    }
    snprintf(name, sizeof name, "user %s", c->p.name);
    return slow_down(d, name, USER_PER_S, USER_BURST, retry, e);
}

int gate_enter(struct daemon *d, const struct route *route, const struct http_request *r, struct caller *c, int *retry,
    struct err *e) {
    *c = (struct caller){.credential = 0};
    if (route->json && r->body_len > JSON_BODY_MAX)
        return err_set(e, ZE_TOOLARGE, route->path, _("more than %d bytes"), JSON_BODY_MAX);
    if (d->cfg->people_off) {
        c->p = local, c->held = local.roles;
        return 0;
    }
    if (route->act == ACT_PUBLIC) return route->json ? by_source(d, r, retry, e) : 0;
    if (known(d, r, c, retry, e) < 0) return -1;
    if (route->act == ACT_SELF || may_act(c->p.roles, route->act)) return 0;
    if (c->setup_password || c->setup_code)
        return err_set(e, ZE_SETUP, c->p.name,
            c->setup_password ? _("its password has to be changed first")
                              : _("one-time codes have to be set up first"));
    return err_set(e, ZE_ROLE, c->p.name, _("not allowed: %s"), act_name(route->act));
}

static bool job_visible(struct daemon *d, const char *part, const char *department) {
    uint64_t id;
    struct job j;
    return text_u64(part, INT64_MAX, &id) && job_get(d->db, (int64_t)id, &j) && reach_host(d->db, j.host, department);
}

static bool drill_visible(struct daemon *d, const char *part, const char *department) {
    uint64_t id;
    return text_u64(part, INT64_MAX, &id) && drill_seen(d->db, (int64_t)id, department);
}

int gate_sees(struct daemon *d, const char *path, const char *part, const struct principal *who, struct err *e) {
    bool plan = !strncmp(path, "/v1/plans/*", 11), job = !strncmp(path, "/v1/jobs/*", 10);
    bool host = !strncmp(path, "/v1/hosts/*", 11) || !strncmp(path, "/v1/points/*", 12);
    bool drill = !strncmp(path, "/v1/drills/*", 12);
    if (!*who->department || (!plan && !host && !job && !drill)) return 0;
    db_begin(d->db);
    bool sees = plan ? reach_plan(d->db, part, who->department)
        : job        ? job_visible(d, part, who->department)
        : drill      ? drill_visible(d, part, who->department)
                     : reach_host(d->db, part, who->department);
    if (db_commit(d->db, e) < 0) return -1;
    if (sees) return 0;
    return err_set(e, ZE_NOTFOUND, part, plan ? _("no such plan") : job ? _("no such job") : drill ? _("no such drill") : _("no such host"));
}
