/* The command `backup`: options, progress, the summary for people and for programs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backup.h"
#include "backup_told.h"
#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "limiter.h"
#include "progress.h"
#include "wire/record.h"
#include "wrap/json.h"

enum { PATIENCE_MAX_S = 3600 };

static void print_json(const struct backup_result *r, bool dry_run) {
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "summary");
    js_set_bool(j, "dry_run", dry_run);
    if (!dry_run) js_set_int(j, "point", r->point);
    if (dry_run) js_set_int(j, "files_to_read", (int64_t)r->to_read);
    if (dry_run) js_set_int(j, "bytes_sent_at_most", (int64_t)r->bytes_read);
    js_set_str(j, "kind", kind_word(r->kind));
    js_set_str(j, "state", state_word(r->state));
    js_set_int(j, "files", (int64_t)r->files);
    js_set_int(j, "bytes", (int64_t)r->bytes);
    js_set_int(j, "bytes_read", (int64_t)r->bytes_read);
    js_set_int(j, "bytes_sent", (int64_t)r->bytes_sent);
    js_set_int(j, "bytes_stored", (int64_t)r->bytes_stored);
    js_set_int(j, "not_read", (int64_t)r->unread);
    js_set_int(j, "kept", (int64_t)r->kept);
    js_set(j, "left_out", told_json(r));
    js_set_time(j, "started", r->started);
    js_set_time(j, "ended", r->ended);
    char *line = js_dump(j);
    puts(line);
    free(line);
}

static void print_text(const struct backup_result *r, const struct told *told, bool dry_run) {
    char bytes[24], read[24], sent[24], stored[24];
    text_bytes(bytes, r->bytes);
    text_bytes(read, r->bytes_read);
    text_bytes(sent, r->bytes_sent);
    text_bytes(stored, r->bytes_stored);
    if (dry_run) {
        printf(_("dry run: %" PRIu64 " files (%s) in the point; %" PRIu64 " of them (%s) would be read, and at most as much sent\n"),
            r->files, bytes, r->to_read, read);
    } else {
        printf(_("restore point %u (%s, %s): %" PRIu64 " files, %s\n"), r->point, _(kind_word(r->kind)), _(state_word(r->state)),
            r->files, bytes);
        printf(_("read %s, sent %s, stored %s, in %.1f s\n"), read, sent, stored, (double)(r->ended - r->started) / 1e9);
    }
    told_print(dry_run ? told : NULL, r);
    if (r->kept)
        printf(P_("%" PRIu64 " file is in the point as the last one has it, since it could not be read\n",
                   "%" PRIu64 " files are in the point as the last one has them, since they could not be read\n", r->kept), r->kept);
    if (r->unread && !dry_run)
        printf(P_("%" PRIu64 " path was not read or changed meanwhile: the restore point lists it\n",
                   "%" PRIu64 " paths were not read or changed meanwhile: the restore point lists them\n", r->unread),
            r->unread);
}

int cmd_backup(int argc, char **argv, struct err *e) {
    struct limiter limiter = {.clock = clock_real(), .cancelled = command_cancelled};
    struct limit_words limit_words = {.word = {NULL}};
    struct backup_request q = {.clock = limiter.clock, .cancelled = limiter_step, .cancelled_arg = &limiter};
    struct backup_result out;
    struct progress progress;
    struct config cfg;
    struct command_list excludes = {.n = 0}, pre = {.n = 0}, post = {.n = 0}, dumps = {.n = 0};
    struct told told = {.json = command_json()};
    uint64_t patience = 0;
    struct command_option options[] = {{"--full", OPT_FLAG, &q.full}, {"--dry-run", OPT_FLAG, &q.dry_run},
        {"--exclude", OPT_LIST, &excludes}, {"--cross", OPT_FLAG, &q.cross}, {"--exclude-caches", OPT_FLAG, &q.caches},
        {"--reread", OPT_FLAG, &q.reread}, {"--patience", OPT_NUMBER, &patience}, {"--pre", OPT_LIST, &pre},
        {"--post", OPT_LIST, &post}, {"--dump", OPT_LIST, &dumps},
        LIMIT_OPTIONS(limit_words), LIMIT_MEMORY_OPTION(limit_words), {0}};
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n == 0 && !dumps.n) return err_set(e, ZE_USAGE, "backup", _("which paths?"));
    if (hook_asks_words("--pre", pre.item, pre.n, &q.pre, e) < 0 || hook_asks_words("--post", post.item, post.n, &q.post, e) < 0 ||
        hook_asks_words("--dump", dumps.item, dumps.n, &q.dumps, e) < 0)
        return -1;
    if (patience > PATIENCE_MAX_S) return err_set(e, ZE_USAGE, "--patience", _("at most %d"), PATIENCE_MAX_S);
    if (q.dry_run) q.left_out = told_add, q.left_out_arg = &told;
    q.patience_s = (unsigned)patience;
    if (limiter_words(&limiter, &limit_words, e) < 0 || config_load(command_config(), &cfg, e) < 0) return -1;
    if (limiter_begin(&limiter, &cfg.limits, e) < 0) {
        config_free(&cfg);
        return -1;
    }
    cfg.limiter = &limiter;
    progress_init(&progress, q.clock, command_json());
    q.excludes = excludes.item, q.excludes_n = excludes.n;
    q.paths = argv + 1, q.paths_n = (size_t)n, q.progress = &progress;
    int rc = backup_run(&cfg, &q, &out, e);
    progress_end(&progress);
    config_free(&cfg);
    if (rc == 0 && command_json()) print_json(&out, q.dry_run);
    else if (rc == 0) print_text(&out, &told, q.dry_run);
    told_free(&told);
    if (rc < 0) return -1;
    return out.state == STATE_PARTIAL ? ZB_EXIT_PARTIAL : ZB_EXIT_OK;
}
