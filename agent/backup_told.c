/* Bounded however much is left out: five paths for each reason. */
#include "backup_told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

static void add_json(const uint8_t *path, size_t n, enum left left, const char *pattern, const struct err *why) {
    CLEANUP_JS struct js *j = js_object();
    CLEANUP_FREE char *whole = malloc(n + 1);
    if (!whole) return;
    whole[0] = '/';
    memcpy(whole + 1, path, n);
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "skipped");
    js_set_name(j, "path", whole, n + 1);
    js_set_str(j, "reason", left_word(left));
    js_set_str(j, "why", why ? why->msg : _(left_text(left)));
    if (pattern) js_set_str(j, "pattern", pattern);
    js_set_bool(j, "on_purpose", left_on_purpose(left));
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

void told_add(void *arg, const uint8_t *path, size_t n, enum left left, const char *pattern, const struct err *why) {
    struct told *t = arg;
    char name[1024], *text = NULL;
    if (t->json) {
        add_json(path, n, left, pattern, why);
        return;
    }
    if (t->n[left] == TOLD_FIRST) return;
    text_escape(name, sizeof name, (const char *)path, n);
    const char *more = pattern ? pattern : why ? why->msg : NULL;
    if (asprintf(&text, "/%s%s%s%s", name, more ? "  (" : "", more ? more : "", more ? ")" : "") < 0) return;
    t->first[left][t->n[left]++] = text;
}

void told_free(struct told *t) {
    for (size_t i = 0; i < LEFT_N; i++)
        while (t->n[i]) free(t->first[i][--t->n[i]]);
}

void told_print(const struct told *t, const struct backup_result *r) {
    for (size_t i = 1; i < LEFT_N; i++) {
        if (!r->left[i]) continue;
        const char *line = left_on_purpose((enum left)i) ? _("left out: %llu: %s\n") : _("not read: %llu: %s\n");
        printf(line, (unsigned long long)r->left[i], _(left_text((enum left)i)));
        for (size_t k = 0; t && k < t->n[i]; k++) printf("    %s\n", t->first[i][k]);
        if (t && r->left[i] > t->n[i]) printf(_("    and %" PRIu64 " more\n"), r->left[i] - t->n[i]);
    }
}

struct js *told_json(const struct backup_result *r) {
    struct js *j = js_object();
    for (size_t i = 1; i < LEFT_N; i++)
        if (r->left[i]) js_set_int(j, left_word((enum left)i), (int64_t)r->left[i]);
    return j;
}
