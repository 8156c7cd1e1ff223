/* Floors, approvers, the clock, and requests for approval. A statement is worded here and again where the act is done; only
 * equal words count, so a request can be made by anybody and promises nothing. */
#include <stdio.h>
#include <string.h>

#include "acts.h"
#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "clockwatch.h"
#include "keys.h"
#include "retention.h"

enum { FLOOR_DAYS_MAX = 3660, REQUEST_S = 86400, CLOCK_SLACK_S = 300 };

static int approved(struct vault *v, enum approval_action action, const char *objects, const char *detail,
    const struct approvals *a, int64_t now, struct err *e) {
    struct act act = {action, objects, detail};
    return approvals_judge(v, &act, a, now, e) < 0 ? -1 : approvals_spend(v, a, e);
}

/* 0 done, 1 the log has grown, <0. */
static int floor_try(struct act_host *h, struct vault *v, struct record *r, bool *spent, struct err *e) {
    struct retention f = retention_facts(&h->log, &h->rights);
    char detail[32];
    struct buf raw;
    /* One that stands in the host's rights only is logged, too. */
    if (r->floor.days == f.floor_days && r->floor.days == retention_floor(&h->log, NULL)) return 0;
    bool lower = r->floor.days < f.floor_days;
    snprintf(detail, sizeof detail, "days %u", r->floor.days);
    if (lower && !r->floor.approvals.len)
        return err_set(e, ZE_RETAINED, h->log.host, _("its floor is %u days and only rises"), f.floor_days);
    if (lower && !*spent && approved(v, APPROVE_FLOOR, h->log.host, detail, &r->floor.approvals, f.now, e) < 0)
        return -1;
    *spent |= lower;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = log_append(&h->log, r, &raw, e);
    buf_free(&raw);
    if (rc || h->rights.floor_days <= r->floor.days) return rc;
    /* If interrupted here, the host's rights still hold the higher floor: nothing is shortened. */
    h->rights.floor_days = r->floor.days;
    return rights_save(v, h->log.host, &h->rights, e);
}

int act_floor(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct act_host h;
    struct record r = {.type = REC_FLOOR};
    bool spent = false;
    int64_t days = js_int(q, "days", 0);
    if (days < DEFAULT_FLOOR_DAYS || days > FLOOR_DAYS_MAX)
        return err_set(e, ZE_USAGE, "days", _("from %d to %d"), DEFAULT_FLOOR_DAYS, FLOOR_DAYS_MAX);
    r.floor.days = (uint32_t)days;
    if (act_text(q, "reason", true, r.floor.reason, sizeof r.floor.reason, e) < 0 ||
        act_text(q, "who", false, r.floor.who, sizeof r.floor.who, e) < 0 || act_host_open(&h, v, q, e) < 0)
        return -1;
    int rc = approvals_of_json(&r.floor.approvals, js_get(q, "approvals"), e) < 0 ? -1 : 1;
    for (unsigned i = 0; rc == 1 && i < ACT_TRIES; i++) rc = floor_try(&h, v, &r, &spent, e);
    if (rc == 1) rc = err_set(e, ZE_BUSY, h.log.host, _("others write to its log all the time"));
    if (rc == 0) rc = log_settle(&h.log, e);
    js_set_str(a, "host", h.log.host);
    js_set_int(a, "floor_days", retention_floor(&h.log, &h.rights));
    approvals_free(&r.floor.approvals);
    act_host_close(&h);
    return rc;
}

int act_approvers(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct js *list = js_array();
    if (vaultlog_refresh(v, e) < 0) return js_free(list), -1;
    for (unsigned i = 0; i < v->log.approvers.n; i++) {
        const struct approver *one = &v->log.approvers.item[i];
        char key[SSH_KEY_TEXT];
        struct js *j = js_object();
        ssh_key_text(key, one->key, one->key_len);
        js_set_str(j, "name", one->name);
        js_set_str(j, "key", key);
        js_push(list, j);
    }
    js_set(a, "approvers", list);
    return 0;
}

