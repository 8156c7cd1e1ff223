/* The statement is read by taking its lines apart and writing it again: what is not equal then is refused, so there is no
 * second spelling of anything that was signed. Only plain characters can stand in it, so a terminal shows what it says. */
#include "wire/approval.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

static const char *const words[] = {
    [APPROVE_REMOVE] = "remove",
    [APPROVE_FLOOR] = "floor",
    [APPROVE_CLOCK] = "confirm-clock",
    [APPROVE_LIST] = "approvers",
    [APPROVE_KEY] = "replace-key",
};

const char *approval_word(enum approval_action a) { return a >= APPROVE_REMOVE && a <= APPROVE_KEY ? words[a] : ""; }

enum approval_action approval_action_of(const char *word) {
    for (int a = APPROVE_REMOVE; a <= APPROVE_KEY; a++)
        if (strcmp(words[a], word) == 0) return (enum approval_action)a;
    return APPROVE_NONE;
}

static bool plain(const char *s) {
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /:.-")] == 0;
}

static void line_put(struct buf *b, const char *key, const char *value) {
    buf_put(b, key, strlen(key));
    buf_put(b, value, strlen(value));
    buf_put(b, "\n", 1);
}

int statement_put(struct buf *out, const struct statement *s, struct err *e) {
    char vault[2 * SEAL_ID + 1], nonce[2 * SEAL_ID + 1], expires[32];
    size_t from = out->len;
    text_hex(vault, s->vault, SEAL_ID);
    text_hex(nonce, s->nonce, SEAL_ID);
    text_time(expires, s->expires);
    line_put(out, "zaibei approval ", "1");
    line_put(out, "vault: ", vault);
    line_put(out, "action: ", approval_word(s->action));
    line_put(out, "objects: ", s->objects);
    line_put(out, "detail: ", s->detail);
    line_put(out, "expires: ", expires);
    line_put(out, "nonce: ", nonce);
    if (!buf_ok(out) || out->len - from > STATEMENT_MAX)
        return err_set(e, ZE_USAGE, _("statement"), _("too much for one approval; ask for less at once"));
    return 0;
}

/* The value of the next line, which must begin with ${key}; cut out of the text. */
static const char *line_get(char **at, const char *key) {
    char *end = *at ? strchr(*at, '\n') : NULL, *line = *at;
    *at = end ? end + 1 : NULL;
    if (!end || strncmp(line, key, strlen(key)) != 0) return "";
    *end = 0;
    return line + strlen(key);
}

static bool same_again(const struct statement *s, const void *p, size_t n) {
    struct err ignored = ERR_INIT;
    struct buf b;
    buf_init(&b, STATEMENT_MAX + 1024);
    bool same = statement_put(&b, s, &ignored) == 0 && b.len == n && memcmp(b.p, p, n) == 0;
    buf_free(&b);
    return same;
}

int statement_get(struct statement *s, const void *p, size_t n, struct err *e) {
    *s = (struct statement){.text = n && n <= STATEMENT_MAX ? strndup(p, n) : NULL};
    char *at = s->text;
    bool good = at && strlen(at) == n && strcmp(line_get(&at, "zaibei approval "), "1") == 0 &&
        text_unhex(s->vault, SEAL_ID, line_get(&at, "vault: "));
    if (good) {
        s->action = approval_action_of(line_get(&at, "action: "));
        s->objects = line_get(&at, "objects: ");
        s->detail = line_get(&at, "detail: ");
        good = civil_time_get(line_get(&at, "expires: "), &s->expires) &&
            text_unhex(s->nonce, SEAL_ID, line_get(&at, "nonce: ")) && s->action && plain(s->objects) &&
            plain(s->detail) && same_again(s, p, n);
    }
    if (good) return 0;
    statement_free(s);
    return err_set(e, ZE_APPROVAL, _("statement"), _("not a request as zaibei-vault makes it"));
}

void statement_free(struct statement *s) {
    free(s->text);
    *s = (struct statement){.text = NULL};
}

int approvals_add(
    struct approvals *a, const void *statement, size_t n, const void *sig, size_t sig_len, struct err *e) {
    const uint8_t *p, *q;
    size_t pn, qn;
    struct buf b;
    unsigned had = approvals_count(a);
    if (had >= APPROVALS_MAX || !n || n > STATEMENT_MAX || !sig_len || sig_len > SSHSIG_MAX)
        return err_set(e, ZE_APPROVAL, _("approvals"), _("too many, or too long"));
    buf_init(&b, (size_t)APPROVALS_MAX * (STATEMENT_MAX + SSHSIG_MAX + 16));
    buf_vu(&b, had + 1);
    for (unsigned i = 0; i < had && approvals_at(a, i, &p, &pn, &q, &qn); i++) buf_blob(&b, p, pn), buf_blob(&b, q, qn);
    buf_blob(&b, statement, n);
    buf_blob(&b, sig, sig_len);
    uint8_t *all = buf_ok(&b) ? malloc(b.len) : NULL;
    if (all) memcpy(all, b.p, b.len);
    size_t len = b.len;
    buf_free(&b);
    if (!all) return err_set(e, ZE_NOMEM, _("approvals"), _("no memory"));
    free(a->p);
    *a = (struct approvals){len, all};
    return 0;
}

