/* Both forms are canonical, so equal means equal text. Fields are compared where they end: maps are gone into, lists are
 * values. First the fields of the old form, then those only the new one has. */
#include "plan/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(struct js *row, const char *name, const struct js *map, const char *key) {
    const char *s = js_str(map, key, NULL);
    if (s) js_set_str(row, name, s);
    else if (js_get(map, key)) js_set(row, name, js_copy(js_get(map, key)));
}

static bool same(const struct js *a, const struct js *b, const char *key) {
    struct js *x = js_object(), *y = js_object();
    set(x, "v", a, key), set(y, "v", b, key);
    char *s = js_dump(x), *t = js_dump(y);
    bool equal = !strcmp(s, t);
    free(s), free(t), js_free(x), js_free(y);
    return equal;
}

static int walk(const char *prefix, const struct js *old, const struct js *new, bool again, struct js *out) {
    const struct js *from = again ? new : old;
    int found = 0;
    for (size_t i = 0; i < js_count(from); i++) {
        const struct js *value;
        const char *key = js_member(from, i, &value);
        char field[200];
        if (!key || (again && js_has(old, key))) continue;
        snprintf(field, sizeof field, "%s%s%s", prefix, *prefix ? "." : "", key);
        const struct js *a = js_get(old, key), *b = js_get(new, key);
        if (js_is_object(a) || js_is_object(b)) {
            found += walk(field, a, b, false, out) + walk(field, a, b, true, out);
        } else if (!same(old, new, key)) {
            struct js *row = js_object();
            js_set_str(row, "field", field);
            set(row, "old", old, key), set(row, "new", new, key);
            js_push(out, row);
            found++;
        }
    }
    return found;
}

int plan_diff(const struct js *old, const struct js *new, struct js *out) {
    return walk("", old, new, false, out) + walk("", old, new, true, out);
}
