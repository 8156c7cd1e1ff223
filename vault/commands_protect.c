/* The administrator's verbs for protection, on the vault's own machine: the same operations as over control, on words instead
 * of JSON. What they may do beyond control is only what has to begin somewhere: the first two approvers, and confirming the
 * clock while there are none. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "base/i18n.h"
#include "base/text.h"
#include "commands.h"
#include "sys/file.h"

enum { LIST_MAX = 16384 };

static void set_text(struct js *q, const char *key, const char *s) {
    if (s) js_set_str(q, key, s);
}

static int set_number(struct js *q, const char *key, const char *s, struct err *e) {
    uint64_t n;
    if (!s) return 0;
    if (!text_u64(s, UINT32_MAX, &n)) return err_set(e, ZE_USAGE, s, _("expected a number"));
    js_set_int(q, key, (int64_t)n);
    return 0;
}

/* "web1/3,4,9" as host and points; with ${many} false only one. */
static int set_points(struct js *q, const char *s, bool many, struct err *e) {
    const char *slash = s ? strchr(s, '/') : NULL;
    char host[64], number[16];
    struct js *list = js_array();
    uint64_t n = 0;
    if (!slash || slash - s >= (int)sizeof host) slash = NULL;
    for (const char *at = slash; at; at = at[0] == ',' ? at : NULL) {
        size_t len = strcspn(++at, ",");
        snprintf(number, sizeof number, "%.*s", (int)(len < sizeof number ? len : sizeof number - 1), at);
        if (!text_u64(number, UINT32_MAX, &n)) slash = NULL;
        js_push_int(list, (int64_t)n);
        at += len;
    }
    if (!slash || (!many && js_count(list) != 1)) {
        js_free(list);
        return err_set(e, ZE_USAGE, s ? s : "", many ? _("expected HOST/POINT[,POINT…]") : _("expected HOST/POINT"));
    }
    snprintf(host, sizeof host, "%.*s", (int)(slash - s), s);
    js_set_str(q, "host", host);
    if (!many) js_set_int(q, "point", (int64_t)n);
    js_set(q, "points", list);
    return 0;
}

static int set_approvals(struct js *q, const char *file, struct err *e) {
    struct approvals a = {0};
    int rc = file ? approvals_load(&a, file, e) : 0;
    if (rc == 0 && file) js_set(q, "approvals", approvals_json(&a));
    approvals_free(&a);
    return rc;
}

static void common(struct js *q, const struct words *w) {
    const char *who = w->who ? w->who : getenv("SUDO_USER");
    if (!who) who = getenv("USER");
    set_text(q, "who", who);
    set_text(q, "reason", w->reason);
    js_set_bool(q, "dry_run", w->dry_run);
}

/* Run one operation: its answer, or NULL. */
static struct js *run(const struct words *w, act_run *act, const struct js *q, struct err *e) {
    struct vault v;
    struct js *a = js_object();
    /* Asking for another key must be possible when the one there was is lost. */
    bool keyless = strcmp(js_str(q, "action", ""), "replace-key") == 0;
    int rc = keyless ? vault_open_keyless(&v, w->dir, clock_real(), e) : vault_open(&v, w->dir, clock_real(), e);
    if (rc < 0) return js_free(a), NULL;
    rc = act(&v, q, a, e);
    vault_close(&v);
    if (rc == 0) return a;
    js_free(a);
    return NULL;
}

static int answer(const struct words *w, struct js *a, const char *type) {
    if (w->json) {
        js_set_int(a, "schema_version", 1);
        js_set_str(a, "message_type", type);
        CLEANUP_FREE char *text = js_dump(a);
        puts(text);
    }
    js_free(a);
    return 0;
}

int command_pin(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    common(q, w);
    set_text(q, "until", w->until);
    if (set_points(q, w->second, false, e) < 0 || set_number(q, "months", w->months, e) < 0) return -1;
    struct js *a = run(w, act_pin, q, e);
    if (!a) return -1;
    if (!w->json)
        printf(js_bool(a, "extended", false) ? _("%s is pinned until %s\n") : _("%s is pinned already, until %s\n"),
            w->second, js_str(a, "until", "?"));
    return answer(w, a, "pin");
}

int command_pins(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    set_text(q, "host", w->second);
    struct js *a = run(w, act_pins, q, e);
    if (!a) return -1;
    const struct js *list = js_get(a, "pins");
    for (size_t i = 0; !w->json && i < js_count(list); i++) {
        const struct js *p = js_at(list, i);
        printf("%s/%lld  %s  %s (%s)\n", w->second, (long long)js_int(p, "point", 0), js_str(p, "until", ""),
            js_str(p, "reason", ""), js_str(p, "who", ""));
    }
    if (!w->json)
        printf(_("each restore point is kept for at least %lld days\n"), (long long)js_int(a, "floor_days", 0));
    return answer(w, a, "pins");
}

