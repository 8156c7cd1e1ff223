/* The list is read whole (it has at most 1 MiB) and parsed line by line; a line that cannot be read is passed over, since it
 * may be of a later version. */
#include "leftout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "sys/file.h"
#include "walk.h"
#include "wrap/json.h"
#include "wrap/seal.h"

struct line {
    const struct js *j;
    const uint8_t *path; /* without leading slash */
    size_t n;
    const char *reason, *why, *pattern;
};

typedef int each_line(void *arg, const struct line *l, struct err *e);

/* The bytes of the path: as base64 where they are not UTF-8, else with each backslash doubled. False for the last line. */
static bool path_of(const struct js *j, struct buf *out) {
    const char *b64 = js_str(j, "path_b64", NULL), *text = js_str(j, "path", NULL);
    buf_reset(out);
    if (!text) return false;
    size_t cap = strlen(b64 ? b64 : text) + 1;
    uint8_t *to = buf_reserve(out, cap);
    if (!to) return false;
    if (b64) {
        int got = b64_decode(to, cap, b64, strlen(b64));
        if (got < 0) return false;
        out->len = (size_t)got;
        return true;
    }
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] == '\\') text++;
        to[out->len++] = (uint8_t)*text;
    }
    return true;
}

static int each(struct source *s, const struct opened *o, each_line *fn, void *arg, struct err *e) {
    struct buf list, path;
    struct sealer *sealer = NULL;
    int rc = 0;
    if (!o->root.has_runlist) return 0;
    buf_init(&list, ZB_SEGMENT_MAX);
    buf_init(&path, ZB_SEGMENT_MAX);
    if (!(sealer = sealer_new())) rc = err_set(e, ZE_NOMEM, NULL, _("the run list"));
    if (rc == 0) rc = fetch_one(s->fetch, sealer, o->keys, SEG_RUNLIST, o->root.runlist, &list, e);
    for (size_t at = 0, n; rc == 0 && at < list.len; at += n + 1) {
        const uint8_t *end = memchr(list.p + at, '\n', list.len - at);
        n = end ? (size_t)(end - list.p) - at : list.len - at;
        struct err ignored = ERR_INIT;
        CLEANUP_JS struct js *j = js_parse(list.p + at, n, "run list", &ignored);
        bool has_path = j && path_of(j, &path);
        struct line l = {.j = j, .path = has_path ? path.p : NULL, .n = path.len, .reason = js_str(j, "reason", ""),
            .why = js_str(j, "why", ""), .pattern = js_str(j, "pattern", NULL)};
        if (j) rc = fn(arg, &l, e);
    }
    sealer_free(sealer);
    buf_free(&path);
    buf_free(&list);
    return rc;
}

/* ---- all of it ---- */

struct printing {
    const uint8_t *path;
    size_t n;
    const struct exclude *match;
    uint64_t told;
};

static bool on_purpose(const struct line *l) {
    for (unsigned i = 0; i < LEFT_N; i++)
        if (strcmp(left_word((enum left)i), l->reason) == 0) return left_on_purpose((enum left)i);
    return false;
}

static void print_json(const struct line *l) {
    CLEANUP_JS struct js *j = js_object();
    CLEANUP_FREE char *path = malloc(l->n + 1);
    if (!path) return;
    path[0] = '/';
    if (l->n) memcpy(path + 1, l->path, l->n);
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "skipped");
    if (l->path) js_set_name(j, "path", path, l->n + 1);
    else js_set_str(j, "path", NULL);
    js_set_str(j, "reason", l->reason);
    js_set_str(j, "why", l->why);
    if (l->pattern) js_set_str(j, "pattern", l->pattern);
    js_set_bool(j, "on_purpose", on_purpose(l));
    if (js_bool(l->j, "kept", false)) js_set_bool(j, "kept", true);
    if (!l->path) js_set_int(j, "more", js_int(l->j, "not_read", 0) + js_int(l->j, "left_out", 0));
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static void print_text(const struct line *l) {
    if (!l->path) {
        printf(_("and %lld more that this list does not hold\n"),
            (long long)(js_int(l->j, "not_read", 0) + js_int(l->j, "left_out", 0)));
        return;
    }
    CLEANUP_FREE char *name = malloc(4 * l->n + 1);
    if (!name) return;
    text_escape(name, 4 * l->n + 1, (const char *)l->path, l->n);
    printf("%s: /%s: %s%s%s%s\n", on_purpose(l) ? _("left out") : _("not read"), name, l->why, l->pattern ? ": " : "",
        l->pattern ? l->pattern : "", js_bool(l->j, "kept", false) ? _("; as the point before has it") : "");
}

static int print_line(void *arg, const struct line *l, struct err *e) {
    (void)e;
    struct printing *p = arg;
    if (l->path && !path_below(l->path, l->n, p->path, p->n)) return 0;
    if (p->match && (!l->path || !exclude_match(p->match, l->path, l->n, true))) return 0;
    p->told += l->path != NULL;
    if (command_json()) print_json(l);
    else print_text(l);
    return 0;
}

int leftout_print(struct source *s, const struct opened *o, const char *path, size_t n, const struct exclude *match,
    uint64_t *told, struct err *e) {
    struct printing p = {.path = (const uint8_t *)path, .n = n, .match = match};
    int rc = each(s, o, print_line, &p, e);
    *told = p.told;
    return rc;
}

/* ---- why one path is not there ---- */

struct asking {
    const uint8_t *path;
    size_t n, found_n; /* the longest path at or above it that the list names */
    bool found, exactly;
    char text[400];
};

static int judge(void *arg, const struct line *l, struct err *e) {
    (void)e;
    struct asking *a = arg;
    char name[200];
    if (!l->path || !path_below(a->path, a->n, l->path, l->n) || (a->found && l->n < a->found_n)) return 0;
    if (a->exactly && l->n != a->n) return 0;
    a->found = true, a->found_n = l->n;
    text_escape(name, sizeof name, (const char *)l->path, l->n);
    snprintf(a->text, sizeof a->text, on_purpose(l) ? _("/%s is left out: %s%s%s") : _("/%s was not read: %s%s%s"), name,
        l->why, l->pattern ? ": " : "", l->pattern ? l->pattern : "");
    return 0;
}

int leftout_why(struct source *s, const struct opened *o, const char *path, size_t n, struct err *e) {
    struct asking a = {.path = (const uint8_t *)path, .n = n};
    bool among = false;
    char name[256], object[256];
    if (each(s, o, judge, &a, e) < 0) return -1;
    text_escape(name, sizeof name, path, n);
    snprintf(object, sizeof object, "/%.254s", name);
    if (a.found) return err_set(e, ZE_NOPATH, object, "%s", a.text);
    for (size_t i = 0; i < o->root.paths_n; i++) {
        const char *root = o->root.paths[i] + 1;
        among |= path_below(a.path, n, (const uint8_t *)root, strlen(root));
    }
    if (among) return err_set(e, ZE_NOPATH, object, _("nothing at or below it"));
    return err_set(e, ZE_NOPATH, object, _("it is not below a backup path of this point; the first of %zu is %s"),
        o->root.paths_n, o->root.paths_n ? o->root.paths[0] : "");
}

int leftout_note(struct source *s, const struct opened *o, const char *path, size_t n, struct err *e) {
    struct asking a = {.path = (const uint8_t *)path, .n = n, .exactly = true};
    int rc = each(s, o, judge, &a, e);
    if (rc == 0 && a.found) fprintf(stderr, "%s\n", a.text);
    return rc;
}
