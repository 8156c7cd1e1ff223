/* YAML by libfyaml: the parser's events become a tree of our own that knows line and column.
 *
 * Events instead of libfyaml's documents: nothing here is recursive while it reads what others wrote, depth and number of
 * nodes are counted as they come, and an alias is refused before anything could be expanded. Reading values out of the tree
 * is in yaml_get.c. */
#include "wrap/yaml.h"

#include <fcntl.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

struct yaml {
    char *name;
    struct yaml_node *root;
    size_t nodes;
};

struct reader {
    struct yaml *y;
    struct yaml_node *at; /* the open collection */
    unsigned depth;
    char *key; /* read, and its value not yet */
    unsigned key_line, key_column, documents;
};

static int fail_at(const struct yaml *y, unsigned line, unsigned column, struct err *e, const char *what) {
    char where[300];
    snprintf(where, sizeof where, "%.200s:%u:%u", y->name, line, column);
    return err_set(e, ZE_CONFIG, where, "%s", what);
}

static void node_free(struct yaml_node *n) { /* at most YAML_DEPTH_MAX deep */
    for (struct yaml_node *next; n; n = next) {
        next = n->next;
        node_free(n->child);
        free(n->text);
        free(n->key);
        free(n);
    }
}

void yaml_free(struct yaml *y) {
    if (!y) return;
    node_free(y->root);
    free(y->name);
    free(y);
}

const struct yaml_node *yaml_root(const struct yaml *y) { return y->root; }

/* Bytes that are not UTF-8 and control characters but tab and line ends are refused before the parser sees them. */
static int check_bytes(const struct yaml *y, const char *p, size_t n, struct err *e) {
    unsigned line = 1;
    size_t start = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && p[i] != '\n' && p[i] != '\r' && p[i] != '\t') continue;
        if (!text_is_utf8(p + start, i - start))
            return fail_at(y, line, 1, e, _("not UTF-8 text, or a control character"));
        if (i < n && p[i] == '\n') line++;
        start = i + 1;
    }
    return 0;
}

/* What makes libfyaml 0.7 slow or large: runs of blank lines and directives take it time that grows with the square, and a
 * flow collection where a key may stand is held until its end. No document that a person wrote comes near these limits. */
static int check_shape(const struct yaml *y, const char *p, size_t n, struct err *e) {
    unsigned line = 1, breaks = 0, flow = 0;
    bool start = true;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n' || p[i] == '\r') {
            line += p[i] == '\n', start = true;
            if (++breaks > YAML_BREAKS_MAX) return fail_at(y, line, 1, e, _("too many blank lines"));
            continue;
        }
        if (start && p[i] == '%') return fail_at(y, line, 1, e, _("directives (%) are not allowed"));
        if (p[i] != ' ' && p[i] != '\t') breaks = 0;
        if (strchr("[]{},", p[i]) && ++flow > YAML_NODES_MAX) return fail_at(y, line, 1, e, _("too many values"));
        start = false;
    }
    return 0;
}

/* Whether what a quoted text spells with a backslash is text too. */
static bool spelt_ok(const char *s) {
    for (size_t n; (n = strcspn(s, "\n\r\t")), text_is_utf8(s, n); s += n + 1)
        if (!s[n]) return true;
    return false;
}

/* Hang a new node into the tree; its key is the one that was read before it. */
static struct yaml_node *add(struct reader *r, enum yaml_kind kind, const struct fy_mark *m, struct err *e) {
    unsigned line = m ? (unsigned)m->line + 1 : 1, column = m ? (unsigned)m->column + 1 : 1;
    if (++r->y->nodes > YAML_NODES_MAX) return fail_at(r->y, line, column, e, _("too many values")), NULL;
    if (!r->at && (r->y->root || kind != YAML_MAP))
        return fail_at(r->y, line, column, e, _("expected a list of \"key: value\" lines")), NULL;
    struct yaml_node *n = calloc(1, sizeof *n);
    if (!n) return err_set(e, ZE_NOMEM, r->y->name, "YAML"), NULL;
    *n = (struct yaml_node){.kind = kind, .line = line, .column = column, .up = r->at, .doc = r->y};
    n->key = r->key, n->key_line = r->key_line, n->key_column = r->key_column;
    r->key = NULL;
    if (!r->at) return r->y->root = n;
    n->index = r->at->count++;
    if (r->at->last) r->at->last->next = n;
    else r->at->child = n;
    return r->at->last = n;
}