/* What cannot be undone wants its name typed. */
static int sure(const struct words *w, struct err *e) {
    char typed[600] = "";
    if (w->yes || w->dry_run) return 0;
    if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, w->second, _("say --yes to go on without being asked"));
    fprintf(stderr, _("Type %s to remove it: "), w->second);
    if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
    typed[strcspn(typed, "\n")] = 0;
    return strcmp(typed, w->second) == 0 ? 0 : err_set(e, ZE_CANCELLED, w->second, _("nothing was removed"));
}

int command_remove(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    common(q, w);
    if (set_points(q, w->second, true, e) < 0 || set_approvals(q, w->approvals, e) < 0 || sure(w, e) < 0) return -1;
    struct js *a = run(w, act_remove, q, e);
    if (!a) return -1;
    const struct js *list = js_get(a, "points");
    for (size_t i = 0; !w->json && i < js_count(list); i++) {
        const struct js *p = js_at(list, i);
        printf(_("%s/%lld  protected until %s (%s)\n"), js_str(a, "host", ""), (long long)js_int(p, "point", 0),
            js_str(p, "until", "-"), js_str(p, "why", ""));
    }
    if (!w->json && w->dry_run && js_bool(a, "allowed", false)) puts(_("they may be removed; nothing was done"));
    else if (!w->json && w->dry_run) printf(_("they may not be removed: %s\n"), js_str(a, "message", ""));
    else if (!w->json) puts(_("removed; their space is given back by a collection after the grace time"));
    return answer(w, a, "removal");
}

int command_floor(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    common(q, w);
    set_text(q, "host", w->second);
    if (set_number(q, "days", w->days, e) < 0 || set_approvals(q, w->approvals, e) < 0) return -1;
    struct js *a = run(w, act_floor, q, e);
    if (!a) return -1;
    if (!w->json)
        printf(_("%s: each restore point is kept for at least %lld days\n"), w->second,
            (long long)js_int(a, "floor_days", 0));
    return answer(w, a, "floor");
}

/* A file of lines "NAME TYPE KEY [COMMENT]". */
static int list_load(struct approver_list *l, const char *file, struct err *e) {
    struct buf b;
    int rc = file ? 0 : err_set(e, ZE_USAGE, "approver", _("which file?"));
    *l = (struct approver_list){0};
    buf_init(&b, LIST_MAX + 1);
    if (rc == 0) rc = file_load(AT_FDCWD, file, LIST_MAX, &b, e);
    buf_u8(&b, 0);
    char *save = NULL;
    for (char *line = rc == 0 ? strtok_r((char *)b.p, "\n", &save) : NULL; line && rc == 0;
         line = strtok_r(NULL, "\n", &save)) {
        size_t n = strcspn(line, " ");
        struct approver *one = &l->item[l->n];
        if (*line == '#') continue;
        if (l->n == APPROVERS_MAX) rc = err_set(e, ZE_TOOMUCH, file, _("at most %d"), APPROVERS_MAX);
        else if (n >= sizeof one->name || !line[n] ||
            !ssh_key_get(one->key, sizeof one->key, &one->key_len, line + n + strspn(line + n, " ")))
            rc = err_set(e, ZE_USAGE, file, _("expected lines NAME ssh-ed25519 KEY, not: %s"), line);
        else snprintf(one->name, sizeof one->name, "%.*s", (int)n, line), l->n++;
    }
    buf_free(&b);
    return rc;
}

/* The list as it will be: with one more, or the one in the file. */
static int list_next(const struct words *w, struct vault *v, struct approver_list *l, struct err *e) {
    struct buf b;
    if (strcmp(w->sub, "replace") == 0) return list_load(l, w->second, e);
    if (!w->second || !w->third) return err_set(e, ZE_USAGE, "approver add", _("NAME and the file of the public key"));
    if (vaultlog_refresh(v, e) < 0) return -1;
    *l = v->log.approvers;
    if (l->n >= APPROVALS_NEEDED)
        return err_set(
            e, ZE_APPROVAL, "approver add", _("two approvers decide now: request approvers, then approver replace"));
    struct approver *one = &l->item[l->n++];
    *one = (struct approver){.key_len = 0};
    snprintf(one->name, sizeof one->name, "%s", w->second);
    buf_init(&b, LIST_MAX + 1);
    int rc = file_load(AT_FDCWD, w->third, LIST_MAX, &b, e);
    buf_u8(&b, 0);
    if (rc == 0 && !ssh_key_get(one->key, sizeof one->key, &one->key_len, (const char *)b.p))
        rc = err_set(e, ZE_USAGE, w->third, _("not an ed25519 key of OpenSSH"));
    buf_free(&b);
    return rc;
}

