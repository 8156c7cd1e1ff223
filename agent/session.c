/* The greeting, and what is pinned. Nothing that the vault says is believed before its header is signed by the key this
 * host was enrolled with; then the ids must be this host's; then every record is checked by the same key. The receipt is
 * the last commit record this host has seen: a vault that does not know it was rolled back, a vault that knows more has
 * met a clone of this host. Both are the caller's to judge. */
#include "session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/i18n.h"
#include "command.h"
#include "greet.h"
#include "pinned.h"
#include "state.h"
#include "sys/file.h"
#include "transport.h"

enum { ANSWER_MS = 300000, TICK_NS = 250000000, GRACE_TICKS = 20, PATIENCE = 3 * 24 * 60 /* one a minute: three days */ };
static const int64_t KEEP_NS = 60ll * 1000000000;

/* The receipt on disk is a whole commit record, checked like one from the wire. 1 when there is one. */
static int receipt_load(const struct config *c, const struct keychain *keys, uint64_t *n, uint8_t hash[SEAL_HASH], struct err *e) {
    struct buf b;
    buf_init(&b, ZB_RECORD_MAX);
    int rc = file_load(c->statefd, "receipt", ZB_RECORD_MAX, &b, e);
    if (rc < 0 && e->id == ZE_NOTFOUND) {
        *e = (struct err)ERR_INIT;
        rc = 0;
    } else if (rc == 0) {
        struct record r;
        rc = keychain_decode(&r, b.p, b.len, c->vault_id, keys, e);
        if (rc == 0) {
            *n = r.n;
            memcpy(hash, r.hash, SEAL_HASH);
            record_free(&r);
            rc = 1;
        } else {
            err_wrap(e, "%s/receipt (by vault.pub and ids)", c->state);
        }
    }
    buf_free(&b);
    return rc;
}

static int hello(struct session *s, struct err *e) {
    uint64_t n = 0;
    uint8_t hash[SEAL_HASH];
    int shown = pinned_load(s->cfg, &s->keys, e) < 0 ? -1 : receipt_load(s->cfg, &s->keys, &n, hash, e);
    if (shown > 0) s->own_n = n, memcpy(s->own_hash, hash, SEAL_HASH);
    return shown < 0 ? -1 : greet_hello(&s->f, shown ? hash : NULL, n, e);
}

static int pinned_check(const struct config *c, const struct welcome *w, struct err *e) {
    if (!seal_equal(w->vault.id, c->vault_id, SEAL_ID))
        return err_set(e, ZE_VAULTKEY, c->vault, _("it is another vault with the same key, or %s/ids is damaged"), c->state);
    if (strcmp(w->host, c->host) != 0 || !seal_equal(w->host_id, c->ids.host_id, SEAL_ID))
        return err_set(e, ZE_REFUSED, c->vault, _("it knows this host as %s, and %s/ids as %s or by another id"), w->host, c->state,
            c->host);
    if (strcmp(w->system, c->system) != 0 || !seal_equal(w->system_id, c->ids.system_id, SEAL_ID))
        return err_set(e, ZE_REFUSED, c->vault, _("it has this host in system %s, and %s/ids in %s or by another id"), w->system,
            c->state, c->system);
    return 0;
}

static int welcome(struct session *s, struct err *e) {
    struct rd r;
    struct welcome w;
    if (session_expect(s, F_WELCOME, &r, e) < 0 || greet_welcome(&r, &w, s->cfg->vault, e) < 0) return -1;
    int more = pinned_follow(s->cfg, &w, &s->keys, e);
    if (more < 0 || pinned_check(s->cfg, &w, e) < 0) return -1;
    if (more > 0 && pinned_save(s->cfg, &s->keys, e) < 0) return -1;
    s->rights = w.rights, s->vault_time = w.time, s->receipt = w.receipt;
    s->has_last = w.has_last, s->last_n = w.last_n;
    memcpy(s->last_hash, w.last_hash, SEAL_HASH);
    return 0;
}

/* ---- waiting, and not for ever ---- */

static int on_tick(void *arg, struct err *e) {
    struct session *s = arg;
    uint64_t ticks;
    if (read(s->tick, &ticks, sizeof ticks) < 0 || !s->cancelled || !s->cancelled(s->cancelled_arg)) return 0;
    if (s->grace && s->grace--) return 0;
    return err_set(e, ZE_CANCELLED, s->cfg->vault, _("while it was waited for"));
}

/* A wait of the frames is looked at four times a second: a signal may come just before it begins. */
static void tick_start(struct session *s) {
    const struct itimerspec each = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    s->cancelled = command_cancelled;
    s->grace = command_cancelled(NULL) ? GRACE_TICKS : 0;
    s->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->tick < 0 || timerfd_settime(s->tick, 0, &each, NULL) < 0) return; /* then the time-out alone ends it */
    s->f.alert_fd = s->tick, s->f.alert = on_tick, s->f.alert_arg = s;
}

