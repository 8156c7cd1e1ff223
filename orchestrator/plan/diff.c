/* The table of fields is walked once; each field is compared in both forms. Both are canonical, so equal means equal text. In
 * lists of maps the elements are compared field by field, so that who approves sees what has changed and not two long lists;
 * where only their order differs, the lists are the difference. */
#include "plan/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/form.h"

enum { OF_MAX = 200 };

/* Set ${key} of ${row} to the value; true when there is one. ${text} (freed by the caller) is what is compared. */
static bool take(struct js *row, const char *key, const struct js *map, const char *last, char **text) {
    const char *s = js_str(map, last, NULL);
    const struct js *value = s ? NULL : js_get(map, last);
    if (s) js_set_str(row, key, s);
    if (value) js_set(row, key, js_copy(value));
    *text = s ? strdup(s) : value ? js_dump(value) : NULL;
    return *text;
}

/* ${row} is taken. */
static int tell(const struct field *f, const char *of, struct js *row, struct js *out) {
    char label[FORM_LABEL_MAX], title[FORM_LABEL_MAX];
    form_title(f, FORM_ZH, label), form_title(f, FORM_EN, title);
    js_set_str(row, "field", f->key), js_set_str(row, "label", label), js_set_str(row, "title", title);
    if (*of) js_set_str(row, "of", of);
    js_push(out, row);
    return 1;
}

static const struct js *element(const struct js *list, const char *id, const char *name) {
    for (size_t i = 0; i < js_count(list); i++)
        if (!strcmp(js_str(js_at(list, i), id, ""), name)) return js_at(list, i);
    return NULL;
}

static int compare(const struct field *f, const struct js *old, const struct js *new, const char *last, const char *of,
    struct js *out);

/* Elements of ${here} that ${there} does not have; ${key} says on which side they are. */
static int lone(const struct field *f, const struct js *here, const struct js *there, const char *key, const char *id,
    const char *of, struct js *out) {
    int found = 0;
    for (size_t i = 0; i < js_count(here); i++) {
        char whose[OF_MAX];
        const char *name = js_str(js_at(here, i), id, "");
        if (element(there, id, name)) continue;
        struct js *row = js_object();
        snprintf(whose, sizeof whose, "%s%s%s", of, *of ? " " : "", name);
        js_set(row, key, js_copy(js_at(here, i)));
        found += tell(f, whose, row, out);
    }
    return found;
}

static int compare_maps(const struct field *f, const struct js *old, const struct js *new, const char *of, struct js *out) {
    const size_t skip = strlen(f->key) + 1;
    const char *id = form_next(f->key, NULL)->key + skip;
    int found = lone(f, old, new, "old", id, of, out);
    for (size_t i = 0; i < js_count(new); i++) { /* as deep as the table */
        char whose[OF_MAX];
        const struct js *is = js_at(new, i), *was = element(old, id, js_str(is, id, ""));
        snprintf(whose, sizeof whose, "%s%s%s", of, *of ? " " : "", js_str(is, id, ""));
        for (const struct field *in = NULL; was && (in = form_next(f->key, in));)
            found += compare(in, was, is, in->key + skip, whose, out);
    }
    return found + lone(f, new, old, "new", id, of, out);
}

static int compare(const struct field *f, const struct js *old, const struct js *new, const char *last, const char *of,
    struct js *out) {
    const struct js *a = js_get(old, last), *b = js_get(new, last);
    int found = f->type == FIELD_MAPS && a && b ? compare_maps(f, a, b, of, out) : 0;
    if (found) return found;
    char *x, *y;
    struct js *row = js_object();
    bool was = take(row, "old", old, last, &x), is = take(row, "new", new, last, &y);
    bool same = was == is && (!was || !strcmp(x, y));
    free(x), free(y);
    if (!same) return tell(f, of, row, out);
    js_free(row);
    return 0;
}

static bool inside_list(const struct field *f) {
    const struct field *up = form_up(f);
    return up && up->type == FIELD_MAPS;
}

int plan_diff(const struct js *old, const struct js *new, struct js *out) {
    int found = 0;
    size_t n;
    const struct field *f = form_fields(&n);
    for (; n; n--, f++) {
        const char *last;
        if (f->type == FIELD_MAP || f->type >= FIELD_STEP || inside_list(f)) continue;
        const struct js *was = form_at(old, f, &last), *is = form_at(new, f, &last);
        found += compare(f, was, is, last, "", out);
    }
    return found;
}
