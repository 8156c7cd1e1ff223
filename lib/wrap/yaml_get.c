/* Values out of a YAML tree, each with an error that names place, field, what was expected and what was found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/yaml.h"

static bool is_empty(const struct yaml_node *n) { return n->kind == YAML_SCALAR && !n->quoted && !*n->text; }

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key) {
    if (!map || map->kind != YAML_MAP) return NULL;
    for (const struct yaml_node *n = map->child; n; n = n->next)
        if (!strcmp(n->key, key)) return is_empty(n) ? NULL : n;
    return NULL;
}

/* The next word of a list separated by spaces; false at its end. */
static bool next_word(const char **at, char *word, size_t cap) {
    *at += strspn(*at, " ");
    size_t n = strcspn(*at, " ");
    if (!n) return false;
    snprintf(word, cap, "%.*s", (int)n, *at);
    *at += n;
    return true;
}

static int fail_unknown(const struct yaml_node *node, const char *keys, struct err *e) {
    char nearest[65], key[300];
    struct yaml_node at = *node; /* an unknown key is shown where the key stands */
    at.line = node->key_line, at.column = node->key_column;
    text_escape(key, sizeof key, node->key, strlen(node->key));
    if (text_nearest(node->key, keys, nearest))
        return yaml_fail(&at, e, _("unknown key; did you mean \"%s\"?"), nearest);
    return yaml_fail(&at, e, _("unknown key; known here: %s"), keys);
}

int yaml_keys(const struct yaml_node *node, const char *keys, struct err *e) {
    if (node->kind != YAML_MAP) return yaml_fail(node, e, _("expected \"key: value\" lines"));
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        char word[65];
        bool known = false;
        for (const char *at = keys; !known && next_word(&at, word, sizeof word);) known = !strcmp(word, n->key);
        if (!known) return fail_unknown(n, keys, e);
    }
    return 0;
}

/* "found ..." for a message. */
static const char *found(const struct yaml_node *n, char *out, size_t cap) {
    char text[161];
    if (n->kind == YAML_LIST) return _("a list");
    if (n->kind == YAML_MAP) return _("\"key: value\" lines");
    text_escape(text, sizeof text, n->text, strnlen(n->text, 80));
    snprintf(out, cap, "\"%s\"", text);
    return out;
}

int yaml_str_or(const struct yaml_node *map, const char *key, const char *def, const char **out, struct err *e) {
    const struct yaml_node *n = yaml_get(map, key);
    char f[200];
    *out = def;
    if (!n) return 0;
    if (n->kind != YAML_SCALAR || !*n->text)
        return yaml_fail(n, e, _("expected a text, found %s"), found(n, f, sizeof f));
    *out = n->text;
    return 0;
}

int yaml_str(const struct yaml_node *map, const char *key, const char **out, struct err *e) {
    *out = "";
    if (!yaml_get(map, key)) return yaml_fail(map, e, _("the key \"%s\" is missing"), key);
    return yaml_str_or(map, key, "", out, e);
}

int yaml_copy(const struct yaml_node *map, const char *key, const char *def, char *out, size_t cap, struct err *e) {
    const char *s;
    *out = 0;
    if ((def ? yaml_str_or(map, key, def, &s, e) : yaml_str(map, key, &s, e)) < 0) return -1;
    if (strlen(s) >= cap) return yaml_fail(yaml_get(map, key), e, _("longer than %zu bytes"), cap - 1);
    memcpy(out, s, strlen(s) + 1);
    return 0;
}

int yaml_int(
    const struct yaml_node *map, const char *key, int64_t min, int64_t max, int64_t def, int64_t *out, struct err *e) {
    const struct yaml_node *n = yaml_get(map, key);
    char f[200];
    *out = def;
    if (!n) return 0;
    uint64_t v = 0;
    bool minus = n->kind == YAML_SCALAR && *n->text == '-';
    bool ok = n->kind == YAML_SCALAR && !n->quoted && text_u64(n->text + minus, INT64_MAX, &v);
    int64_t value = minus ? -(int64_t)v : (int64_t)v;
    if (!ok || value < min || value > max)
        return yaml_fail(n, e, _("expected a number from %lld to %lld, found %s"), (long long)min, (long long)max,
            found(n, f, sizeof f));
    *out = value;
    return 0;
}

/* "full or incremental", "never, if-different or always". */
static void spell(const char *choices, char *out, size_t cap) {
    char word[65];
    size_t o = 0;
    *out = 0;
    for (const char *at = choices; next_word(&at, word, sizeof word);) {
        bool last = !at[strspn(at, " ")];
        const char *between = !o ? "" : last ? _(" or ") : ", ";
        int n = snprintf(out + o, cap - o, "%s%s", between, word);
        if (n < 0 || (size_t)n >= cap - o) return;
        o += (size_t)n;
    }
}

int yaml_choice(const struct yaml_node *map, const char *key, const char *choices, int def, int *out, struct err *e) {
    const struct yaml_node *n = yaml_get(map, key);
    char word[65], f[200], all[300];
    *out = def;
    if (!n) return 0;
    int i = 0;
    for (const char *at = choices; n->kind == YAML_SCALAR && next_word(&at, word, sizeof word); i++)
        if (!strcmp(word, n->text)) return *out = i, 0;
    spell(choices, all, sizeof all);
    if (n->kind == YAML_SCALAR && text_nearest(n->text, choices, word))
        return yaml_fail(n, e, _("expected %s, found %s; did you mean \"%s\"?"), all, found(n, f, sizeof f), word);
    return yaml_fail(n, e, _("expected %s, found %s"), all, found(n, f, sizeof f));
}

int yaml_bool(const struct yaml_node *map, const char *key, bool def, bool *out, struct err *e) {
    int i;
    int rc = yaml_choice(map, key, "false true", def, &i, e);
    *out = i == 1;
    return rc;
}

int yaml_list(const struct yaml_node *map, const char *key, const struct yaml_node **out, struct err *e) {
    const struct yaml_node *n = *out = yaml_get(map, key);
    char f[200];
    if (!n) return 0;
    if (n->kind == YAML_MAP) return yaml_fail(n, e, _("expected a list, found %s"), found(n, f, sizeof f));
    for (const struct yaml_node *it = yaml_first(n); it; it = yaml_next(n, it))
        if (it->kind != YAML_SCALAR || !*it->text)
            return yaml_fail(it, e, _("expected a text, found %s"), found(it, f, sizeof f));
    return 0;
}