int command_approver(const struct words *w, struct err *e) {
    struct approver_list next;
    struct approvals a = {0};
    struct vault v;
    CLEANUP_JS struct js *q = js_object();
    if (strcmp(w->sub, "list") != 0) {
        if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
        int rc = list_next(w, &v, &next, e);
        if (rc == 0 && w->approvals) rc = approvals_load(&a, w->approvals, e);
        if (rc == 0) rc = act_approvers_set(&v, &next, &a, e);
        approvals_free(&a);
        vault_close(&v);
        if (rc < 0) return rc;
    }
    struct js *out = run(w, act_approvers, q, e);
    if (!out) return -1;
    const struct js *list = js_get(out, "approvers");
    for (size_t i = 0; !w->json && i < js_count(list); i++)
        printf("%s %s\n", js_str(js_at(list, i), "name", ""), js_str(js_at(list, i), "key", ""));
    if (!w->json && !js_count(list)) fputs(_("there are no approvers yet; name two with: zaibei-vault approver add DIR NAME KEYFILE\n"), stderr);
    return answer(w, out, "approvers");
}

/* The time that the approvers have signed. */
static int set_signed_time(struct js *q, const char *file, struct err *e) {
    struct statement s;
    struct buf b;
    buf_init(&b, STATEMENT_MAX);
    int rc = file_load(AT_FDCWD, file, STATEMENT_MAX, &b, e);
    if (rc == 0) rc = statement_get(&s, b.p, b.len, e);
    buf_free(&b);
    if (rc < 0) return rc;
    js_set_str(q, "time", s.detail);
    statement_free(&s);
    return 0;
}

static int confirm_alone(struct vault *v, const struct js *q, struct js *a, struct err *e) {
    return act_confirm_alone(v, e) < 0 ? -1 : act_clock(v, q, a, e);
}

int command_clock(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    act_run *act = act_clock;
    if (strcmp(w->sub, "confirm") == 0) {
        act = w->approvals ? act_confirm : confirm_alone;
        if (!w->approvals && !w->yes)
            return err_set(
                e, ZE_USAGE, "clock confirm", _("--approvals FILE; or --yes while the vault has no approvers"));
        if (w->approvals && (set_signed_time(q, w->approvals, e) < 0 || set_approvals(q, w->approvals, e) < 0))
            return -1;
    }
    struct js *a = run(w, act, q, e);
    if (!a) return -1;
    if (!w->json) {
        printf(_("clock %s, vault time %s\n"), js_str(a, "clock", "?"), js_str(a, "vault_time", "?"));
        if (js_bool(a, "doubtful", false))
            printf(_("in doubt: %s; nothing is removed before it is confirmed\n"), _(js_str(a, "why", "")));
    }
    return answer(w, a, "clock");
}

static int set_list(struct js *q, const char *file, struct err *e) {
    struct approver_list l;
    struct js *list = js_array();
    int rc = list_load(&l, file, e);
    for (unsigned i = 0; rc == 0 && i < l.n; i++) {
        char key[SSH_KEY_TEXT];
        struct js *j = js_object();
        ssh_key_text(key, l.item[i].key, l.item[i].key_len);
        js_set_str(j, "name", l.item[i].name);
        js_set_str(j, "key", key);
        js_push(list, j);
    }
    js_set(q, "approvers", list);
    return rc;
}

int command_request(const struct words *w, struct err *e) {
    CLEANUP_JS struct js *q = js_object();
    enum approval_action action = approval_action_of(w->sub);
    int rc = 0;
    js_set_str(q, "action", w->sub);
    set_text(q, "time", w->until);
    if (action == APPROVE_REMOVE) rc = set_points(q, w->second, true, e);
    if (action == APPROVE_FLOOR) set_text(q, "host", w->second), rc = set_number(q, "days", w->days, e);
    if (action == APPROVE_LIST) rc = set_list(q, w->second, e);
    if (rc < 0 || set_number(q, "expires_s", w->expires, e) < 0) return -1;
    struct js *a = run(w, act_request, q, e);
    if (!a) return -1;
    const char *text = js_str(a, "statement", "");
    if (w->out) rc = file_put_new(AT_FDCWD, w->out, text, strlen(text), 0644, e);
    if (rc == 1) rc = err_set(e, ZE_EXISTS, w->out, _("a request is never overwritten"));
    if (rc == 0 && !w->json && !w->out) fputs(text, stdout);
    if (rc == 0 && !w->json && w->out) printf(_("two approvers sign it: zaibei approve %s\n"), w->out);
    if (rc == 0) return answer(w, a, "request");
    js_free(a);
    return rc;
}
