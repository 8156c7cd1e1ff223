/* The run list (FORMAT.md §6): what was not read and why, one JSON object a line, sealed into the point. It is bounded: a
 * last line says when there was more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "base/text.h"
#include "wrap/json.h"

enum { LIST_MAX = 900 << 10, TOLD_MAX = 20 };

static void add_line(struct run *r, const uint8_t *path, size_t n, const char *why, unsigned id) {
    if (r->list_cut) return;
    CLEANUP_JS struct js *j = js_object();
    js_set_name(j, "path", (const char *)path, n);
    js_set_str(j, "why", why);
    if (id) js_set_int(j, "error", id);
    char *line = js_dump(j);
    size_t len = strlen(line);
    if (r->list.len + len + 1 > LIST_MAX) {
        static const char more[] = "{\"path\":null,\"why\":\"more were not read than this list holds\"}\n";
        r->list_cut = true;
        buf_put(&r->list, more, sizeof more - 1);
    } else {
        buf_put(&r->list, line, len);
        buf_u8(&r->list, '\n');
    }
    free(line);
}

void run_unread(struct run *r, const uint8_t *path, size_t n, const struct err *why) {
    char name[1024];
    r->unread++;
    if (r->q->progress) r->q->progress->errors++;
    add_line(r, path, n, why->msg, (unsigned)why->id);
    if (r->unread > TOLD_MAX) return;
    text_escape(name, sizeof name, (const char *)path, n);
    progress_end(r->q->progress);
    fprintf(stderr, _("not read: /%s: %s\n"), name, why->msg);
    if (r->unread == TOLD_MAX) fprintf(stderr, _("further paths that cannot be read are only listed in the restore point\n"));
}

void run_skipped(struct run *r, const uint8_t *path, size_t n, const char *why) { add_line(r, path, n, why, 0); }
