/* A pattern is compiled to a row of tokens; matching runs all its states at once over the path, a bit each, so no pattern
 * can make it slow. */
#include "exclude.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

enum token_type { T_BYTE, T_ANY, T_CLASS, T_STAR, T_DIRS, T_REST };

struct token {
    uint8_t type, byte;
    uint8_t set[32]; /* T_CLASS */
};

struct pattern {
    char *text;
    struct token *token;
    size_t n;
    bool negated, dir_only, anchored;
};

struct exclude {
    struct pattern *p;
    size_t n;
};

/* ---- compiling ---- */

static void set_add(uint8_t set[32], unsigned lo, unsigned hi) {
    for (unsigned c = lo; c <= hi; c++) set[c >> 3] |= (uint8_t)(1u << (c & 7));
}

/* [abc], [a-z], [!…]: the bytes after the closing bracket, or NULL. A slash is never in a class. */
static const char *class_of(const char *s, struct token *t) {
    bool negated = *s == '!' || *s == '^';
    const char *first = s += negated;
    for (; *s && (*s != ']' || s == first); s++) {
        unsigned lo = (uint8_t)*s, hi = lo;
        if (s[1] == '-' && s[2] && s[2] != ']') hi = (uint8_t)s[2], s += 2;
        set_add(t->set, lo, hi);
    }
    if (*s != ']') return NULL;
    for (size_t i = 0; negated && i < sizeof t->set; i++) t->set[i] = (uint8_t)~t->set[i];
    t->set['/' >> 3] &= (uint8_t) ~(1u << ('/' & 7));
    t->type = T_CLASS;
    return s + 1;
}

static const char *next_token(const char *s, bool at_component, struct token *t) {
    if (s[0] == '*' && s[1] == '*' && at_component && s[2] == '/') {
        t->type = T_DIRS;
        return s + 3;
    }
    if (s[0] == '*' && s[1] == '*' && at_component && !s[2]) {
        t->type = T_REST;
        return s + 2;
    }
    if (*s == '*') {
        t->type = T_STAR;
        while (*s == '*') s++;
        return s;
    }
    if (*s == '?') {
        t->type = T_ANY;
        return s + 1;
    }
    if (*s == '[') return class_of(s + 1, t);
    if (*s == '\\' && s[1]) s++;
    t->type = T_BYTE, t->byte = (uint8_t)*s;
    return s + 1;
}

static int compile(struct pattern *p, const char *text, struct err *e) {
    const char *s = text;
    p->text = strdup(text);
    char *body = strdup(text + (*text == '!'));
    p->token = calloc(strlen(text) + 1, sizeof *p->token);
    if (!p->text || !body || !p->token) {
        free(body);
        return err_set(e, ZE_NOMEM, text, "exclude");
    }
    p->negated = *text == '!';
    size_t len = strlen(body);
    if (len > 1 && body[len - 1] == '/' && body[len - 2] != '\\') body[--len] = 0, p->dir_only = true;
    s = body;
    p->anchored = strchr(body, '/') != NULL;
    if (*s == '/') s++;
    bool at_component = true;
    while (s && *s) {
        struct token *t = &p->token[p->n++];
        s = next_token(s, at_component, t);
        at_component = t->type == T_DIRS || (t->type == T_BYTE && t->byte == '/');
    }
    free(body);
    if (!s || !p->n) return err_set(e, ZE_USAGE, text, _("a pattern that cannot be read"));
    return 0;
}

struct exclude *exclude_new(const char *const *patterns, size_t n, struct err *e) {
    struct exclude *x = calloc(1, sizeof *x);
    if (x) x->p = calloc(n + 1, sizeof *x->p);
    if (!x || !x->p || n > EXCLUDE_COUNT_MAX) {
        err_set(e, n > EXCLUDE_COUNT_MAX ? ZE_USAGE : ZE_NOMEM, "exclude", _("%zu patterns; at most %d are allowed"), n,
            EXCLUDE_COUNT_MAX);
        exclude_free(x);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!*patterns[i] || *patterns[i] == '#') continue;
        bool long_one = strlen(patterns[i]) > EXCLUDE_PATTERN_MAX;
        if (long_one) err_set(e, ZE_USAGE, "exclude", _("a pattern of more than %d bytes"), EXCLUDE_PATTERN_MAX);
        if (long_one || compile(&x->p[x->n++], patterns[i], e) < 0) {
            exclude_free(x);
            return NULL;
        }
    }
    return x;
}

void exclude_free(struct exclude *x) {
    if (!x) return;
    for (size_t i = 0; x->p && i < x->n; i++) {
        free(x->p[i].text);
        free(x->p[i].token);
    }
    free(x->p);
    free(x);
}

/* ---- matching ---- */

struct states {
    uint64_t bit[EXCLUDE_PATTERN_MAX / 64 + 1];
};

static bool has(const struct states *s, size_t i) { return s->bit[i >> 6] >> (i & 63) & 1; }

/* Enter state ${i}, and whatever can be entered from there without a byte. */
static void enter(const struct pattern *p, struct states *s, size_t i) {
    for (;; i++) {
        s->bit[i >> 6] |= 1ull << (i & 63);
        if (i == p->n || (p->token[i].type != T_STAR && p->token[i].type != T_DIRS)) return;
    }
}

static void step(const struct pattern *p, const struct states *from, struct states *to, uint8_t c) {
    for (size_t i = 0; i < p->n; i++) {
        const struct token *t = &p->token[i];
        if (!has(from, i)) continue;
        bool fits = t->type == T_BYTE ? c == t->byte : t->type == T_CLASS ? t->set[c >> 3] >> (c & 7) & 1 : c != '/';
        switch (t->type) {
        case T_STAR:
            if (fits) enter(p, to, i);
            break;
        case T_DIRS: /* on within a directory; past it only after its slash */
            to->bit[i >> 6] |= 1ull << (i & 63);
            if (c == '/') enter(p, to, i + 1);
            break;
        case T_REST:
            to->bit[i >> 6] |= 1ull << (i & 63);
            enter(p, to, i + 1);
            break;
        default:
            if (fits) enter(p, to, i + 1);
        }
    }
}

static bool fits(const struct pattern *p, const uint8_t *path, size_t n) {
    struct states now = {{0}}, next;
    enter(p, &now, 0);
    for (size_t i = 0; i < n; i++) {
        memset(&next, 0, sizeof next);
        step(p, &now, &next, path[i]);
        now = next;
    }
    return has(&now, p->n);
}

const char *exclude_match(const struct exclude *x, const uint8_t *path, size_t n, bool is_dir) {
    if (!x) return NULL;
    size_t base = n;
    while (base && path[base - 1] != '/') base--;
    for (size_t i = x->n; i-- > 0;) {
        const struct pattern *p = &x->p[i];
        if (p->dir_only && !is_dir) continue;
        if (p->anchored ? fits(p, path, n) : fits(p, path + base, n - base)) return p->negated ? NULL : p->text;
    }
    return NULL;
}