int act_approvers_set(struct vault *v, const struct approver_list *list, const struct approvals *a, struct err *e) {
    struct record r = {.type = REC_APPROVERS, .approvers = {.list = *list}};
    char hash[HEX_HASH];
    if (approver_list_check(list, e) < 0 || vaultlog_refresh(v, e) < 0) return -1;
    approver_list_hash(list, hash);
    if (v->log.approvers.n >= APPROVALS_NEEDED) {
        if (list->n < APPROVALS_NEEDED) return err_set(e, ZE_USAGE, _("approvers"), _("at least two must remain"));
        if (!a->len)
            return err_set(e, ZE_APPROVAL, _("approvers"), _("two of the present approvers must sign the new list"));
        if (approved(v, APPROVE_LIST, "-", hash, a, vaultlog_time(v), e) < 0) return -1;
        r.approvers.approvals = *a;
    }
    int rc = vaultlog_append(v, &r, e);
    /* A list that somebody else changed meanwhile is not replaced: it was approved for another state. */
    return rc == 1 ? err_set(e, ZE_BUSY, _("approvers"), _("the list was changed at the same time")) : rc;
}

int act_clock(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct clock_reading fresh = {0};
    if (clockwatch(v, &fresh, e) < 0 || vaultlog_refresh(v, e) < 0) return -1;
    bool doubtful = vaultlog_doubtful(&v->log);
    js_set_time(a, "clock", v->clock->now_ns(v->clock));
    js_set_time(a, "vault_time", vaultlog_time(v));
    js_set_bool(a, "doubtful", doubtful);
    js_set_str(a, "why", doubtful ? v->log.why : NULL);
    js_set_time(a, "since", doubtful ? v->log.jumped_at : 0);
    return 0;
}

static int confirm_write(struct vault *v, struct record *r, struct err *e) {
    r->type = REC_CONFIRM;
    r->confirm.time_n = v->log.time_n;
    int rc = vaultlog_append(v, r, e);
    /* If interrupted here, time is trusted again. A jump logged in between needs a confirm of its own. */
    return rc == 1 ? err_set(e, ZE_BUSY, "log", _("the vault's log has grown; look at the clock again")) : rc;
}

static int doubt_needed(struct vault *v, struct err *e) {
    struct clock_reading fresh = {0};
    if (clockwatch(v, &fresh, e) < 0 || vaultlog_refresh(v, e) < 0) return -1;
    return vaultlog_doubtful(&v->log) ? 0 : err_set(e, ZE_NOTHING, "clock", _("nobody doubts it"));
}

/* Approvers say what time it is; the machine's clock must agree with them, else the doubt would only be renewed. Their own
 * statement's validity is judged by that clock: the logged times are what is in doubt. */
int act_confirm(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    struct record r = {.type = REC_CONFIRM};
    const char *text = js_str(q, "time", "");
    int64_t now = v->clock->now_ns(v->clock);
    if (!civil_time_get(text, &r.confirm.time))
        return err_set(e, ZE_USAGE, "time", _("a time like 2026-11-22T01:02:03Z"));
    if (doubt_needed(v, e) < 0) return -1;
    if (now < r.confirm.time - CLOCK_SLACK_S * NS_PER_S || now > r.confirm.time + APPROVAL_LONGEST_S * NS_PER_S)
        return err_set(e, ZE_APPROVAL, "clock", _("the machine's clock does not agree with %s; set it first"), text);
    int rc = approvals_of_json(&r.confirm.approvals, js_get(q, "approvals"), e);
    if (rc == 0) rc = approved(v, APPROVE_CLOCK, "-", text, &r.confirm.approvals, now, e);
    if (rc == 0) rc = confirm_write(v, &r, e);
    approvals_free(&r.confirm.approvals);
    return rc < 0 ? rc : act_clock(v, q, a, e);
}

int act_confirm_alone(struct vault *v, struct err *e) {
    struct record r = {.confirm.time = v->clock->now_ns(v->clock)};
    if (doubt_needed(v, e) < 0) return -1;
    if (v->log.approvers.n >= APPROVALS_NEEDED)
        return err_set(e, ZE_APPROVAL, "clock", _("this vault has approvers: two of them must sign"));
    return confirm_write(v, &r, e);
}