static int take_key(struct reader *r, char *text, const struct fy_mark *m, struct err *e) {
    unsigned line = m ? (unsigned)m->line + 1 : 1, column = m ? (unsigned)m->column + 1 : 1;
    r->key = text, r->key_line = line, r->key_column = column;
    if (strlen(text) > 128 || !*text) return fail_at(r->y, line, column, e, _("expected a key of 1 to 128 bytes"));
    if (r->at->count >= YAML_KEYS_MAX) return fail_at(r->y, line, column, e, _("too many keys"));
    for (const struct yaml_node *n = r->at->child; n; n = n->next) {
        if (strcmp(n->key, text) != 0) continue;
        char what[320];
        snprintf(what, sizeof what, _("the key \"%s\" stands here twice (first in line %u)"), text, n->key_line);
        return fail_at(r->y, line, column, e, what);
    }
    return 0;
}

static int take_scalar(struct reader *r, struct fy_event *ev, const struct fy_mark *m, struct err *e) {
    size_t len = 0;
    struct fy_token *t = ev->scalar.value;
    const char *s = t ? fy_token_get_text(t, &len) : "";
    char *text = s && !memchr(s, 0, len) ? strndup(s, len) : NULL;
    if (!text) return fail_at(r->y, m ? (unsigned)m->line + 1 : 1, 1, e, _("a value with a NUL character"));
    if (!spelt_ok(text)) {
        free(text);
        return fail_at(r->y, m ? (unsigned)m->line + 1 : 1, 1, e, _("not UTF-8 text, or a control character"));
    }
    if (r->at && r->at->kind == YAML_MAP && !r->key) return take_key(r, text, m, e);
    struct yaml_node *n = add(r, YAML_SCALAR, m, e);
    if (!n) return free(text), -1;
    n->text = text;
    n->quoted = t && fy_token_scalar_style(t) != FYSS_PLAIN;
    return 0;
}

static int take_start(struct reader *r, enum yaml_kind kind, const struct fy_mark *m, struct err *e) {
    unsigned line = m ? (unsigned)m->line + 1 : 1, column = m ? (unsigned)m->column + 1 : 1;
    if (++r->depth > YAML_DEPTH_MAX) return fail_at(r->y, line, column, e, _("nested too deeply"));
    if (r->at && r->at->kind == YAML_MAP && !r->key) return fail_at(r->y, line, column, e, _("a key must be a word"));
    struct yaml_node *n = add(r, kind, m, e);
    if (!n) return -1;
    r->at = n;
    return 0;
}

static int take(struct reader *r, struct fy_event *ev, struct err *e) {
    struct fy_token *anchor = NULL, *tag = NULL;
    const struct fy_mark *m = fy_event_start_mark(ev);
    if (ev->type == FYET_SCALAR) anchor = ev->scalar.anchor, tag = ev->scalar.tag;
    if (ev->type == FYET_MAPPING_START) anchor = ev->mapping_start.anchor, tag = ev->mapping_start.tag;
    if (ev->type == FYET_SEQUENCE_START) anchor = ev->sequence_start.anchor, tag = ev->sequence_start.tag;
    if (anchor || tag || ev->type == FYET_ALIAS)
        return fail_at(r->y, m ? (unsigned)m->line + 1 : 1, m ? (unsigned)m->column + 1 : 1, e,
            _("anchors (&), aliases (*) and tags (!) are not allowed"));
    switch (ev->type) {
    case FYET_DOCUMENT_START:
        return ++r->documents > 1 ? fail_at(r->y, m ? (unsigned)m->line + 1 : 1, 1, e, _("a second document")) : 0;
    case FYET_SCALAR: return take_scalar(r, ev, m, e);
    case FYET_MAPPING_START: return take_start(r, YAML_MAP, m, e);
    case FYET_SEQUENCE_START: return take_start(r, YAML_LIST, m, e);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        if (r->at) r->at = r->at->up, r->depth--;
        return 0;
    default: return 0;
    }
}

