/* Sending. A delivery is taken, tried without holding the catalog, and noted. If interrupted between the last two, it is sent
 * again: its number in the signature and in the Message-ID lets a receiver see that. */
#include "notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "catalog_life.h"
#include "contacts.h"
#include "sys/file.h"
#include "wrap/http_send.h"

enum { TICK_MS = 1000, MINUTE = 60, BEAT_AT = 5, WATCH_AT = 30, SECRET_MAX = 4096, MAIL_MAX = 1 << 20, RECIPIENTS_MAX = 64, BATCH = 20,
    STEP_S = 5 };

struct notifier {
    struct daemon *d;
    pthread_t thread;
    atomic_bool stop;
};

/* A secret without the end of its line, NUL-terminated. */
static int secret_of(const char *file, struct buf *b, struct err *e) {
    buf_init(b, SECRET_MAX + 1);
    if (!file) return 0;
    if (file_load(AT_FDCWD, file, SECRET_MAX, b, e) < 0) return -1;
    while (b->len && (b->p[b->len - 1] == '\n' || b->p[b->len - 1] == '\r')) b->len--;
    buf_u8(b, 0);
    return b->len > 1 ? 0 : err_set(e, ZE_CONFIG, file, _("it is empty"));
}

static void forget(struct buf *b) {
    if (b->p) seal_wipe(b->p, b->cap);
    buf_free(b);
}

/* Words of ${list} (cut up), or the channel's addresses. */
static size_t recipients(const struct channel *ch, char *list, const char *to[RECIPIENTS_MAX]) {
    size_t n = 0;
    const char *word;
    while (list && n < RECIPIENTS_MAX && (word = strsep(&list, ",")))
        if (*word) to[n++] = word;
    if (n) return n;
    for (const struct yaml_node *it = yaml_first(ch->mail); it && n < RECIPIENTS_MAX; it = yaml_next(ch->mail, it))
        to[n++] = it->text;
    return n;
}

static int try_mail(struct daemon *d, const struct channel *ch, int64_t id, const char *contacts, const struct notice *n,
    struct err *e) {
    const char *to[RECIPIENTS_MAX];
    CLEANUP_FREE char *list = contacts ? strdup(contacts) : NULL;
    size_t to_n = recipients(ch, list, to);
    struct buf subject, body, text, password;
    char number[64];
    if (contacts && !list) return err_set(e, ZE_NOMEM, ch->name, "mail");
    buf_init(&subject, 4096), buf_init(&body, MAIL_MAX / 4), buf_init(&text, MAIL_MAX);
    notice_subject(n, ch->language, &subject);
    notice_body(n, ch->language, d->cfg->notify->place, &body);
    buf_u8(&subject, 0), buf_u8(&body, 0);
    snprintf(number, sizeof number, "%lld.%lld", (long long)id, (long long)n->time_ns);
    int rc = secret_of(ch->password_file, &password, e);
    if (rc == 0 && buf_ok(&subject) && buf_ok(&body)) {
        mail_text(ch->from, to, to_n, (char *)subject.p, (char *)body.p, daemon_now(d) / NS_PER_S, number, &text);
        struct mail_server s = {ch->server, ch->ca_file, ch->user, (char *)password.p, ch->tls};
        rc = buf_ok(&text) ? mail_send(&s, ch->from, to, to_n, text.p, text.len, e)
                           : err_set(e, ZE_TOOMUCH, ch->name, _("a message of more than %d bytes"), MAIL_MAX);
    } else if (rc == 0) rc = err_set(e, ZE_TOOMUCH, ch->name, _("a message of more than %d bytes"), MAIL_MAX);
    buf_free(&subject), buf_free(&body), buf_free(&text);
    forget(&password);
    return rc;
}

static int try_webhook(struct daemon *d, const struct channel *ch, int64_t id, const struct notice *n, struct err *e) {
    char header[200], stamp[64], hex[2 * SEAL_SHA256 + 1];
    uint8_t mac[SEAL_SHA256];
    struct buf secret, text;
    CLEANUP_JS struct js *j = notice_json(n, d->cfg->notify->place);
    js_set_int(j, "delivery", id);
    CLEANUP_FREE char *body = js_dump(j);
    const char *headers[] = {NULL, NULL};
    if (secret_of(ch->secret_file, &secret, e) < 0) return forget(&secret), -1;
    if (secret.len) {
        snprintf(stamp, sizeof stamp, "%lld.%lld.", (long long)(daemon_now(d) / NS_PER_S), (long long)id);
        buf_init(&text, MAIL_MAX);
        buf_put(&text, stamp, strlen(stamp));
        buf_put(&text, body, strlen(body));
        seal_hmac_sha256(mac, secret.p, secret.len - 1, text.p, text.len);
        text_hex(hex, mac, sizeof mac);
        snprintf(header, sizeof header, "Zaibei-Signature: t=%lld,id=%lld,v1=%s", (long long)(daemon_now(d) / NS_PER_S),
            (long long)id, hex);
        headers[0] = header;
        buf_free(&text);
    }
    forget(&secret);
    struct http_target t = {.url = ch->webhook, .ca_file = ch->ca_file, .headers = headers};
    return http_send(&t, body, strlen(body), e);
}

