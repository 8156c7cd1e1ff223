/* ls walks the manifest from the path on and leaps over what lies deeper, so that one directory of a large point costs
 * few pages. */
#include "ls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "exclude.h"
#include "leftout.h"
#include "points.h"
#include "sys/file.h"
#include "wrap/json.h"

enum { HIDDEN_MAX = 500 }; /* entries below what is listed that are read before the walk begins anew behind them */

struct listing {
    const char *path; /* without slashes at its ends */
    size_t n;
    bool wide, recursive, left_out, facts;
    const char *pattern; /* --find; NULL: everything */
    struct exclude *match;
};

static const char *type_word(uint8_t type) {
    static const char *const words[] = {"", "file", "directory", "symlink", "fifo", "char", "block"};
    return words[type];
}

/* Nanoseconds since 1970; 0 for times that no 64 bits hold. */
static int64_t mtime_of(const struct entry *en) {
    int64_t ns;
    if (__builtin_mul_overflow(en->mtime_s, 1000000000, &ns) || __builtin_add_overflow(ns, en->mtime_ns, &ns)) return 0;
    return ns;
}

static void print_json(const struct entry *en) {
    CLEANUP_JS struct js *j = js_object();
    CLEANUP_FREE char *path = malloc(en->path_len + 2);
    char mode[8];
    if (!path) return;
    path[0] = '/';
    memcpy(path + 1, en->path, en->path_len);
    snprintf(mode, sizeof mode, "%04o", en->mode);
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "file");
    js_set_name(j, "path", path, en->path_len + 1);
    js_set_str(j, "type", type_word(en->type));
    js_set_str(j, "mode", mode);
    js_set_int(j, "uid", en->uid);
    js_set_int(j, "gid", en->gid);
    if (en->type == ENT_FILE) js_set_int(j, "size", (int64_t)en->size);
    js_set_time(j, "mtime", mtime_of(en));
    if (en->type == ENT_LINK) js_set_name(j, "target", (const char *)en->target, en->target_len);
    if (en->flags & EF_CHANGED) js_set_bool(j, "changed_while_read", true);
    if (en->flags & EF_KEPT) js_set_bool(j, "kept", true);
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static void mode_text(char out[11], const struct entry *en) {
    static const char bits[] = "rwxrwxrwx";
    out[0] = "?-dlpcb"[en->type];
    for (unsigned i = 0; i < 9; i++) out[1 + i] = en->mode >> (8 - i) & 1 ? bits[i] : '-';
    if (en->mode & 04000) out[3] = out[3] == 'x' ? 's' : 'S';
    if (en->mode & 02000) out[6] = out[6] == 'x' ? 's' : 'S';
    if (en->mode & 01000) out[9] = out[9] == 'x' ? 't' : 'T';
    out[10] = 0;
}

static void print_name(const uint8_t *p, size_t n, const char *before) {
    CLEANUP_FREE char *text = malloc(4 * n + 1);
    if (!text) return;
    text_escape(text, 4 * n + 1, (const char *)p, n);
    printf("%s%s", before, text);
}

static void print_text(const struct entry *en, bool wide) {
    char mode[11], time[32];
    if (wide) {
        mode_text(mode, en);
        text_time(time, mtime_of(en));
        printf("%s %6u %6u %12llu  %s  ", mode, en->uid, en->gid, (unsigned long long)en->size, time);
    }
    print_name(en->path, en->path_len, "/");
    if (wide && en->type == ENT_LINK) print_name(en->target, en->target_len, " -> ");
    if (wide && en->flags & EF_KEPT) fputs(_("  (not read: from an earlier point)"), stdout);
    putchar('\n');
}

/* Directly in the directory, or the thing itself when it is no directory. */
static bool shown(const struct listing *l, const struct entry *en, bool *is_dir) {
    if (l->match) return exclude_match(l->match, en->path, en->path_len, en->type == ENT_DIR) != NULL;
    if (en->path_len == l->n) {
        *is_dir = en->type == ENT_DIR;
        return !*is_dir || l->recursive;
    }
    size_t skip = l->n ? l->n + 1 : 0;
    return l->recursive || !memchr(en->path + skip, '/', en->path_len - skip);
}

/* Past everything below the entry's child of the listed directory: no path sorts between "child/…" and "child" 01. */
static void jump_to(struct buf *to, const struct listing *l, const struct entry *en) {
    size_t skip = l->n ? l->n + 1 : 0;
    const uint8_t *slash = memchr(en->path + skip, '/', en->path_len - skip);
    buf_reset(to);
    buf_put(to, en->path, slash ? (size_t)(slash - en->path) : en->path_len);
    buf_u8(to, 1);
}

