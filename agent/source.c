/* One face for all places that restore points come from. The key check of a commit record is held against the key
 * before anything is opened with it, so that a wrong key is never mistaken for damage. */
#include "source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "limiter.h"

static int half_said(const struct source_options *o, struct err *e) {
    char hosts[300] = "";
    if (o->dir && !o->host) source_store_hosts(o->dir, hosts, sizeof hosts);
    if (*hosts)
        return err_set(e, ZE_USAGE, o->dir, _("--vault, --host and --kit belong together; it has the hosts: %s"), hosts);
    return err_set(e, ZE_USAGE, NULL, _("--vault, --host and --kit belong together"));
}

int source_open(struct source *s, const struct source_options *o, struct err *e) {
    memset(s, 0, sizeof *s);
    if (o->dir && o->host && o->kit) return source_store_open(s, o, e);
    if (o->dir || o->host || o->kit) return half_said(o, e);
    if (config_load(o->config, &s->cfg, e) < 0) return -1;
    s->cfg.limiter = o->limiter;
    s->over_session = true;
    snprintf(s->host, sizeof s->host, "%s", s->cfg.host);
    if (o->granted) s->granted = *o->granted, snprintf(s->host, sizeof s->host, "%s", o->granted->host);
    if (session_open(&s->cfg, &s->session, e) == 0 &&
        (!o->granted || session_source(&s->session, o->granted->host, o->granted->host_id, e) == 0)) {
        if (s->cfg.transport != TRANSPORT_DIR) limiter_link_runs(o->limiter, s->session.child_pid);
        s->fetch = fetch_over_session(&s->session);
        if (s->fetch) return 0;
        err_set(e, ZE_NOMEM, s->host, _("fetching"));
    }
    source_close(s);
    return -1;
}

int source_open_given(struct source *s, const char *host, const uint8_t host_id[SEAL_ID], const uint8_t key[SEAL_KEY], int rfd,
    int wfd, struct err *e) {
    memset(s, 0, sizeof *s);
    struct config *c = &s->cfg;
    c->statefd = -1, c->transport = TRANSPORT_GIVEN;
    snprintf(s->host, sizeof s->host, "%s", host);
    snprintf(c->host, sizeof c->host, "%s", host);
    snprintf(c->vault, sizeof c->vault, "%s", _("the vault"));
    memcpy(c->ids.host_id, host_id, SEAL_ID);
    s->over_session = true;
    c->host_key = secret_alloc(SEAL_KEY);
    if (!c->host_key) {
        close(rfd), close(wfd);
        return err_set(e, ZE_NOMEM, host, _("its key"));
    }
    memcpy(c->host_key, key, SEAL_KEY);
    int rc = session_open_given(c, rfd, wfd, &s->session, e);
    if (rc == 0 && !(s->fetch = fetch_over_session(&s->session))) rc = err_set(e, ZE_NOMEM, host, _("fetching"));
    if (rc < 0) source_close(s);
    return rc;
}

void source_close(struct source *s) {
    fetch_free(s->fetch);
    s->fetch = NULL;
    if (s->over_session) {
        session_close(&s->session);
        config_free(&s->cfg);
    }
    secret_free(s->kit);
    s->kit = NULL;
    s->over_session = false;
}

int source_points(
    struct source *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg, struct err *e) {
    return s->over_session ? session_points(&s->session, each, arg, e) : source_store_points(s, each, arg, e);
}

int source_keys(struct source *s, const struct record *commit, struct gen_keys **keys, struct err *e) {
    const struct rec_commit *c = &commit->commit;
    struct host_ids ids;
    uint8_t check[SEAL_ID], *key = secret_alloc(SEAL_KEY);
    char name[96];
    int rc = 0;
    snprintf(name, sizeof name, "%s/%u", s->host, c->point);
    if (!key) return err_set(e, ZE_NOMEM, name, _("its key"));
    if (s->over_session) memcpy(key, s->granted.key ? s->granted.key : s->cfg.host_key, SEAL_KEY);
    else rc = source_store_key(s, &c->keys, key, e);
    if (rc == 0) {
        key_check(check, key);
        if (!seal_equal(check, c->keys.check, SEAL_ID))
            rc = err_set(e, ZE_WRONGKEY, name, _("the key is not the one this restore point was sealed with"));
    }
    if (rc == 0) {
        memcpy(ids.system_id, c->system_id, SEAL_ID);
        memcpy(ids.host_id, commit->host_id, SEAL_ID);
        *keys = gen_keys_new(key, &ids, c->generation);
        if (!*keys) rc = err_set(e, ZE_NOMEM, name, _("its keys"));
    }
    secret_free(key);
    return rc;
}
