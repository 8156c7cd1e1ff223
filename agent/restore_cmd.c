/* The command line of restore: what is asked for, what is told while it runs, the summary and the exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "limiter.h"
#include "progress.h"
#include "restore.h"
#include "restored.h"
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

/* What people are told of while it runs: each path that was not restored, and the first of each kind of lack. */
struct told {
    struct progress *progress;
    uint64_t n;
    char first[LACKS][300];
};

static const struct lack {
    const char *word, *text;
} lacks[LACKS] = {{"owner", N_("owner")}, {"mode", N_("mode")}, {"acl", N_("access control lists")},
    {"capability", N_("capabilities")}, {"trusted", N_("attributes that only root may set")},
    {"xattr", N_("extended attributes")}, {"time", N_("time of last change")}, {"flags", N_("file flags")},
    {"device", N_("devices")}, {"link", N_("hard links")}};

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

static void tell_json(const struct restore_told *t) {
    char id[16];
    snprintf(id, sizeof id, "ZB-%u", (unsigned)t->why->id);
    struct js *j = line_new("error"), *words = js_array();
    js_set_str(j, "id", id);
    js_set_name(j, "object", t->path, t->n);
    js_set_str(j, "message", t->why->msg);
    js_set_str(j, "next", err_next(t->why->id));
    js_set_bool(j, "restored", t->restored);
    for (unsigned i = 0; i < LACKS; i++)
        if (t->lacks >> i & 1) js_push_str(words, lacks[i].word);
    js_set(j, "lacks", words);
    line_put(j);
}

static void tell(void *arg, const struct restore_told *t) {
    struct told *all = arg;
    char name[4 * 1024];
    if (command_json()) tell_json(t);
    text_escape(name, sizeof name, t->path, t->n);
    for (unsigned i = 0; i < LACKS; i++)
        if ((t->lacks >> i & 1) && !*all->first[i])
            snprintf(all->first[i], sizeof all->first[i], "%.100s: %.180s", name, t->why->msg);
    if (t->restored || ++all->n > TOLD_MAX) return;
    progress_end(all->progress);
    fprintf(stderr, _("NOT RESTORED: %s: %s\n"), name, t->why->msg);
}

static void summary_json(const struct opened *o, const struct restore_request *q, const struct restore_result *res,
    struct fetch_count fetched) {
    struct js *j = line_new("summary"), *without = js_object();
    js_set_int(j, "point", o->point.number);
    js_set_str(j, "target", q->target);
    js_set_bool(j, "dry_run", q->dry_run);
    js_set_bool(j, "resumed", res->resumed);
    js_set_int(j, "files", (int64_t)res->files);
    js_set_int(j, "directories", (int64_t)res->dirs);
    js_set_int(j, "others", (int64_t)res->others);
    js_set_int(j, "bytes", (int64_t)res->bytes);
    js_set_int(j, "already", (int64_t)res->already);
    js_set_int(j, "already_bytes", (int64_t)res->already_bytes);
    js_set_int(j, "skipped", (int64_t)res->skipped);
    js_set_int(j, "replaced", (int64_t)res->replaced);
    js_set_int(j, "replaced_other_kind", (int64_t)res->kinds);
    js_set_int(j, "missed", (int64_t)res->missed);
    js_set_int(j, "attributes_missed", (int64_t)res->attributes);
    for (unsigned i = 0; i < LACKS; i++)
        if (res->lacks[i]) js_set_int(without, lacks[i].word, (int64_t)res->lacks[i]);
    js_set(j, "without", without);
    js_set_int(j, "fetched_segments", (int64_t)fetched.segments);
    js_set_int(j, "fetched_bytes", (int64_t)fetched.bytes);
    line_put(j);
}

static void count_line(const char *text, uint64_t n) {
    if (n) printf(text, (unsigned long long)n);
}

static void summary(const struct opened *o, const struct restore_request *q, const struct restore_result *res,
    const struct told *told) {
    char bytes[24];
    text_bytes(bytes, res->bytes);
    printf(q->dry_run ? _("Would restore point %u to %s: %llu files (%s), %llu directories, %llu others.\n")
                      : _("Restored point %u to %s: %llu files (%s), %llu directories, %llu others.\n"),
        o->point.number, q->target, (unsigned long long)res->files, bytes, (unsigned long long)res->dirs,
        (unsigned long long)res->others);
    if (res->resumed) puts(_("A restore that was interrupted there goes on."));
    text_bytes(bytes, res->already_bytes);
    if (res->already) printf(_("%llu were already there (%s).\n"), (unsigned long long)res->already, bytes);
    count_line(_("%llu existed and were left as they were.\n"), res->skipped);
    count_line(_("%llu took the place of something else.\n"), res->replaced);
    count_line(_("%llu of these took the place of something of another kind.\n"), res->kinds);
    count_line(q->dry_run ? _("%llu cannot be restored; they are listed above.\n")
                          : _("%llu were NOT restored; they are listed above.\n"),
        res->missed);
    count_line(_("%llu come without all attributes:\n"), res->attributes);
    for (unsigned i = 0; i < LACKS; i++)
        if (res->lacks[i])
            printf(*told->first[i] ? _("  without %s: %llu; the first: %s\n") : _("  without %s: %llu\n"),
                _(lacks[i].text), (unsigned long long)res->lacks[i], told->first[i]);
}