void approvals_free(struct approvals *a) {
    free(a->p);
    *a = (struct approvals){0};
}

unsigned approvals_count(const struct approvals *a) {
    struct rd r = rd_of(a->p, a->len);
    uint64_t n = a->len ? rd_vu(&r) : 0;
    return rd_ok(&r) && n <= APPROVALS_MAX ? (unsigned)n : 0;
}

bool approvals_at(
    const struct approvals *a, unsigned i, const uint8_t **statement, size_t *n, const uint8_t **sig, size_t *sig_len) {
    struct rd r = rd_of(a->p, a->len);
    if (i >= approvals_count(a)) return false;
    rd_vu(&r);
    for (unsigned k = 0; k <= i; k++) {
        *statement = rd_blob(&r, n, STATEMENT_MAX);
        *sig = rd_blob(&r, sig_len, SSHSIG_MAX);
    }
    return rd_ok(&r) && *n && *sig_len;
}

struct js *approvals_json(const struct approvals *a) {
    struct js *list = js_array();
    const uint8_t *p, *q;
    size_t n, qn;
    for (unsigned i = 0; approvals_at(a, i, &p, &n, &q, &qn); i++) {
        struct js *j = js_object();
        char sig[SSHSIG_MAX * 2];
        CLEANUP_FREE char *text = strndup((const char *)p, n);
        b64_encode(sig, sizeof sig, q, qn);
        js_set_str(j, "statement", text);
        js_set_str(j, "signature", sig);
        js_push(list, j);
    }
    return list;
}

int approvals_of_json(struct approvals *a, const struct js *j, struct err *e) {
    uint8_t sig[SSHSIG_MAX];
    for (size_t i = 0; i < js_count(j); i++) {
        const struct js *one = js_at(j, i);
        const char *text = js_str(one, "statement", ""), *code = js_str(one, "signature", "");
        int n = b64_decode(sig, sizeof sig, code, strlen(code));
        if (n <= 0) return err_set(e, ZE_APPROVAL, _("approvals"), _("a signature is not base64"));
        if (approvals_add(a, text, strlen(text), sig, (size_t)n, e) < 0) return -1;
    }
    return 0;
}

static int signature_load(struct approvals *a, const struct buf *statement, const char *file, struct err *e) {
    struct buf text, sig;
    buf_init(&text, 4 * SSHSIG_MAX);
    buf_init(&sig, SSHSIG_MAX);
    int rc = file_load(AT_FDCWD, file, 4 * SSHSIG_MAX, &text, e);
    if (rc == 0) rc = sshsig_dearmour(&sig, (const char *)text.p, text.len, e);
    if (rc == 0) rc = approvals_add(a, statement->p, statement->len, sig.p, sig.len, e);
    if (rc < 0 && e->id == ZE_APPROVAL) err_wrap(e, "%s", file);
    buf_free(&text);
    buf_free(&sig);
    return rc;
}

int approvals_load(struct approvals *a, const char *file, struct err *e) {
    struct buf statement;
    glob_t found = {0};
    char pattern[4096], escaped[2100];
    size_t o = 0;
    if (strlen(file) > 1000) return err_set(e, ZE_USAGE, file, _("too long a name"));
    for (const char *s = file; *s; s++) {
        if (strchr("*?[]\\", *s)) escaped[o++] = '\\';
        escaped[o++] = *s;
    }
    escaped[o] = 0;
    buf_init(&statement, STATEMENT_MAX);
    int rc = file_load(AT_FDCWD, file, STATEMENT_MAX, &statement, e);
    snprintf(pattern, sizeof pattern, "%s.sig", escaped);
    if (rc == 0) (void)!glob(pattern, 0, NULL, &found);
    snprintf(pattern, sizeof pattern, "%s.*.sig", escaped);
    if (rc == 0) (void)!glob(pattern, GLOB_APPEND, NULL, &found);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) rc = signature_load(a, &statement, found.gl_pathv[i], e);
    if (rc == 0 && !approvals_count(a))
        rc = err_set(e, ZE_APPROVAL, file, _("nobody has signed it yet: there is no %s.NAME.sig"), file);
    globfree(&found);
    buf_free(&statement);
    return rc;
}
