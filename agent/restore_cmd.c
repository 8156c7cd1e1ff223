/* The command line of restore: what is asked for, what is told while it runs, the summary and the exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "progress.h"
#include "restore.h"
#include "wrap/json.h"

enum { TOLD_MAX = 1000 };

static const char *const existing_words[] = {
    [EXISTING_NEVER] = "never", [EXISTING_IF_DIFFERENT] = "if-different", [EXISTING_ALWAYS] = "always"};

static int existing_of(const char *word, enum restore_existing *out, struct err *e) {
    *out = EXISTING_REFUSE;
    if (!word) return 0;
    for (unsigned i = EXISTING_NEVER; i <= EXISTING_ALWAYS; i++)
        if (strcmp(word, existing_words[i]) == 0) {
            *out = (enum restore_existing)i;
            return 0;
        }
    return err_set(e, ZE_USAGE, word, _("--existing takes never, if-different or always"));
}

struct told {
    struct progress *progress;
    uint64_t n;
};

static struct js *line_new(const char *type) {
    struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", type);
    return j;
}

static void line_put(struct js *j) {
    char *line = js_dump(j);
    puts(line);
    free(line);
    js_free(j);
}

static void tell(void *arg, const char *path, size_t n, bool attribute, const struct err *why) {
    struct told *t = arg;
    if (command_json()) {
        char id[16];
        snprintf(id, sizeof id, "ZB-%u", (unsigned)why->id);
        struct js *j = line_new("error");
        js_set_str(j, "id", id);
        js_set_name(j, "object", path, n);
        js_set_str(j, "message", why->msg);
        js_set_str(j, "next", err_next(why->id));
        js_set_bool(j, "restored", attribute);
        line_put(j);
    }
    if (++t->n > TOLD_MAX) return;
    char name[4 * 1024];
    progress_end(t->progress);
    text_escape(name, sizeof name, path, n);
    fprintf(stderr, attribute ? _("restored without: %s: %s\n") : _("NOT RESTORED: %s: %s\n"), name, why->msg);
}

static void summary(const struct opened *o, const struct restore_request *q, const struct restore_result *res) {
    char bytes[24];
    if (command_json()) {
        struct js *j = line_new("summary");
        js_set_int(j, "point", o->point.number);
        js_set_str(j, "target", q->target);
        js_set_bool(j, "dry_run", q->dry_run);
        js_set_int(j, "files", (int64_t)res->files);
        js_set_int(j, "directories", (int64_t)res->dirs);
        js_set_int(j, "others", (int64_t)res->others);
        js_set_int(j, "bytes", (int64_t)res->bytes);
        js_set_int(j, "skipped", (int64_t)res->skipped);
        js_set_int(j, "missed", (int64_t)res->missed);
        js_set_int(j, "attributes_missed", (int64_t)res->attributes);
        line_put(j);
        return;
    }
    text_bytes(bytes, res->bytes);
    printf(q->dry_run ? _("Would restore point %u to %s: %llu files (%s), %llu directories, %llu others.\n")
                      : _("Restored point %u to %s: %llu files (%s), %llu directories, %llu others.\n"),
        o->point.number, q->target, (unsigned long long)res->files, bytes, (unsigned long long)res->dirs,
        (unsigned long long)res->others);
    if (res->skipped) printf(_("%llu existed already and were left.\n"), (unsigned long long)res->skipped);
    if (res->missed) printf(_("%llu were NOT restored; they are listed above.\n"), (unsigned long long)res->missed);
    if (res->attributes) printf(_("%llu were restored without all attributes.\n"), (unsigned long long)res->attributes);
}

static int run(struct source *s, const char *selector, struct restore_request *q, struct err *e) {
    char target[128];
    struct opened o;
    struct restore_result res;
    struct progress progress;
    struct told told = {.progress = &progress};
    if (point_open(s, selector, &o, e) < 0) return -1;
    snprintf(target, sizeof target, "./restore-%s-%u", s->host, o.point.number);
    if (!q->target) q->target = target;
    progress_init(&progress, clock_real(), command_json());
    progress.bytes_total = q->paths_n ? 0 : o.root.bytes;
    progress.files_total = q->paths_n ? 0 : o.root.files;
    progress_phase(&progress, N_("restoring"));
    q->progress = &progress, q->cancelled = command_cancelled, q->tell = tell, q->tell_arg = &told;
    int rc = restore_run(s, &o, q, &res, e);
    progress_end(&progress);
    if (told.n > TOLD_MAX) fprintf(stderr, _("… and %llu more\n"), (unsigned long long)(told.n - TOLD_MAX));
    bool finished = rc == 0 || res.missed; /* damage is an error, but the rest was done */
    if (finished) summary(&o, q, &res);
    point_close(&o);
    if (rc < 0) return -1;
    return res.missed || res.attributes ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
}

int cmd_restore(int argc, char **argv, struct err *e) {
    struct source_options from = {.config = command_config()};
    struct restore_request q = {.target = NULL};
    const char *existing = NULL;
    uint64_t strip = 0;
    const struct command_option options[] = {{"--target", OPT_TEXT, &q.target}, {"--strip", OPT_NUMBER, &strip},
        {"--existing", OPT_TEXT, &existing}, {"--dry-run", OPT_FLAG, &q.dry_run}, {"--vault", OPT_TEXT, &from.dir},
        {"--host", OPT_TEXT, &from.host}, {"--kit", OPT_TEXT, &from.kit}, {NULL, OPT_FLAG, NULL}};
    static struct source s;
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n < 1) return err_set(e, ZE_USAGE, NULL, _("which restore point? (latest, a number, a date)"));
    if (strip > 1000) return err_set(e, ZE_USAGE, "--strip", _("at most 1000"));
    if (existing_of(existing, &q.existing, e) < 0) return -1;
    q.strip = (unsigned)strip;
    q.paths = argv + 2, q.paths_n = (size_t)n - 1;
    if (source_open(&s, &from, e) < 0) return -1;
    int rc = run(&s, argv[1], &q, e);
    source_close(&s);
    return rc;
}