struct seen {
    uint64_t entries, shown;
};

/* Walk from ${from} on: 1 when ${from} was moved past a subtree that need not be read, 0 at the end, <0. */
static int list_from(struct source *s, const struct opened *o, const struct listing *l, struct buf *from,
    struct seen *seen, struct err *e) {
    struct manifest_walk *w = manifest_walk_new(s->fetch, o->keys, &o->root, (const char *)from->p, from->len);
    struct entry en;
    bool is_dir = false;
    unsigned hidden = 0;
    int rc = w ? 1 : err_set(e, ZE_NOMEM, NULL, _("the manifest"));
    while (rc == 1 && (rc = manifest_walk_next(w, &en, e)) == 1) {
        if (command_cancelled(NULL)) rc = err_set(e, ZE_CANCELLED, NULL, "ls");
        if (rc < 0 || !path_below(en.path, en.path_len, (const uint8_t *)l->path, l->n)) break;
        seen->entries++;
        if (shown(l, &en, &is_dir)) {
            seen->shown++;
            if (command_json()) print_json(&en);
            else print_text(&en, l->wide);
        } else if (!l->match && en.path_len != l->n && ++hidden == HIDDEN_MAX) {
            jump_to(from, l, &en);
            break;
        }
    }
    manifest_walk_free(w);
    if (rc < 0) return -1;
    return hidden == HIDDEN_MAX;
}

static int list(struct source *s, const struct opened *o, const struct listing *l, struct err *e) {
    struct buf from;
    struct seen seen = {0};
    uint64_t told;
    int rc = 1;
    buf_init(&from, 1 << 17);
    buf_put(&from, l->path, l->n);
    if (!buf_reserve(&from, 1)) rc = err_set(e, ZE_NOMEM, NULL, _("a path"));
    while (rc == 1) rc = list_from(s, o, l, &from, &seen, e);
    buf_free(&from);
    if (rc < 0) return -1;
    if (!seen.entries) return leftout_why(s, o, l->path, l->n, e);
    if (seen.shown) return 0;
    if (!l->match) return leftout_note(s, o, l->path, l->n, e);
    if (leftout_print(s, o, l->path, l->n, l->match, &told, e) < 0) return -1;
    return err_set(e, ZE_NOPATH, l->pattern, told ? _("only the above fits") : _("nothing in the point fits"));
}

static int compile(struct listing *l, struct err *e) {
    if (!l->pattern) return 0;
    if (*l->pattern == '!' || *l->pattern == '#') return err_set(e, ZE_USAGE, l->pattern, _("a pattern of what to find"));
    l->match = exclude_new(&l->pattern, 1, e);
    return l->match ? 0 : -1;
}

static int left_out(struct source *s, const struct opened *o, const struct listing *l, struct err *e) {
    uint64_t told;
    return leftout_print(s, o, l->path, l->n, l->match, &told, e);
}

int cmd_ls(int argc, char **argv, struct err *e) {
    struct source_options from = {.config = command_config()};
    struct listing l = {.path = ""};
    const struct command_option options[] = {{"-l", OPT_FLAG, &l.wide}, {"--recursive", OPT_FLAG, &l.recursive},
        {"--find", OPT_TEXT, &l.pattern}, {"--left-out", OPT_FLAG, &l.left_out}, {"--facts", OPT_FLAG, &l.facts},
        {"--vault", OPT_TEXT, &from.dir}, {"--host", OPT_TEXT, &from.host}, {"--kit", OPT_TEXT, &from.kit},
        {NULL, OPT_FLAG, NULL}};
    static struct source s;
    struct opened o;
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n != 1) return err_set(e, ZE_USAGE, NULL, _("ls takes one operand: POINT or POINT:/path"));
    char *colon = strstr(argv[1], ":/");
    if (colon) {
        *colon = 0;
        l.path = colon + 1 + strspn(colon + 1, "/");
        l.n = strlen(l.path);
        while (l.n && l.path[l.n - 1] == '/') l.n--;
    }
    if (!path_ok((const uint8_t *)l.path, l.n))
        return err_set(e, ZE_USAGE, l.path, _("a path without . and .. is expected"));
    int rc = compile(&l, e);
    if (rc == 0) rc = source_open(&s, &from, e);
    if (rc == 0) {
        rc = point_open(&s, argv[1], &o, e);
        if (rc == 0) {
            rc = l.facts ? facts_print(&s, &o, e) : (l.left_out ? left_out : list)(&s, &o, &l, e);
            point_close(&o);
        }
        source_close(&s);
    }
    exclude_free(l.match);
    return rc;
}
