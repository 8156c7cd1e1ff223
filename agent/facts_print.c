/* `ls --facts`: what the point's machine was, for whoever makes a new one. The facts come out of the point as they were taken: text
 * of the old machine, shown escaped, never obeyed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "ls.h"
#include "wrap/json.h"

/* The names of facts are the agent's that took them; a point may be hostile, so they are escaped too. */
static void print_text(const char *name, const char *text) {
    char line[4 * 1024];
    text_escape(line, sizeof line, name, strlen(name) < 1000 ? strlen(name) : 1000);
    printf("== %s\n", line);
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        size_t n = strcspn(s, "\n");
        text_escape(line, sizeof line, s, n < 1000 ? n : 1000);
        puts(line);
    }
}

int facts_print(struct source *s, const struct opened *o, struct err *e) {
    struct buf b;
    if (!o->root.has_facts) return err_set(e, ZE_NOTFOUND, s->host, _("this restore point has no host facts"));
    struct sealer *sealer = sealer_new();
    buf_init(&b, ZB_SEGMENT_MAX);
    int rc = sealer ? fetch_one(s->fetch, sealer, o->keys, SEG_FACTS, o->root.facts, &b, e)
                    : err_set(e, ZE_NOMEM, s->host, _("no memory"));
    CLEANUP_JS struct js *j = rc == 0 ? js_parse(b.p, b.len, _("host facts"), e) : NULL;
    if (j && command_json()) {
        CLEANUP_JS struct js *line = js_object();
        js_set_int(line, "schema_version", 1);
        js_set_str(line, "message_type", "facts");
        js_set(line, "facts", js_copy(j));
        char *text = js_dump(line);
        puts(text);
        free(text);
    }
    for (size_t i = 0; j && !command_json() && i < js_count(j); i++) {
        const struct js *v;
        const char *name = js_member(j, i, &v), *text = js_text(v);
        print_text(name, text ? text : js_bool(j, name, false) ? _("yes") : _("no"));
    }
    buf_free(&b);
    sealer_free(sealer);
    return j ? 0 : -1;
}
