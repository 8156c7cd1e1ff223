/* Channels, notices and their deliveries over the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/i18n.h"
#include "base/text.h"
#include "notify.h"

struct js *api_channels(struct api_call *c, struct err *e) {
    const struct notify_config *n = c->d->cfg->notify;
    struct js *j = js_object(), *list = js_array();
    (void)e;
    js_set(j, "channels", list);
    js_set_str(j, "place", n->place);
    js_set_bool(j, "heartbeat", n->heartbeat);
    js_set_int(j, "rules", (int64_t)n->rules_n);
    for (size_t i = 0; i < n->channels_n; i++) {
        const struct channel *ch = &n->channel[i];
        struct js *one = js_object(), *to = js_array();
        js_set_str(one, "channel", ch->name);
        js_set_str(one, "kind", ch->mail ? "mail" : "webhook");
        for (const struct yaml_node *it = yaml_first(ch->mail); it; it = yaml_next(ch->mail, it))
            js_push_str(to, it->text);
        js_set(one, "to", to);
        js_set_str(one, "server", ch->mail ? ch->server : ch->webhook);
        js_push(list, one);
    }
    return j;
}

struct js *api_notices(struct api_call *c, struct err *e) {
    const char *state = http_query(c->r, "state");
    struct page page;
    int64_t last = 0;
    char cursor[24];
    if (api_page(c, &page, e) < 0) return NULL;
    struct js *j = js_object(), *list = js_array();
    js_set(j, "deliveries", list);
    db_begin(c->d->db);
    struct db_rows *r = db_query(c->d->db,
        "SELECT "
        "d.id,d.notice,d.channel,d.state,d.tries,d.due_ns,d.done_ns,d.why,n.time_ns,n.kind,n.object,n.department,n."
        "resolved,d.recipients "
        "FROM deliveries d JOIN notices n ON n.id=d.notice WHERE d.id<?1 AND (?2='' OR d.state=?2) AND "
        "(?4='' OR n.department=?4) ORDER BY d.id DESC LIMIT ?3",
        "isis", page.number ? page.number : INT64_MAX, state ? state : "", page.limit, c->who->department);
    while (db_next(r)) {
        static const char *const ints[] = {"delivery", "notice"};
        struct js *one = js_object();
        for (int i = 0; i < 2; i++) js_set_int(one, ints[i], db_int(r, i));
        js_set_str(one, "channel", db_text(r, 2));
        js_set_str(one, "state", db_text(r, 3));
        js_set_int(one, "tries", db_int(r, 4));
        js_set_time(one, "due", strcmp(db_text(r, 3), "queued") != 0 ? 0 : db_int(r, 5));
        js_set_time(one, "done", db_int(r, 6));
        js_set_str(one, "why", db_text(r, 7));
        js_set_time(one, "time", db_int(r, 8));
        js_set_str(one, "kind", db_text(r, 9));
        js_set_str(one, "object", db_text(r, 10));
        js_set_str(one, "department", db_text(r, 11));
        js_set_bool(one, "resolved", db_int(r, 12));
        if (*db_text(r, 13)) js_set_str(one, "contacts", db_text(r, 13));
        js_push(list, one);
        last = db_int(r, 0);
    }
    db_done(r);
    snprintf(cursor, sizeof cursor, "%lld", (long long)last);
    if ((int64_t)js_count(list) == page.limit && last > 1) js_set_str(j, "next", cursor);
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

/* Now, in the caller's time: who tests a channel wants to see what its server says. */
struct js *api_notify_test(struct api_call *c, struct err *e) {
    const struct channel *ch = channel_of(c->d->cfg->notify, js_str(c->body, "channel", ""));
    struct notice n = {.kind = notice_kind_of("test"), .time_ns = daemon_now(c->d)};
    if (!ch)
        return err_set(e, ZE_NOTFOUND, js_str(c->body, "channel", ""), _("there is no such channel in zaibeid.yaml")),
               NULL;
    snprintf(n.object, sizeof n.object, "%s", c->who->name);
    if (api_record(c, "notify.test", ch->name, NULL, e) < 0 || notify_try(c->d, ch, 0, NULL, &n, e) < 0) return NULL;
    struct js *j = js_object();
    js_set_str(j, "channel", ch->name);
    js_set_str(j, "state", "sent");
    return j;
}

struct js *api_notify_retry(struct api_call *c, struct err *e) {
    uint64_t id = 0;
    bool known = text_u64(c->arg[0], INT64_MAX, &id);
    db_begin(c->d->db);
    bool done = known && outbox_retry(c->d->db, (int64_t)id, daemon_now(c->d));
    if (done) audit_add(c->d->db, daemon_now(c->d), c->who->name, "notify.retry", c->arg[0], NULL);
    if (db_commit(c->d->db, e) < 0) return NULL;
    if (!done) return err_set(e, ZE_NOTFOUND, c->arg[0], _("no such delivery that was not sent")), NULL;
    struct js *j = js_object();
    js_set_int(j, "delivery", (int64_t)id);
    js_set_str(j, "state", "queued");
    return j;
}