/* What libfyaml found wrong: its first complaint, with the place. */
static int fail_syntax(const struct yaml *y, struct fy_diag *d, struct err *e) {
    void *iter = NULL;
    struct fy_diag_error *why = fy_diag_errors_iterate(d, &iter);
    if (!why) return fail_at(y, 1, 1, e, _("not YAML"));
    char what[400], msg[300];
    text_escape(msg, sizeof msg, why->msg ? why->msg : "", why->msg ? strcspn(why->msg, "\n") : 0);
    snprintf(what, sizeof what, _("not YAML: %s"), msg);
    return fail_at(y, why->line > 0 ? (unsigned)why->line : 1, why->column > 0 ? (unsigned)why->column : 1, e, what);
}

static int parse(struct yaml *y, const char *p, size_t n, struct err *e) {
    struct fy_diag_cfg dc;
    fy_diag_cfg_default(&dc);
    dc.fp = NULL, dc.colorize = false;
    struct fy_diag *diag = fy_diag_create(&dc);
    if (!diag) return err_set(e, ZE_NOMEM, y->name, "YAML");
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg pc = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&pc);
    struct reader r = {.y = y};
    int rc = parser && fy_parser_set_string(parser, p, n) == 0 ? 0 : err_set(e, ZE_NOMEM, y->name, "YAML");
    bool ended = false;
    for (struct fy_event *ev; rc == 0 && (ev = fy_parser_parse(parser));) {
        ended = ev->type == FYET_STREAM_END;
        rc = take(&r, ev, e);
        fy_parser_event_free(parser, ev);
    }
    if (rc == 0 && (!ended || fy_parser_get_stream_error(parser))) rc = fail_syntax(y, diag, e);
    if (rc == 0 && !y->root) rc = fail_at(y, 1, 1, e, _("the file is empty"));
    free(r.key);
    if (parser) fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return rc;
}

struct yaml *yaml_parse(const char *name, const void *p, size_t n, struct err *e) {
    struct yaml *y = calloc(1, sizeof *y);
    if (y) y->name = strdup(name);
    if (!y || !y->name) {
        free(y);
        err_set(e, ZE_NOMEM, name, "YAML");
        return NULL;
    }
    int rc = n > YAML_BYTES_MAX ? fail_at(y, 1, 1, e, _("larger than 1 MiB")) : n ? check_bytes(y, p, n, e) : 0;
    if (rc == 0) rc = check_shape(y, p, n, e);
    if (rc == 0) rc = n ? parse(y, p, n, e) : fail_at(y, 1, 1, e, _("the file is empty"));
    if (rc == 0) return y;
    yaml_free(y);
    return NULL;
}

struct yaml *yaml_load(const char *path, struct err *e) {
    struct buf b;
    buf_init(&b, YAML_BYTES_MAX + 1);
    char real[4096]; /* a configuration file may well be a symbolic link */
    struct yaml *y = NULL;
    if (!realpath(path, real)) err_sys(e, path, _("open"));
    else if (file_load(AT_FDCWD, real, YAML_BYTES_MAX, &b, e) == 0)
        y = yaml_parse(path, b.p ? b.p : (void *)"", b.len, e);
    buf_free(&b);
    return y;
}

int yaml_fail(const struct yaml_node *node, struct err *e, const char *fmt, ...) {
    char path[256] = "", old[256], what[400], whole[700];
    for (const struct yaml_node *n = node; n->up; n = n->up) {
        memcpy(old, path, sizeof old);
        const char *dot = *old && *old != '[' ? "." : "";
        if (n->key) snprintf(path, sizeof path, "%.100s%s%.150s", n->key, dot, old);
        else snprintf(path, sizeof path, "[%zu]%s%.200s", n->index, dot, old);
    }
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(whole, sizeof whole, "%s%s%s", path, *path ? ": " : "", what);
    return fail_at(node->doc, node->line, node->column, e, whole);
}
