/* The short verbs. Those that change something take effect through the same files and locks as the keeper's own. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "base/i18n.h"
#include "base/text.h"
#include "keep.h"
#include "keeper.h"
#include "recovery.h"
#include "retention.h"
#include "serve.h"
#include "stat.h"

static void message_print(struct js *j, const char *type) {
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", type);
    char *text = js_dump(j);
    puts(text);
    free(text);
    js_free(j);
}

int command_init(const struct words *w, struct err *e) {
    struct vault v;
    char id[HEX_ID], key[64];
    if (!w->recover != !w->kit) return err_set(e, ZE_USAGE, "init", _("--recover and --kit belong together"));
    int rc = w->recover ? vault_recover(w->dir, w->recover, w->kit, clock_real(), &v, e)
                        : vault_init(w->dir, clock_real(), &v, e);
    if (rc < 0) return -1;
    rc = recovery_set(&v, w, e);
    if (rc == 0) rc = recovery_write(&v, e);
    text_hex(id, v.header.id, SEAL_ID);
    b64_encode(key, sizeof key, keychain_last(&v.keys), SEAL_SIGN_PUB);
    if (w->json) {
        struct js *j = js_object();
        js_set_str(j, "vault", v.dir);
        js_set_str(j, "vault_id", id);
        js_set_str(j, "vault_key", key);
        message_print(j, "vault");
    } else {
        printf(w->recover ? _("Recovered the vault %s\n  vault id   %s\n  vault key  %s\n")
                          : _("Made the vault %s\n  vault id   %s\n  vault key  %s\n"), v.dir, id, key);
        if (w->recover)
            printf(_("Its recovery file has no second place yet: zaibei-vault recovery %s --to DIR\n"
                     "What the sshd of its old machine was told: %s/ssh/sshd_config\n"), v.dir, v.dir);
        printf(_("Start its keeper: zaibei-vault keep %s\n"), v.dir);
    }
    vault_close(&v);
    return rc;
}

int command_keep(const struct words *w, struct err *e) { return keep_main(w->dir, clock_real(), e); }

int command_serve(const struct words *w, struct err *e) {
    struct serve_options o = {.dir = w->dir, .local = w->local, .system = w->system};
    int ways = (w->host != NULL) + (w->enrol != NULL) + (w->enrol_local != NULL);
    if (ways != 1) return err_set(e, ZE_USAGE, "serve", _("one of --host, --enrol and --enrol-local is needed"));
    o.host = w->host ? w->host : w->enrol ? w->enrol : w->enrol_local;
    o.mode = w->host ? BIND_HOST : w->enrol ? BIND_TOKEN : BIND_LOCAL;
    if (o.mode == BIND_LOCAL && (!w->local || !w->system))
        return err_set(e, ZE_USAGE, "serve", _("--enrol-local needs --local and --system"));
    if (!text_name_ok(o.host) || (o.system && !text_name_ok(o.system)))
        return err_set(e, ZE_USAGE, o.host, _("names have letters a-z, digits and - only"));
    /* The process is confined by now: nothing that runs at an ordinary exit could still do its work. */
    if (serve_main(&o, e) == 0) _exit(ZB_EXIT_OK);
    err_print("zaibei-vault serve", e);
    _exit(err_exit(e));
}

/* The floor stands in the host's log too, signed and with a second copy: a byte of a note that rots must not shorten it. */
static int floor_log(struct vault *v, const char *host, uint64_t days, struct err *e) {
    struct js *q = js_object(), *a = js_object();
    js_set_str(q, "host", host);
    js_set_int(q, "days", (int64_t)days);
    js_set_str(q, "reason", "zaibei-vault rights");
    int rc = act_floor(v, q, a, e);
    js_free(a);
    js_free(q);
    return rc;
}