void session_keep(struct session *s, int64_t mono_ns) {
    struct err ignored = ERR_INIT;
    if (!s->transport) return;
    if (s->f.sent != s->kept_sent || !s->kept_ns) s->kept_sent = s->f.sent, s->kept_ns = mono_ns;
    if (mono_ns - s->kept_ns < KEEP_NS) return;
    s->kept_ns = mono_ns;
    if (frames_put(&s->f, F_PING, NULL, 0, NULL, 0, &ignored) == 0 && frames_flush(&s->f, &ignored) == 0) s->pings++;
    s->kept_sent = s->f.sent;
}

/* ---- a session ---- */

int session_open(const struct config *cfg, struct session *s, struct err *e) {
    memset(s, 0, sizeof *s);
    struct transport *t = calloc(1, sizeof *t);
    if (!t) return err_set(e, ZE_NOMEM, cfg->vault, "session");
    if (transport_open(cfg, false, t, e) < 0) {
        free(t);
        return -1;
    }
    s->cfg = cfg, s->transport = t, s->child_pid = t->child.pid;
    frames_init(&s->f, t->rfd, t->wfd, ANSWER_MS, cfg->vault);
    tick_start(s);
    if (hello(s, e) == 0 && welcome(s, e) == 0) return 0;
    session_close(s);
    return -1;
}

/* What cannot be compared with a pin: the header is signed by its own key, and all later records by keys that follow it. What a
 * vault that lies can do is to show other points: they open with the host's key only. */
static int given_welcome(struct config *cfg, struct session *s, struct err *e) {
    struct rd r;
    struct welcome w;
    if (session_expect(s, F_WELCOME, &r, e) < 0 || greet_welcome(&r, &w, cfg->vault, e) < 0) return -1;
    if (strcmp(w.host, cfg->host) != 0 || !seal_equal(w.host_id, cfg->ids.host_id, SEAL_ID))
        return err_set(e, ZE_REFUSED, cfg->host, _("the vault knows this host as %s, or by another id"), w.host);
    memcpy(cfg->vault_id, w.vault.id, SEAL_ID);
    memcpy(cfg->ids.system_id, w.system_id, SEAL_ID);
    snprintf(cfg->system, sizeof cfg->system, "%s", w.system);
    s->keys = w.keys, s->rights = w.rights, s->vault_time = w.time;
    return 0;
}

int session_open_given(struct config *cfg, int rfd, int wfd, struct session *s, struct err *e) {
    memset(s, 0, sizeof *s);
    struct transport *t = calloc(1, sizeof *t);
    if (t) *t = (struct transport){.rfd = rfd, .wfd = wfd, .ctl = -1, .errfd = -1, .dirfd = -1, .child = PROC_NONE, .cfg = cfg};
    if (!t) return close(rfd), close(wfd), err_set(e, ZE_NOMEM, cfg->vault, "session");
    s->cfg = cfg, s->transport = t;
    frames_init(&s->f, rfd, wfd, ANSWER_MS, cfg->vault);
    tick_start(s);
    if (fcntl(rfd, F_SETFL, O_NONBLOCK) < 0 || fcntl(wfd, F_SETFL, O_NONBLOCK) < 0) err_sys(e, cfg->vault, "fcntl");
    else if (greet_hello(&s->f, NULL, 0, e) == 0 && given_welcome(cfg, s, e) == 0) return 0;
    session_close(s);
    return -1;
}

void session_close(struct session *s) {
    struct transport *t = s->transport;
    if (!t) return;
    struct err ignored = ERR_INIT;
    s->f.timeout_ms = 2000;
    if (!s->silent && frames_put(&s->f, F_BYE, NULL, 0, NULL, 0, &ignored) == 0 && frames_flush(&s->f, &ignored) < 0) s->f.out.len = 0;
    transport_close(t);
    frames_free(&s->f);
    if (s->tick >= 0) close(s->tick);
    free(t);
    memset(s, 0, sizeof *s);
}

static int next_frame(struct session *s, uint8_t *type, struct rd *r, struct err *e) {
    int rc = frames_get(&s->f, type, r, e);
    while (rc > 0 && *type == F_PONG && (s->pings || s->patience)) {
        if (s->pings) s->pings--;
        else s->patience--;
        rc = frames_get(&s->f, type, r, e);
    }
    if (rc < 0 && e->id == ZE_CANCELLED) return -1;
    if (rc == 0) err_set(e, ZE_CUT, s->cfg->vault, _("it closed the connection"));
    return rc <= 0 ? transport_explain(s->transport, e) : 0;
}

static int ack_of(struct session *s, struct rd *r, uint32_t *pack, struct err *e) {
    *pack = rd_u32(r);
    return rd_ok(r) ? 0 : err_set(e, ZE_PROTO, s->cfg->vault, _("an acknowledgement that cannot be read"));
}

