/* The table of fields is walked once; each field is compared in both forms. Both are canonical, so equal means equal text. */
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>

#include "plan/form.h"

/* Set ${key} of ${row} to the field's value; true when it has one. ${text} (freed by the caller) is what is compared. */
static bool take(struct js *row, const char *key, const struct js *form, const struct field *f, char **text) {
    const char *last;
    const struct js *map = form_at(form, f, &last);
    const char *s = js_str(map, last, NULL);
    const struct js *value = s ? NULL : js_get(map, last);
    if (s) js_set_str(row, key, s);
    if (value) js_set(row, key, js_copy(value));
    *text = s ? strdup(s) : value ? js_dump(value) : NULL;
    return *text;
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
        if (f->type == FIELD_MAP || f->type >= FIELD_STEP || inside_list(f)) continue;
        char *a, *b, label[FORM_LABEL_MAX], title[FORM_LABEL_MAX];
        struct js *row = js_object();
        bool was = take(row, "old", old, f, &a), is = take(row, "new", new, f, &b);
        if (was == is && (!was || !strcmp(a, b))) {
            js_free(row);
        } else {
            form_title(f, FORM_ZH, label), form_title(f, FORM_EN, title);
            js_set_str(row, "field", f->key), js_set_str(row, "label", label), js_set_str(row, "title", title);
            js_push(out, row);
            found++;
        }
        free(a), free(b);
    }
    return found;
}
