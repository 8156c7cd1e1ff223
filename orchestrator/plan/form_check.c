/* A plan's YAML against the table of fields. The tree is walked along the table, never along what was written, so the depth
 * is the table's; a key that the table lacks is an error, so a misspelt one is never passed over. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "calendar/zone.h"
#include "notify/channels.h"
#include "plan/form.h"
#include "plan/plan_internal.h"

enum { KEYS_MAX = 1200 };

/* What a person would not see on the printed form must not stand in it: marks without width. Control characters and marks
 * that turn the direction of text cannot get here (base/text). */
static bool hidden_mark(const char *s) {
    static const char *const marks[] = {"\xE2\x80\x8B", "\xE2\x80\x8C", "\xE2\x80\x8D", "\xE2\x80\x8E", "\xE2\x80\x8F",
        "\xE2\x81\xA0", "\xD8\x9C", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(s, marks[i])) return true;
    return false;
}

static bool period_ok(const char *s) {
    char number[8], rest;
    uint64_t n;
    if (!strcmp(s, "long")) return true;
    return sscanf(s, "%7[0-9] months%c", number, &rest) == 1 && !strcmp(s + strlen(number), " months") &&
        text_u64(number, 1200, &n) && n;
}

/* "+2" where the form counts pieces, "+8 GB" where it names a unit. */
static bool delta_ok(const char *s, const char *unit) {
    char number[16], rest;
    uint64_t n;
    if ((*s != '+' && *s != '-') || sscanf(s + 1, "%15[0-9]%c", number, &rest) < 1) return false;
    const char *after = s + 1 + strlen(number);
    if (!text_u64(number, 1000000, &n) || !n) return false;
    return *unit ? *after == ' ' && !strcmp(after + 1, unit) : !*after;
}

/* Whether this is an absolute path without empty, "." or ".." components. */
static bool path_ok(const char *s) {
    if (*s != '/' || strlen(s) > FORM_TEXT_MAX) return false;
    while (*s == '/') {
        size_t n = strcspn(++s, "/");
        if ((!n && *s) || (n == 1 && *s == '.') || (n == 2 && !strncmp(s, "..", 2))) return false;
        s += n;
    }
    return true;
}

bool form_span(const char *s, int64_t *out) {
    char number[16], unit, rest;
    uint64_t n;
    if (sscanf(s, "%15[0-9]%c%c", number, &unit, &rest) != 2 || !text_u64(number, 1000000, &n) || !n) return false;
    int64_t scale = unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : unit == 's' ? 1 : 0;
    *out = (int64_t)n * scale;
    return scale;
}

bool form_size(const char *s, uint64_t *out) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    char number[16], unit[8], rest;
    uint64_t n;
    if (sscanf(s, "%15[0-9] %7[A-Za-z]%c", number, unit, &rest) != 2 || !text_u64(number, 1000000, &n)) return false;
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(unit, units[i])) return *out = n << (10 * (i + 1)), true;
    return false;
}

static bool is_word(const struct field *f, const char *s) {
    for (const struct field_word *w = f->words; w->word; w++)
        if (!strcmp(w->word, s)) return true;
    return false;
}

static bool scalar_ok(const struct field *f, const char *s) {
    int64_t span, day;
    uint64_t size;
    switch (f->type) {
    case FIELD_NAME:
    case FIELD_NAMES: return text_name_ok(s);
    case FIELD_PATHS: return path_ok(s);
    case FIELD_DATE: return plan_day_of(s, &day);
    case FIELD_PERIOD: return period_ok(s);
    case FIELD_SPAN: return form_span(s, &span);
    case FIELD_SIZE: return form_size(s, &size);
    case FIELD_MAIL: return channel_address_ok(s);
    case FIELD_DELTA: return delta_ok(s, f->words->word);
    case FIELD_CHOICE:
    case FIELD_CHOICES: return is_word(f, s);
    default: return true;
    }
}

