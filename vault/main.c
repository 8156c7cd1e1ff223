/* zaibei-vault: a table of verbs, a table of options, and nothing else. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "commands.h"
#include "serve.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "wrap/json.h"
#include "wrap/seal.h"

static const struct verb {
    const char *name, *synopsis, *help;
    int (*run)(const struct words *w, struct err *e);
    const char *subs; /* the words one of which must follow, each after a space; NULL: none */
} verbs[] = {
    {"init", N_("DIR [--recovery zbk-pub-…] [--to DIR] [--json] | DIR --recover FILE --kit KIT [--json]"),
        N_("make an empty vault and its signing key, or a lost one again from its recovery file"), command_init},
    {"keep", N_("DIR"), N_("the keeper: owns packs, logs and the signing key; runs until it is told to end"),
        command_keep},
    {"serve", N_("DIR --host HOST | --enrol HOST [--local]"),
        N_("the forced command: one session with one host's agent"), command_serve},
    {"control", N_("DIR"), N_("the platform's requests, JSON lines on standard input"), command_control},
    {"rights", N_("DIR HOST [--read all|meta] [--floor-days N] [--json]"), N_("show or change what a host may do"),
        command_rights},
    {"pin", N_("DIR HOST/POINT --months N | --until TIME --reason TEXT [--who NAME] [--dry-run] [--json]"),
        N_("keep a restore point longer; a pin only extends"), command_pin},
    {"pins", N_("DIR HOST [--json]"), N_("list the pins that hold, and the host's floor"), command_pins},
    {"remove", N_("DIR HOST/POINT[,POINT…] --reason TEXT [--who NAME] [--approvals FILE] [--dry-run] [--yes] [--json]"),
        N_("remove restore points that nothing protects any more"), command_remove},
    {"floor", N_("DIR HOST --days N --reason TEXT [--who NAME] [--approvals FILE] [--json]"),
        N_("raise the least time that a host's restore points are kept; lowering needs approvals"), command_floor},
    {"approver", N_("list|add|replace DIR [NAME KEYFILE | LISTFILE] [--approvals FILE] [--json]"),
        N_("who may approve what weakens protection"), command_approver, " list add replace"},
    {"clock", N_("show|confirm DIR [--approvals FILE | --yes] [--json]"),
        N_("whether vault time is in doubt, and confirming it"), command_clock, " show confirm"},
    {"key", N_("show|rotate|replace DIR [--approvals FILE] [--json]"),
        N_("the keys that sign: which there were; another in the place of the one that signs, or of one that is lost or stolen"),
        command_key, " show rotate replace"},
    {"request", N_("remove|floor|confirm-clock|approvers|replace-key DIR [HOST/POINT[,POINT…] | HOST --days N | LISTFILE] [--until TIME]"
                   " [--expires-s N] [--out FILE] [--json]"),
        N_("make a request that approvers sign"), command_request, " remove floor confirm-clock approvers replace-key"},
    {"gc", N_("DIR [--dry-run] [--grace DAYS] [--json]"),
        N_("collect what no restore point needs any more; say what, why, how much, until when"), command_gc},
    {"recovery", N_("DIR [--recipient zbk-pub-…] [--to DIR] [--json]"),
        N_("the sealed recovery file: to whom, where to, whether it is up to date"), command_recovery},
    {"stat", N_("DIR [--json]"), N_("hosts, restore points, bytes stored and free"), command_stat},
    {"scrub", N_("DIR [--rate MIB_PER_S] [--all] [--heal-from DIR] [--json]"),
        N_("read everything again and name what is damaged"), command_scrub},
    {"quota", N_("DIR [--host HOST | --system SYSTEM | --department NAME] [--systems A,B] [--bytes N] [--json]"),
        N_("show or set how much hosts, systems and departments may store"), command_quota},
};

