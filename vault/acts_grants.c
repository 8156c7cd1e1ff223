/* Reading for a restore. `grant` lets one host's sessions read another host's sealed points (or more of its own) for at most a
 * week. It is the platform's to give, and a stolen platform may give it: what is read is ciphertext, and the keys come from
 * the department's kit by another way (FORMAT.md §12), of which `slots` tells the sealed half that every point has anyway. So
 * nothing here protects a secret of itself; it keeps a host that was taken over from reading others' points by itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "bounds.h"
#include "sys/file.h"

int act_slots(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct act_host h;
    struct record r = {0};
    char id[HEX_ID];
    struct buf b;
    if (act_host_open(&h, v, q, e) < 0) return -1;
    buf_init(&b, 8192);
    int rc = log_load(&h.log, h.log.host_n, &r, NULL, e);
    if (rc == 0) key_slots_put(&b, &r.host.keys), record_free(&r);
    CLEANUP_FREE char *text = malloc(4 * (b.len / 3 + 2));
    if (rc == 0 && (!text || !buf_ok(&b))) rc = err_set(e, ZE_NOMEM, h.log.host, _("no memory"));
    if (rc == 0) {
        b64_encode(text, 4 * (b.len / 3 + 2), b.p, b.len);
        text_hex(id, h.log.host_id, SEAL_ID);
        js_set_str(a, "host", h.log.host);
        js_set_str(a, "host_id", id);
        js_set_str(a, "slots", text);
    }
    buf_free(&b);
    act_host_close(&h);
    return rc;
}

/* Both hosts must be known here: names that are not can neither fill the vault nor lie in wait for a host to come. A source may
 * be revoked, since one restores what is lost; a reader may not. */
static int known(struct vault *v, const char *host, bool reader, int64_t *now, struct err *e) {
    struct host_log l;
    bool doubt;
    int rc = log_open(&l, v, host, e);
    if (rc == 0 && !l.next) rc = err_set(e, ZE_NOTFOUND, host, _("no such host is enrolled here"));
    if (rc == 0 && reader && l.revoked) rc = err_set(e, ZE_AUTH, host, _("this host was revoked"));
    if (rc == 0) *now = log_time(&l, &doubt);
    log_free(&l);
    return rc;
}

static int grant_read(const struct js *q, struct readgrant *g, int64_t now, struct err *e) {
    if (!civil_time_get(js_str(q, "until", NULL), &g->until))
        return err_set(e, ZE_USAGE, "until", _("a time like 2026-11-22T01:02:03Z"));
    if (g->until > now + READGRANT_MAX_S * NS_PER_S) return err_set(e, ZE_TOOMUCH, "until", _("at most a week ahead"));
    if (act_text(q, "reason", true, g->reason, sizeof g->reason, e) < 0 ||
        act_text(q, "who", false, g->who, sizeof g->who, e) < 0)
        return -1;
    if (strchr(g->reason, '\n') || strchr(g->who, '\n')) return err_set(e, ZE_USAGE, "reason", _("one line"));
    return 0;
}

int act_grant(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    const char *reader = js_str(q, "reader", ""), *source = js_str(q, "source", "");
    struct readgrant g, was;
    struct err none = ERR_INIT;
    int64_t now, ignored;
    if (known(v, source, false, &ignored, e) < 0 || known(v, reader, true, &now, e) < 0 ||
        grant_read(q, &g, now, e) < 0)
        return -1;
    if (g.until > now && readgrant_load(v, reader, source, &was, &none) == 0 && readgrant_holds(&was, now) && was.until > g.until)
        g.until = was.until; /* somebody else still reads by it */
    int rc = g.until <= now ? readgrant_drop(v, reader, source, e) : bounds_grant(v, reader, source, now, e);
    if (rc == 0 && g.until > now) rc = readgrant_save(v, reader, source, &g, e);
    /* If interrupted here, it holds; asking again replaces it by the same. */
    js_set_str(a, "reader", reader);
    js_set_str(a, "source", source);
    js_set_time(a, "until", g.until > now ? g.until : 0);
    return rc;
}

static int reader_json(struct vault *v, const char *reader, int64_t now, struct js *list, struct err *e) {
    char dir[128];
    struct dirent **names;
    snprintf(dir, sizeof dir, "grants/%s", reader);
    int n = scandirat(v->fd, dir, &names, NULL, alphasort), rc = 0;
    if (n < 0) return errno == ENOENT ? 0 : err_sys(e, dir, _("list"));
    for (int i = 0; i < n; i++) {
        struct readgrant g;
        if (rc == 0 && text_name_ok(names[i]->d_name)) {
            rc = readgrant_load(v, reader, names[i]->d_name, &g, e);
            if (rc == 0 && readgrant_holds(&g, now)) {
                struct js *j = js_object();
                js_set_str(j, "reader", reader);
                js_set_str(j, "source", names[i]->d_name);
                js_set_time(j, "until", g.until);
                js_set_str(j, "reason", g.reason);
                js_set_str(j, "who", g.who);
                js_push(list, j);
            } else if (rc < 0 && e->id == ZE_NOTFOUND) {
                rc = 0;
            }
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

struct grant_list {
    struct vault *v;
    const char *reader; /* "": all */
    struct js *list;
};

static int each_reader(void *arg, const char *host, struct err *e) {
    struct grant_list *l = arg;
    int64_t now;
    if (*l->reader && strcmp(l->reader, host) != 0) return 0;
    return known(l->v, host, false, &now, e) < 0 ? -1 : reader_json(l->v, host, now, l->list, e);
}

int act_grants(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct grant_list l = {v, js_str(q, "reader", ""), js_array()};
    js_set(a, "grants", l.list);
    return hosts_each(v, each_reader, &l, e);
}
