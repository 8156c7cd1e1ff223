/* zaibei-vault: a table of verbs, a table of options, and nothing else. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "commands.h"
#include "serve.h"
#include "sys/proc.h"
#include "wrap/seal.h"

static const struct verb {
    const char *name, *synopsis, *help;
    int (*run)(const struct words *w, struct err *e);
} verbs[] = {
    {"init", N_("DIR [--json]"), N_("make an empty vault and its signing key"), command_init},
    {"keep", N_("DIR"), N_("the keeper: owns packs, logs and the signing key; runs until it is told to end"),
        command_keep},
    {"serve", N_("DIR --host HOST | --enrol HOST [--local]"),
        N_("the forced command: one session with one host's agent"), command_serve},
    {"control", N_("DIR"), N_("the platform's requests, JSON lines on standard input"), command_control},
    {"rights", N_("DIR HOST [--read all|meta] [--floor-days N] [--json]"), N_("show or change what a host may do"),
        command_rights},
    {"stat", N_("DIR [--json]"), N_("hosts, restore points, bytes stored and free"), command_stat},
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

static int words_read(struct words *w, int argc, char **argv, struct err *e) {
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (option_take(w, &i, argc, argv, e) < 0) return -1;
        } else if (!w->dir) {
            w->dir = argv[i];
        } else if (!w->second) {
            w->second = argv[i];
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

static int fail(const struct err *e) {
    err_print("zaibei-vault", e);
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
    if (argc > 1 && strcmp(argv[1], "serve") == 0 && !local(argc, argv) && serve_environment(&e) < 0) return fail(&e);
    i18n_init();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help_print(NULL);
        return argc < 2 ? ZB_EXIT_USAGE : ZB_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) return puts("zaibei-vault " ZB_VERSION) < 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) v = &verbs[i];
    if (!v) return err_set(&e, ZE_USAGE, argv[1], _("no such command")), fail(&e);
    if (words_read(&w, argc, argv, &e) < 0) return fail(&e);
    if (w.help) return help_print(v), ZB_EXIT_OK;
    if (seal_init(&e) < 0 || v->run(&w, &e) < 0) return fail(&e);
    return ZB_EXIT_OK;
}