static int check_scalar(const struct field *f, const struct yaml_node *n, struct err *e) {
    char expected[300], found[161], near[65], words[300] = "";
    if (strlen(n->text) > FORM_TEXT_MAX) return yaml_fail(n, e, _("longer than %d bytes"), FORM_TEXT_MAX);
    if (hidden_mark(n->text)) return yaml_fail(n, e, _("a mark that is not seen when it is printed"));
    if (scalar_ok(f, n->text)) return 0;
    form_expected(f, expected, sizeof expected);
    text_escape(found, sizeof found, n->text, strnlen(n->text, 80));
    for (const struct field_word *w = f->type == FIELD_CHOICE || f->type == FIELD_CHOICES ? f->words : NULL;
         w && w->word; w++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s ", w->word);
    if (text_nearest(n->text, words, near))
        return yaml_fail(n, e, _("expected %s, found \"%s\"; did you mean \"%s\"?"), expected, found, near);
    return yaml_fail(n, e, _("expected %s, found \"%s\""), expected, found);
}

static int check_map(const char *key, const struct yaml_node *map, struct err *e);

/* Elements of a list are scalars of the field's type, none of them twice where they are names or words. */
static int check_list(const struct field *f, const struct yaml_node *map, const char *key, struct err *e) {
    const struct yaml_node *list;
    bool once = f->type == FIELD_NAMES || f->type == FIELD_CHOICES || f->type == FIELD_PATHS;
    size_t n = 0;
    if (yaml_list(map, key, &list, e) < 0) return -1;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        if (++n > FORM_LIST_MAX) return yaml_fail(it, e, _("more than %d of them"), FORM_LIST_MAX);
        if (check_scalar(f, it, e) < 0) return -1;
        for (const struct yaml_node *o = yaml_first(list); once && o != it; o = yaml_next(list, o))
            if (!strcmp(o->text, it->text)) return yaml_fail(it, e, _("\"%s\" stands here twice"), it->text);
    }
    return 0;
}

/* Elements are told apart by the first of their fields, which all of them have. */
static int check_maps(const struct field *f, const struct yaml_node *list, struct err *e) {
    if (list->kind != YAML_LIST) return yaml_fail(list, e, _("expected a list of \"key: value\" lines"));
    const char *id = form_next(f->key, NULL)->key + strlen(f->key) + 1;
    size_t n = 0;
    for (const struct yaml_node *it = list->child; it; it = it->next) {
        const char *name, *other;
        if (++n > FORM_MAPS_MAX) return yaml_fail(it, e, _("more than %d of them"), FORM_MAPS_MAX);
        if (check_map(f->key, it, e) < 0 || yaml_str(it, id, &name, e) < 0) return -1;
        for (const struct yaml_node *o = list->child; o != it; o = o->next)
            if (yaml_str(o, id, &other, e) == 0 && !strcmp(name, other))
                return yaml_fail(yaml_get(it, id), e, _("\"%s\" stands here twice"), name);
    }
    return 0;
}

static int check_value(const struct field *f, const struct yaml_node *map, const char *key, struct err *e) {
    const struct yaml_node *n = yaml_get(map, key);
    const char *s;
    bool b;
    int64_t v;
    if (!n) return f->required ? yaml_fail(map, e, _("the key \"%s\" is missing"), key) : 0;
    if (f->type == FIELD_OWN) return 0;
    if (f->type == FIELD_MAP) return check_map(f->key, n, e);
    if (f->type == FIELD_MAPS) return check_maps(f, n, e);
    if (f->type == FIELD_BOOL) return yaml_bool(map, key, false, &b, e);
    if (f->type == FIELD_NUMBER) return yaml_int(map, key, f->min, f->max, f->min, &v, e);
    if (form_is_list(f)) return check_list(f, map, key, e);
    return yaml_str(map, key, &s, e) < 0 ? -1 : check_scalar(f, n, e);
}

static int check_map(const char *key, const struct yaml_node *map, struct err *e) {
    char keys[KEYS_MAX] = "";
    size_t skip = strlen(key) + (*key != 0);
    for (const struct field *f = NULL; (f = form_next(key, f));)
        snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s%s", *keys ? " " : "", f->key + skip);
    if (yaml_keys(map, keys, e) < 0) return -1;
    for (const struct field *f = NULL; (f = form_next(key, f));)
        if (check_value(f, map, f->key + skip, e) < 0) return -1;
    return 0;
}

int form_check(const struct yaml_node *top, struct err *e) { return check_map("", top, e); }