/* For the platform's log; a vault directory and its kit need neither it nor this host's state. */
static void note(
    const struct source *s, const struct opened *o, const struct restore_request *q, const char *state, const struct restore_result *res) {
    if (!s->over_session || q->dry_run) return;
    struct restored r = {.point = o->point.number, .target = q->target, .state = state};
    if (res) r.files = res->files, r.bytes = res->bytes, r.missed = res->missed;
    restored_note(&s->cfg, clock_real(), &r);
}

static int run(struct source *s, const char *selector, struct restore_request *q, struct err *e) {
    char target[128];
    struct opened o;
    struct restore_result res;
    struct progress progress;
    static struct told told;
    told.progress = &progress;
    if (point_open(s, selector, &o, e) < 0) return -1;
    snprintf(target, sizeof target, "./restore-%s-%u", s->host, o.point.number);
    if (!q->target) q->target = target;
    progress_init(&progress, clock_real(), command_json());
    progress.bytes_total = q->paths_n ? 0 : o.root.bytes;
    progress.files_total = q->paths_n ? 0 : o.root.files;
    progress_phase(&progress, N_("restoring"));
    q->progress = &progress, q->tell = tell, q->tell_arg = &told;
    note(s, &o, q, "begun", NULL);
    int rc = restore_run(s, &o, q, &res, e);
    note(s, &o, q, rc < 0 ? "failed" : res.missed || res.attributes ? "partial" : "ok", &res);
    progress_end(&progress);
    if (told.n > TOLD_MAX) fprintf(stderr, _("… and %llu more\n"), (unsigned long long)(told.n - TOLD_MAX));
    bool finished = rc == 0 || err_exit(e) == ZB_EXIT_DAMAGE; /* damage is an error, but the rest was done */
    if (finished && command_json()) summary_json(&o, q, &res, fetch_count(s->fetch));
    else if (finished) summary(&o, q, &res, &told);
    point_close(&o);
    if (rc < 0 && e->id == ZE_NOGRANT) /* which pack it was helps nobody */
        return err_set(e, ZE_NOGRANT, s->host, _("it may read the metadata of its last restore point only"));
    if (rc < 0) return -1;
    return res.missed || res.attributes ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
}

int cmd_restore(int argc, char **argv, struct err *e) {
    struct limiter limiter = {.clock = clock_real(), .cancelled = command_cancelled};
    struct limit_words limit_words = {.word = {NULL}};
    struct source_options from = {.config = command_config(), .limiter = &limiter};
    struct restore_request q = {.cancelled = limiter_step, .cancelled_arg = &limiter};
    const char *existing = NULL;
    uint64_t strip = 0;
    const struct command_option options[] = {{"--target", OPT_TEXT, &q.target}, {"--strip", OPT_NUMBER, &strip},
        {"--existing", OPT_TEXT, &existing}, {"--dry-run", OPT_FLAG, &q.dry_run}, {"--vault", OPT_TEXT, &from.dir},
        {"--host", OPT_TEXT, &from.host}, {"--kit", OPT_TEXT, &from.kit}, LIMIT_OPTIONS(limit_words),
        {NULL, OPT_FLAG, NULL}};
    static struct source s;
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n < 1) return err_set(e, ZE_USAGE, NULL, _("which restore point? (latest, a number, a date)"));
    if (strip > 1000) return err_set(e, ZE_USAGE, "--strip", _("at most 1000"));
    if (existing_of(existing, &q.existing, e) < 0) return -1;
    q.strip = (unsigned)strip;
    q.paths = argv + 2, q.paths_n = (size_t)n - 1;
    if (limiter_words(&limiter, &limit_words, e) < 0 || limiter_begin(&limiter, NULL, e) < 0) return -1;
    if (source_open(&s, &from, e) < 0) return -1;
    int rc = run(&s, argv[1], &q, e);
    source_close(&s);
    return rc;
}