static const struct option {
    const char *name;
    size_t at;
    bool flag;
} options[] = {
#define TEXT(name, member) \
    { name, offsetof(struct words, member), false }
#define FLAG(name, member) \
    { name, offsetof(struct words, member), true }
    TEXT("--host", host),
    TEXT("--enrol", enrol),
    TEXT("--enrol-local", enrol_local),
    TEXT("--system", system),
    TEXT("--read", read),
    TEXT("--floor-days", floor_days),
    TEXT("--months", months),
    TEXT("--until", until),
    TEXT("--reason", reason),
    TEXT("--who", who),
    TEXT("--days", days),
    TEXT("--approvals", approvals),
    TEXT("--expires-s", expires),
    TEXT("--out", out),
    FLAG("--dry-run", dry_run),
    FLAG("--yes", yes),
    TEXT("--grace", grace),
    TEXT("--recipient", recipient),
    TEXT("--recovery", recipient),
    TEXT("--to", to),
    TEXT("--recover", recover),
    TEXT("--kit", kit),
    TEXT("--rate", rate),
    TEXT("--heal-from", heal_from),
    TEXT("--department", department),
    TEXT("--systems", systems),
    TEXT("--bytes", bytes),
    FLAG("--all", all),
    FLAG("--json", json),
    FLAG("--local", local),
    FLAG("--help", help),
    FLAG("-h", help),
};

static int option_take(struct words *w, int *i, int argc, char **argv, struct err *e) {
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++) {
        if (strcmp(argv[*i], options[o].name) != 0) continue;
        void *member = (char *)w + options[o].at;
        if (options[o].flag) return *(bool *)member = true, 0;
        if (++*i == argc) return err_set(e, ZE_USAGE, options[o].name, _("a value is missing"));
        *(const char **)member = argv[*i];
        return 0;
    }
    return err_set(e, ZE_USAGE, argv[*i], _("no such option"));
}

/* The word that must follow a verb such as approver. */
static int sub_read(struct words *w, const struct verb *v, int argc, char **argv, struct err *e) {
    char word[32];
    w->sub = argc > 2 ? argv[2] : "";
    snprintf(word, sizeof word, " %s", w->sub);
    const char *at = strstr(v->subs, word);
    if (at && word[1] && strchr(" ", at[strlen(word)])) return 0;
    return err_set(e, ZE_USAGE, argv[1], _("expected one of:%s"), v->subs);
}

static int words_read(struct words *w, const struct verb *v, int argc, char **argv, struct err *e) {
    bool help = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    if (v->subs && !help && sub_read(w, v, argc, argv, e) < 0) return -1;
    for (int i = 2 + (v->subs && !help); i < argc; i++) {
        if (argv[i][0] == '-') {
            if (option_take(w, &i, argc, argv, e) < 0) return -1;
        } else if (!w->dir) {
            w->dir = argv[i];
        } else if (!w->second) {
            w->second = argv[i];
        } else if (!w->third && v->subs) {
            w->third = argv[i];
        } else {
            return err_set(e, ZE_USAGE, argv[i], _("one word too many"));
        }
    }
    return w->dir || w->help ? 0 : err_set(e, ZE_USAGE, argv[1], _("which vault directory?"));
}

static void help_print(const struct verb *only) {
    printf(_("usage: zaibei-vault COMMAND …\n\n"));
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (!only || only == &verbs[i])
            printf("  zaibei-vault %s %s\n      %s\n", verbs[i].name, _(verbs[i].synopsis), _(verbs[i].help));
}

static int fail(const struct err *e, bool json) {
    err_print("zaibei-vault", e);
    if (json) js_put_error(e);
    return err_exit(e);
}

static bool local(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--local") == 0) return true;
    return false;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    struct words w = {0};
    const struct verb *v = NULL;
    proc_begin();
    if (argc > 1 && strcmp(argv[1], "serve") == 0 && !local(argc, argv) && serve_environment(&e) < 0) return fail(&e, w.json);
    i18n_init();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help_print(NULL);
        return argc < 2 ? ZB_EXIT_USAGE : ZB_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) return puts("zaibei-vault " ZB_VERSION) < 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) v = &verbs[i];
    if (!v) return err_set(&e, ZE_USAGE, argv[1], _("no such command")), fail(&e, w.json);
    if (words_read(&w, v, argc, argv, &e) < 0) return fail(&e, w.json);
    if (w.help) return help_print(v), ZB_EXIT_OK;
    if (seal_init(&e) < 0 || v->run(&w, &e) < 0) return fail(&e, w.json);
    return ZB_EXIT_OK;
}
