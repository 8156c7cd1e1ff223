/* Nobody who only carries approvals can bend them: the vault words the act itself and compares, the statement names this
 * vault, and its nonce becomes an object by put-new before the act. If interrupted between nonce and act, the approval is
 * spent and nothing was done: the approvers are asked again. That is the safe side of the two. */
#include "approve.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "reserve.h"

static int refuse(struct err *e, const char *why) { return err_set(e, ZE_APPROVAL, _("approvals"), "%s", why); }

static const struct approver *approver_of(const struct approver_list *l, const uint8_t *key, size_t n) {
    for (unsigned i = 0; i < l->n; i++)
        if (l->item[i].key_len == n && memcmp(l->item[i].key, key, n) == 0) return &l->item[i];
    return NULL;
}

static int statement_judge(struct vault *v, const struct act *act, const struct statement *s, struct err *e) {
    if (memcmp(s->vault, v->header.id, SEAL_ID) != 0) return refuse(e, _("they were given to another vault"));
    if (s->action != act->action) return refuse(e, _("they were given for another action"));
    if (strcmp(s->objects, act->objects) != 0) return refuse(e, _("they were given for other objects"));
    if (strcmp(s->detail, act->detail) != 0) return refuse(e, _("they were given for another value"));
    return 0;
}

static int time_judge(const struct statement *s, int64_t now, struct err *e) {
    if (now >= s->expires) return refuse(e, _("they have expired"));
    if (s->expires - now > APPROVAL_LONGEST_S * NS_PER_S) return refuse(e, _("they are valid for more than a week"));
    return 0;
}

/* The signatures: each by an approver, over the same text; how many different approvers there are. */
static int signers_count(struct vault *v, const struct approvals *a, unsigned *count, struct err *e) {
    const struct approver *seen[APPROVALS_MAX];
    const uint8_t *text, *first = NULL, *sig;
    size_t n, first_n = 0, sig_n;
    *count = 0;
    for (unsigned i = 0; approvals_at(a, i, &text, &n, &sig, &sig_n); i++) {
        struct sshsig s;
        if (!first) first = text, first_n = n;
        if (n != first_n || memcmp(text, first, n) != 0) return refuse(e, _("they are for different requests"));
        if (sshsig_check(&s, sig, sig_n, APPROVAL_SPACE, text, n, e) < 0) return -1;
        const struct approver *who = approver_of(&v->log.approvers, s.key, s.key_len);
        if (!who) return refuse(e, _("one is by somebody who is no approver of this vault"));
        unsigned k = 0;
        while (k < *count && seen[k] != who) k++;
        if (k == *count) seen[(*count)++] = who;
    }
    return 0;
}

static int statement_first(const struct approvals *a, struct statement *s, struct err *e) {
    const uint8_t *text, *sig;
    size_t n, sig_n;
    *s = (struct statement){.text = NULL};
    if (!approvals_at(a, 0, &text, &n, &sig, &sig_n)) return refuse(e, _("there are none"));
    return statement_get(s, text, n, e);
}

/* ${now} 0: whatever time it was. */
static int judge(struct vault *v, const struct act *act, const struct approvals *a, int64_t now, struct err *e) {
    struct statement s;
    unsigned count;
    if (v->log.approvers.n < APPROVALS_NEEDED) return err_set(e, ZE_APPROVERS, v->dir, _("nobody can approve yet"));
    if (statement_first(a, &s, e) < 0) return -1;
    int rc = statement_judge(v, act, &s, e);
    if (rc == 0 && now) rc = time_judge(&s, now, e);
    statement_free(&s);
    if (rc == 0) rc = signers_count(v, a, &count, e);
    if (rc == 0 && count < APPROVALS_NEEDED) rc = refuse(e, _("two different approvers are needed"));
    return rc;
}

int approvals_judge(struct vault *v, const struct act *act, const struct approvals *a, int64_t now, struct err *e) {
    /* The list by which it is judged must not go away under what is done by it. */
    if (vaultlog_refresh(v, e) < 0 || store_settle(&v->store, "log", e) < 0) return -1;
    return judge(v, act, a, now, e);
}

int approvals_fit(struct vault *v, const struct act *act, const struct approvals *a, struct err *e) {
    return judge(v, act, a, 0, e);
}

int approvals_spend(struct vault *v, const struct approvals *a, struct err *e) {
    char name[STORE_NAME_MAX], hex[HEX_ID];
    const uint8_t *text = NULL, *sig;
    size_t n = 0, sig_n;
    struct statement s;
    if (statement_first(a, &s, e) < 0 || !approvals_at(a, 0, &text, &n, &sig, &sig_n)) return -1;
    text_hex(hex, s.nonce, SEAL_ID);
    statement_free(&s);
    snprintf(name, sizeof name, "nonces/%s", hex);
    int rc = store_put_new(&v->store, name, text, n, e); /* as it was signed: s.text is taken apart */
    while (rc < 0 && e->id == ZE_NOSPACE && reserve_release(v, RESERVE_FOR_RECORD))
        rc = store_put_new(&v->store, name, text, n, e);
    return rc == 1 ? refuse(e, _("they were used already")) : rc;
}

int approvals_request(
    struct vault *v, const struct act *act, int64_t now, int64_t expires, struct buf *out, struct err *e) {
    struct statement s = {.action = act->action, .objects = act->objects, .detail = act->detail};
    if (expires <= now || expires - now > APPROVAL_LONGEST_S * NS_PER_S)
        return err_set(e, ZE_USAGE, _("expires"), _("at most a week from now"));
    memcpy(s.vault, v->header.id, SEAL_ID);
    seal_random(s.nonce, SEAL_ID);
    s.expires = expires - expires % NS_PER_S;
    return statement_put(out, &s, e);
}

int approver_list_check(const struct approver_list *l, struct err *e) {
    for (unsigned i = 0; i < l->n; i++) {
        const struct approver *a = &l->item[i];
        size_t n = strlen(a->name);
        if (!n || !text_is_utf8(a->name, n) || strchr(a->name, ' '))
            return err_set(e, ZE_USAGE, a->name, _("an approver's name is one word"));
        bool twice = approver_of(l, a->key, a->key_len) != a;
        for (unsigned k = 0; k < i; k++) twice |= strcmp(l->item[k].name, a->name) == 0;
        if (twice) return err_set(e, ZE_USAGE, a->name, _("this name or this key is in the list already"));
    }
    return 0;
}

void approver_list_hash(const struct approver_list *l, char out[HEX_HASH]) {
    uint8_t hash[SEAL_HASH];
    struct buf b;
    buf_init(&b, APPROVERS_MAX * sizeof l->item[0]);
    approver_list_put(&b, l);
    seal_hash(hash, b.p, b.len);
    buf_free(&b);
    text_hex(out, hash, sizeof hash);
}