int notify_try(struct daemon *d, const struct channel *ch, int64_t delivery, const char *to, const struct notice *n,
    struct err *e) {
    return ch->mail ? try_mail(d, ch, delivery, to, n, e) : try_webhook(d, ch, delivery, n, e);
}

static void about(void *arg, const char *plan, struct about *out) {
    struct daemon *d = arg;
    struct version v;
    if (version_get(d->db, plan, VERSION_NEWEST, &v))
        snprintf(out->department, sizeof out->department, "%.255s", v.department);
    contacts_of(d, plan, out->contacts);
}

static int deliver(struct daemon *d, struct delivery *x, struct err *e) {
    struct err why = ERR_INIT;
    const struct channel *ch = channel_of(d->cfg->notify, x->channel);
    int rc = ch ? notify_try(d, ch, x->id, x->to, &x->notice, &why)
                : err_set(&why, ZE_NOTFOUND, x->channel, _("zaibeid.yaml has no such channel any more"));
    const char *to[RECIPIENTS_MAX];
    size_t n = rc < 0 && why.id == ZE_REFUSED && ch->mail ? recipients(ch, x->to, to) : 0;
    js_free(x->notice.detail);
    if (rc < 0) daemon_log(d, _("notice %lld was not taken by %s: %s"), (long long)x->notice.id, x->channel, why.msg);
    db_begin(d->db);
    if (n > 1) outbox_each(d->db, x, daemon_now(d), to, n);
    else outbox_done(d->db, x, daemon_now(d), rc < 0 ? &why : NULL);
    free(x->to);
    return db_commit(d->db, e);
}

int notify_step(struct daemon *d, struct err *e) {
    int64_t until = d->clock->mono_ns(d->clock) + (int64_t)STEP_S * NS_PER_S;
    for (int i = 0; i < BATCH && d->clock->mono_ns(d->clock) < until; i++) {
        struct delivery x;
        db_begin(d->db);
        if (!i) outbox_spread(d->db, daemon_now(d), d->cfg->notify, about, d);
        bool found = outbox_next(d->db, daemon_now(d), &x);
        if (db_commit(d->db, e) < 0) return -1;
        if (!found) return 0;
        if (deliver(d, &x, e) < 0) return -1;
    }
    return 0;
}

/* The heartbeat says that the scheduler works, not only that this thread does. */
static void beat(struct daemon *d, unsigned *ticks) {
    struct err e = ERR_INIT;
    unsigned now = atomic_load(&d->ticks);
    struct http_target t = {.url = d->cfg->notify->heartbeat};
    if (!t.url || now == *ticks) return;
    *ticks = now;
    if (http_send(&t, NULL, 0, &e) < 0) daemon_log(d, _("the heartbeat was not taken: %s"), e.msg);
}

/* Once a minute by the clock that never jumps, however long the servers took. */
static bool minute(struct daemon *d, int64_t *at_ns) {
    int64_t now = d->clock->mono_ns(d->clock);
    if (now < *at_ns) return false;
    *at_ns = now + (int64_t)MINUTE * NS_PER_S;
    return true;
}

static int watch(struct daemon *d, struct err *e) {
    db_begin(d->db);
    outbox_forget(d->db, daemon_now(d));
    return db_commit(d->db, e) < 0 || notify_watch(d, true, e) < 0 ? -1 : 0;
}

static void *run(void *arg) {
    struct notifier *n = arg;
    struct err e, last = ERR_INIT;
    unsigned ticks = 0;
    int64_t start = n->d->clock->mono_ns(n->d->clock), beat_at = start + (int64_t)BEAT_AT * NS_PER_S,
            watch_at = start + (int64_t)WATCH_AT * NS_PER_S;
    while (!atomic_load(&n->stop)) {
        e = (struct err)ERR_INIT;
        if (minute(n->d, &beat_at)) beat(n->d, &ticks);
        if (minute(n->d, &watch_at) && watch(n->d, &e) < 0) (void)e;
        if (!e.id && notify_step(n->d, &e) < 0) (void)e;
        if (e.id && e.id != last.id) daemon_log(n->d, "ZB-%u %s: %s", (unsigned)e.id, e.object, e.msg);
        last = e;
        poll(NULL, 0, TICK_MS);
    }
    return NULL;
}

struct notifier *notify_start(struct daemon *d, struct err *e) {
    struct notifier *n = calloc(1, sizeof *n);
    if (!n) return err_set(e, ZE_NOMEM, "zaibeid", "notifier"), NULL;
    n->d = d;
    int rc = pthread_create(&n->thread, NULL, run, n);
    if (rc == 0) return n;
    err_set(e, ZE_NOMEM, "zaibeid", "thread: %s", strerror(rc));
    free(n);
    return NULL;
}

void notify_stop(struct notifier *n) {
    if (!n) return;
    atomic_store(&n->stop, true);
    pthread_join(n->thread, NULL);
    free(n);
}
