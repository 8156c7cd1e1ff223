/* The options that all commands have, those of one handler by its table, and the wish to end: a signal asks to end in
 * order, a second one ends. */
#include "command.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"

static const char *config_option;
static bool json_option;
static volatile sig_atomic_t cancelled;

const char *command_config(void) { return config_option; }
bool command_json(void) { return json_option; }

bool command_cancelled(void *arg) {
    (void)arg;
    return cancelled;
}

static void on_signal(int sig) {
    (void)sig;
    if (cancelled) _exit(ZB_EXIT_CANCELLED);
    cancelled = 1;
}

void command_signals(void) {
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN) sigaction(SIGHUP, &stop, NULL); /* nohup */
    sigaction(SIGPIPE, &ignore, NULL);
}

int command_common(int argc, char **argv, bool *help, bool *version, struct err *e) {
    int n = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--")) {
            while (i < argc) argv[n++] = argv[i++];
        } else if (!strcmp(argv[i], "--json")) {
            json_option = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            *help = true;
        } else if (!strcmp(argv[i], "--version")) {
            *version = true;
        } else if (!strncmp(argv[i], "--config=", 9)) {
            config_option = argv[i] + 9;
        } else if (!strcmp(argv[i], "--config")) {
            if (i + 1 == argc) return err_set(e, ZE_USAGE, argv[i], _("it needs a value"));
            config_option = argv[++i];
        } else {
            argv[n++] = argv[i];
        }
    }
    argv[n] = NULL;
    return n;
}

static const struct command_option *option_find(const struct command_option *o, const char *arg, size_t n) {
    for (; o && o->name; o++)
        if (strlen(o->name) == n && !strncmp(o->name, arg, n)) return o;
    return NULL;
}

static int option_set(const struct command_option *o, const char *value, struct err *e) {
    if (o->type == OPT_TEXT) *(const char **)o->to = value;
    if (o->type == OPT_NUMBER && !text_u64(value, UINT64_MAX, o->to))
        return err_set(e, ZE_USAGE, o->name, _("expected a number, found \"%s\""), value);
    if (o->type == OPT_LIST) {
        struct command_list *list = o->to;
        if (list->n == COMMAND_LIST_MAX) return err_set(e, ZE_USAGE, o->name, _("at most %d"), COMMAND_LIST_MAX);
        list->item[list->n++] = value;
    }
    return 0;
}

int command_parse(int argc, char **argv, const struct command_option *options, struct err *e) {
    int n = 0;
    bool open = true;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i], *equal = strchr(arg, '=');
        if (open && !strcmp(arg, "--")) {
            open = false;
            continue;
        }
        if (!open || arg[0] != '-' || !arg[1]) {
            argv[++n] = arg;
            continue;
        }
        const struct command_option *o = option_find(options, arg, equal ? (size_t)(equal - arg) : strlen(arg));
        if (!o) return err_set(e, ZE_USAGE, arg, _("no such option of %s"), argv[0]);
        if (o->type == OPT_FLAG) {
            if (equal) return err_set(e, ZE_USAGE, o->name, _("it takes no value"));
            *(bool *)o->to = true;
            continue;
        }
        const char *value = equal ? equal + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value) return err_set(e, ZE_USAGE, o->name, _("it needs a value"));
        if (option_set(o, value, e) < 0) return -1;
    }
    argv[n + 1 < argc ? n + 1 : argc] = NULL;
    return n;
}
