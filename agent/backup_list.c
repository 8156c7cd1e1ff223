/* The run list (FORMAT.md §6): what was not read or left out and why, one JSON object a line, sealed into the point. It is
 * bounded: what is left out on purpose may fill half of it, so that what failed has room, and a last line counts what it
 * does not hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"
#include "wrap/json.h"

enum { LIST_MAX = 900 << 10, TOLD_MAX = 20 };

static struct js *line_of(const uint8_t *path, size_t n, enum left left, const char *why) {
    struct js *j = js_object();
    js_set_name(j, "path", (const char *)path, n);
    js_set_str(j, "reason", left_word(left));
    js_set_str(j, "why", why);
    return j;
}

static void add_line(struct run *r, const struct js *j, bool on_purpose) {
    CLEANUP_FREE char *line = js_dump(j);
    size_t len = strlen(line);
    if (r->list.len + len + 1 > (on_purpose ? LIST_MAX / 2 : LIST_MAX)) {
        r->list_lost[on_purpose]++;
        return;
    }
    buf_put(&r->list, line, len);
    buf_u8(&r->list, '\n');
}

void run_unread(struct run *r, const uint8_t *path, size_t n, enum left left, bool kept, const struct err *why) {
    char name[1024];
    r->unread++;
    r->out->left[left]++;
    if (r->q->progress) r->q->progress->errors++;
    CLEANUP_JS struct js *j = line_of(path, n, left, why->msg);
    js_set_int(j, "error", why->id);
    if (kept) js_set_bool(j, "kept", true);
    add_line(r, j, false);
    if (r->q->left_out) r->q->left_out(r->q->left_out_arg, path, n, left, NULL, why);
    if (r->q->dry_run || r->unread > TOLD_MAX) return;
    text_escape(name, sizeof name, (const char *)path, n);
    progress_end(r->q->progress);
    fprintf(stderr, kept ? _("not read: /%s: %s; as the last restore point has it\n") : _("not read: /%s: %s\n"), name,
        why->msg);
    if (r->unread == TOLD_MAX) fprintf(stderr, _("further paths that cannot be read are only listed in the restore point\n"));
}

void run_skipped(struct run *r, const uint8_t *path, size_t n, enum left left, const char *pattern) {
    CLEANUP_JS struct js *j = line_of(path, n, left, left_text(left));
    if (pattern) js_set_str(j, "pattern", pattern);
    r->out->left[left]++;
    add_line(r, j, true);
    if (r->q->left_out) r->q->left_out(r->q->left_out_arg, path, n, left, pattern, NULL);
}

void run_list_end(struct run *r) {
    if (!r->list_lost[0] && !r->list_lost[1]) return;
    CLEANUP_JS struct js *j = js_object();
    js_set_str(j, "path", NULL);
    js_set_str(j, "why", "there were more than this list holds");
    js_set_int(j, "not_read", (int64_t)r->list_lost[0]);
    js_set_int(j, "left_out", (int64_t)r->list_lost[1]);
    CLEANUP_FREE char *line = js_dump(j);
    buf_put(&r->list, line, strlen(line));
    buf_u8(&r->list, '\n');
}