static int rights_change(struct vault *v, const struct words *w, struct rights *r, struct err *e) {
    struct host_log l;
    uint64_t days = r->floor_days;
    int rc = log_open(&l, v, w->second, e);
    if (rc == 0 && !l.next) rc = err_set(e, ZE_NOTFOUND, w->second, _("no such host is enrolled here"));
    unsigned floor = retention_floor(&l, NULL);
    log_free(&l);
    if (rc < 0) return rc;
    if (rights_load(v, w->second, r, e) < 0 && e->id != ZE_NOTFOUND) return -1;
    if (w->read && strcmp(w->read, "all") != 0 && strcmp(w->read, "meta") != 0)
        return err_set(e, ZE_USAGE, w->read, _("--read is all or meta"));
    if (w->floor_days && (!text_u64(w->floor_days, 36500, &days) || days < r->floor_days))
        return err_set(e, ZE_USAGE, w->floor_days, _("a floor only rises; it is %u days"), r->floor_days);
    if (w->read) r->read_all = strcmp(w->read, "all") == 0;
    if (w->floor_days) r->floor_days = (unsigned)days;
    if (!w->read && !w->floor_days) return 0;
    if (r->floor_days > floor && floor_log(v, w->second, r->floor_days, e) < 0) return -1;
    /* If interrupted here, the floor holds by the log, and the note is what it was. */
    if (rights_save(v, w->second, r, e) < 0) return -1;
    recovery_follow(v);
    return 0;
}

int command_rights(const struct words *w, struct err *e) {
    struct vault v;
    struct rights r = {.floor_days = 0};
    if (!w->second) return err_set(e, ZE_USAGE, "rights", _("which host?"));
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc = rights_change(&v, w, &r, e);
    vault_close(&v);
    if (rc < 0) return rc;
    if (w->json) {
        struct js *j = js_object();
        js_set_str(j, "host", w->second);
        js_set_str(j, "read", r.read_all ? "all" : "meta");
        js_set_int(j, "floor_days", r.floor_days);
        js_set_bool(j, "revoked", r.revoked);
        message_print(j, "rights");
    } else {
        printf(_("%s: may read %s, kept for at least %u days%s\n"), w->second,
            r.read_all ? _("all its restore points") : _("the metadata of its last restore point"), r.floor_days,
            r.revoked ? _(", revoked") : "");
    }
    return 0;
}

static void alerts_print(struct vault *v, const struct vault_stat *s) {
    CLEANUP_JS struct js *list = stat_alerts(v, s);
    char when[32];
    text_time(when, s->fills_on);
    for (size_t i = 0; i < js_count(list); i++) {
        const char *what = js_str(js_at(list, i), "what", ""), *why = js_str(js_at(list, i), "why", "");
        if (strcmp(what, "capacity") == 0 && s->fills_on)
            printf(_("%u %% of its room is used; at the pace of the last %d days it is full on %.10s\n"), s->percent,
                STAT_DAYS, when);
        else if (strcmp(what, "capacity") == 0) printf(_("%u %% of its room is used\n"), s->percent);
        if (strcmp(what, "damaged-logs") == 0)
            printf(_("the logs of %llu hosts are damaged; zaibei-verify vault names them\n"),
                (unsigned long long)s->damaged);
        if (strcmp(what, "clock") == 0)
            printf(_("in doubt: %s; nothing is removed before it is confirmed\n"), _(why));
        if (strcmp(what, "recovery") == 0) puts(_("the sealed recovery file is not up to date"));
    }
}

int command_stat(const struct words *w, struct err *e) {
    struct vault v;
    struct vault_stat s;
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc = vault_stat(&v, &s, e);
    if (rc == 0 && w->json) {
        message_print(stat_json(&v, &s), "vault");
    } else if (rc == 0) {
        char bytes[24], room[24];
        text_bytes(bytes, s.bytes);
        text_bytes(room, s.free);
        printf(_("hosts %llu, restore points %llu, stored %s, free %s\n"), (unsigned long long)s.hosts,
            (unsigned long long)s.points, bytes, room);
        alerts_print(&v, &s);
    }
    vault_close(&v);
    return rc;
}
