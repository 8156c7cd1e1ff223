/* A form as YAML. What is written plain is what YAML cannot take for anything else; all other text stands in quotes. Parts
 * that have their own readers are written as JSON, which YAML includes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plan/form.h"
#include "wrap/json.h"

enum { FLOW_MAX = 80 };

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

static bool is_plain(const char *s) {
    size_t n = strlen(s);
    if (!n || s[n - 1] == ' ' || (!isalnum((unsigned char)*s) && *s != '/' && (unsigned char)*s < 0x80)) return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(" _/.+-", *s) && (unsigned char)*s < 0x80) return false;
    return true;
}

static void put_scalar(struct buf *b, const char *s) {
    if (is_plain(s)) return put(b, s);
    put(b, "\"");
    for (; *s; s++) {
        if (*s == '\n') put(b, "\\n");
        else if (*s == '\r') put(b, "\\r");
        else if (*s == '\t') put(b, "\\t");
        else if (*s == '"' || *s == '\\') buf_put(b, (const char[]){'\\', *s}, 2);
        else buf_put(b, s, 1);
    }
    put(b, "\"");
}

static void put_indent(struct buf *b, unsigned n) {
    while (n--) put(b, "    ");
}

static void put_comment(struct buf *b, const struct field *f, enum form_lang lang) {
    char label[FORM_LABEL_MAX];
    form_label(f, f->forms & -f->forms, lang, label);
    if (*label) put(b, "  # "), put(b, label);
    put(b, "\n");
}

/* On one line where it is short. */
static void put_list(
    struct buf *b, const struct js *list, const struct field *f, unsigned indent, enum form_lang lang) {
    size_t length = 0, n = js_count(list);
    for (size_t i = 0; i < n; i++) length += strlen(js_text(js_at(list, i))) + 4;
    if (length <= FLOW_MAX) {
        put(b, " [");
        for (size_t i = 0; i < n; i++) put(b, i ? ", " : ""), put_scalar(b, js_text(js_at(list, i)));
        put(b, "]");
        return put_comment(b, f, lang);
    }
    put_comment(b, f, lang);
    for (size_t i = 0; i < n; i++) {
        put_indent(b, indent + 1), put(b, "- ");
        put_scalar(b, js_text(js_at(list, i)));
        put(b, "\n");
    }
}

static void put_map(struct buf *b, const struct js *map, const char *key, unsigned indent, enum form_lang lang);

/* The elements' fields are indented as deep as the dash and what follows it is wide. */
static void put_maps(
    struct buf *b, const struct js *list, const struct field *f, unsigned indent, enum form_lang lang) {
    put_comment(b, f, lang);
    for (size_t i = 0; i < js_count(list); i++) {
        put_indent(b, indent + 1), put(b, "-\n");
        put_map(b, js_at(list, i), f->key, indent + 2, lang);
    }
}

static void put_own(struct buf *b, const struct js *value) {
    char *text = js_dump(value);
    put(b, " "), put(b, text);
    free(text);
}

static void put_map(struct buf *b, const struct js *map, const char *key, unsigned indent, enum form_lang lang) {
    size_t skip = strlen(key) + (*key != 0);
    for (const struct field *f = NULL; (f = form_next(key, f));) { /* as deep as the table */
        const char *name = f->key + skip, *s = js_str(map, name, NULL);
        const struct js *value = js_get(map, name);
        if (!s && !value) continue;
        put_indent(b, indent), put(b, name), put(b, ":");
        if (s) put(b, " "), put_scalar(b, s), put_comment(b, f, lang);
        else if (f->type == FIELD_MAP) put_comment(b, f, lang), put_map(b, value, f->key, indent + 1, lang);
        else if (f->type == FIELD_MAPS) put_maps(b, value, f, indent, lang);
        else if (form_is_list(f)) put_list(b, value, f, indent, lang);
        else put_own(b, value), put_comment(b, f, lang);
    }
}

void form_yaml(const struct js *form, enum form_lang lang, struct buf *out) { put_map(out, form, "", 0, lang); }