/* The approvers' list of a request: [{"name","key"}]. */
static int list_of_json(struct approver_list *l, const struct js *j, struct err *e) {
    if (js_count(j) > APPROVERS_MAX) return err_set(e, ZE_TOOMUCH, _("approvers"), _("at most %d"), APPROVERS_MAX);
    for (l->n = 0; l->n < js_count(j); l->n++) {
        struct approver *one = &l->item[l->n];
        if (act_text(js_at(j, l->n), "name", true, one->name, sizeof one->name, e) < 0) return -1;
        if (!ssh_key_get(one->key, sizeof one->key, &one->key_len, js_str(js_at(j, l->n), "key", "")))
            return err_set(e, ZE_USAGE, one->name, _("not an ed25519 key of OpenSSH"));
    }
    return approver_list_check(l, e);
}

/* Objects and detail of the act that is to be approved, in the words in which it will be judged. */
static int request_words(struct vault *v, const struct js *q, enum approval_action action, struct buf *objects,
    char detail[HEX_HASH], struct err *e) {
    struct act_points p;
    struct approver_list list;
    struct act_host h;
    int64_t time = 0;
    strcpy(detail, "-");
    if (action == APPROVE_REMOVE || action == APPROVE_FLOOR) {
        if (act_host_open(&h, v, q, e) < 0) return -1;
        act_host_close(&h);
    }
    if (action == APPROVE_REMOVE) {
        if (act_points_get(q, &p, e) < 0) return -1;
        act_objects(objects, js_str(q, "host", ""), &p);
        return 0;
    }
    if (action == APPROVE_KEY) {
        uint8_t next[SEAL_SIGN_PUB];
        char old[HEX_HASH];
        if (keys_next(v, next, e) < 0) return -1;
        text_hex(old, keychain_last(&v->keys), SEAL_SIGN_PUB);
        text_hex(detail, next, SEAL_SIGN_PUB);
        buf_put(objects, old, sizeof old);
        return 0;
    }
    const char *object = action == APPROVE_FLOOR ? js_str(q, "host", "") : "-";
    buf_put(objects, object, strlen(object) + 1);
    if (action == APPROVE_FLOOR) snprintf(detail, HEX_HASH, "days %u", (unsigned)js_int(q, "days", 0));
    if (action == APPROVE_CLOCK) {
        const char *text = js_str(q, "time", NULL);
        if (!text) time = v->clock->now_ns(v->clock);
        else if (!civil_time_get(text, &time))
            return err_set(e, ZE_USAGE, "time", _("a time like 2026-11-22T01:02:03Z"));
        text_time(detail, time);
    }
    if (action == APPROVE_LIST && list_of_json(&list, js_get(q, "approvers"), e) < 0) return -1;
    if (action == APPROVE_LIST) approver_list_hash(&list, detail);
    return 0;
}

int act_request(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    const char *word = js_str(q, "action", "");
    struct act act = {.action = approval_action_of(word)};
    char detail[HEX_HASH];
    struct buf objects, text;
    if (!act.action) return err_set(e, ZE_USAGE, "action", _("remove, floor, confirm-clock, approvers or replace-key"));
    if (vaultlog_refresh(v, e) < 0) return -1;
    /* The clock's own confirm is judged by the clock alone. */
    int64_t now = act.action == APPROVE_CLOCK ? v->clock->now_ns(v->clock) : vaultlog_time(v);
    buf_init(&objects, STATEMENT_MAX);
    buf_init(&text, STATEMENT_MAX + 1024);
    int rc = request_words(v, q, act.action, &objects, detail, e);
    if (rc == 0 && !buf_ok(&objects))
        rc = err_set(e, ZE_USAGE, "points", _("too much for one approval; ask for less at once"));
    act.objects = (const char *)objects.p, act.detail = detail;
    if (rc == 0) rc = approvals_request(v, &act, now, now + js_int(q, "expires_s", REQUEST_S) * NS_PER_S, &text, e);
    buf_u8(&text, 0);
    if (rc == 0) js_set_str(a, "statement", (const char *)text.p);
    buf_free(&objects);
    buf_free(&text);
    return rc;
}