int session_next(struct session *s, uint8_t *type, struct rd *r, struct err *e) {
    for (;;) {
        if (next_frame(s, type, r, e) < 0) return -1;
        if (*type != F_PACK_DONE) return 0;
        if (s->acks_n == sizeof s->acks / sizeof *s->acks)
            return err_set(e, ZE_PROTO, s->cfg->vault, _("too many acknowledgements"));
        if (ack_of(s, r, &s->acks[s->acks_n++], e) < 0) return -1;
    }
}

int session_ack(struct session *s, uint32_t *pack, struct err *e) {
    if (s->acks_n) {
        *pack = s->acks[0];
        memmove(s->acks, s->acks + 1, --s->acks_n * sizeof *s->acks);
        return 0;
    }
    uint8_t type;
    struct rd r;
    if (next_frame(s, &type, &r, e) < 0) return -1;
    if (type == F_ERROR) return frames_take_error(&r, e);
    if (type != F_PACK_DONE) return err_set(e, ZE_PROTO, s->cfg->vault, _("answer %02x where %02x was due"), type, F_PACK_DONE);
    return ack_of(s, &r, pack, e);
}

int session_expect(struct session *s, uint8_t type, struct rd *r, struct err *e) {
    uint8_t got;
    s->patience = type == F_BEGUN || type == F_COMMITTED ? PATIENCE : 0;
    int rc = session_next(s, &got, r, e);
    s->patience = 0;
    if (rc < 0) return -1;
    if (got == type) return 0;
    if (got == F_ERROR) return frames_take_error(r, e);
    return err_set(e, ZE_PROTO, s->cfg->vault, _("answer %02x where %02x was due"), got, type);
}

int session_source(struct session *s, const char *host, const uint8_t host_id[SEAL_ID], struct err *e) {
    struct rd r;
    struct buf b;
    buf_init(&b, 256);
    buf_str(&b, host);
    int rc = frames_put_buf(&s->f, F_SOURCE, &b, e);
    buf_free(&b);
    if (rc < 0) return transport_explain(s->transport, e);
    if (session_expect(s, F_OKAY, &r, e) < 0) return -1;
    s->source_id = host_id;
    return 0;
}

int session_points(struct session *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg,
    struct err *e) {
    const struct config *c = s->cfg;
    const uint8_t *host_id = s->source_id ? s->source_id : c->ids.host_id;
    if (frames_put(&s->f, F_LIST, NULL, 0, NULL, 0, e) < 0) return transport_explain(s->transport, e);
    uint64_t before = 0;
    unsigned key = 0;
    for (bool first = true;; first = false) {
        struct rd r;
        uint8_t type;
        int rc = session_next(s, &type, &r, e);
        if (rc < 0) return -1;
        if (type == F_ERROR) return frames_take_error(&r, e);
        if (type == F_LIST_END) return rd_end(&r) ? 0 : err_set(e, ZE_PROTO, c->vault, _("bytes after the list"));
        size_t n = 0;
        const uint8_t *p = type == F_POINT ? rd_blob(&r, &n, ZB_RECORD_MAX) : NULL;
        if (!p || !rd_end(&r)) return err_set(e, ZE_PROTO, c->vault, _("a list that cannot be read"));
        struct record rec;
        if (keychain_decode(&rec, p, n, c->vault_id, &s->keys, e) < 0) return err_wrap(e, "%s", c->vault);
        if (rec.key < key)
            rc = err_set(e, ZE_OLDKEY, c->vault, _("record %llu"), (unsigned long long)rec.n);
        else if (rec.type != REC_COMMIT || !seal_equal(rec.host_id, host_id, SEAL_ID) || (!first && rec.n <= before))
            rc = err_set(e, ZE_PROTO, c->vault, _("record %llu is not a restore point of this host, or out of order"),
                (unsigned long long)rec.n);
        else
            s->raw = p, s->raw_len = n, rc = each(arg, &rec, e);
        before = rec.n, key = rec.key;
        record_free(&rec);
        if (rc < 0) return -1;
    }
}

int session_call(struct session *s, const void *request, size_t n, struct buf *answer, struct err *e) {
    buf_reset(answer);
    if (frames_put(&s->f, F_CALL, request, n, NULL, 0, e) < 0) return transport_explain(s->transport, e);
    struct rd r;
    if (session_expect(s, F_ANSWER, &r, e) < 0) return -1;
    uint8_t nobody = rd_u8(&r);
    if (!rd_ok(&r)) return err_set(e, ZE_PROTO, s->cfg->vault, _("an empty answer"));
    buf_put(answer, r.p, r.left);
    if (!buf_ok(answer)) return err_set(e, ZE_NOMEM, s->cfg->vault, "%zu", r.left);
    return nobody ? 1 : 0;
}
