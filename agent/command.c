/* The options of a handler, taken out of its arguments by a table. */
#include "command.h"

#include <stdint.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

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
