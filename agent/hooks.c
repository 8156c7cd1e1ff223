/* Reading the list. It is what stands between the platform and commands of this host, so the file that holds it must be
 * writable by its owner alone, a command is the absolute path of a program and its words, without a shell, and a name is a
 * name. Times and sizes are written as in plans: "30s", "10m", "1 MiB". */
#include "hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/json.h"
#include "wrap/yaml.h"

const char *hook_phase_word(enum hook_phase p) { return p == HOOK_PRE ? "pre" : p == HOOK_POST ? "post" : "dump"; }

static bool span(const char *s, unsigned *out) {
    char number[8], unit, rest;
    uint64_t n;
    if (sscanf(s, "%7[0-9]%c%c", number, &unit, &rest) != 2 || !text_u64(number, 1000000, &n)) return false;
    uint64_t scale = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
    if (!n || !scale || n * scale > HOOK_TIMEOUT_MAX_S) return false;
    *out = (unsigned)(n * scale);
    return true;
}

static bool size(const char *s, uint64_t *out) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    char number[12], unit[8], rest;
    uint64_t n;
    if (sscanf(s, "%11[0-9] %7[A-Za-z]%c", number, unit, &rest) != 2 || !text_u64(number, 1000000, &n)) return false;
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(unit, units[i])) return *out = n << (10 * i), true;
    return false;
}

static int command_read(const struct yaml_node *map, struct hook *h, struct err *e) {
    const struct yaml_node *list;
    size_t n = 0;
    if (yaml_list(map, "command", &list, e) < 0) return -1;
    if (!list) return yaml_fail(map, e, _("expected command: [PROGRAM, WORD, …]"));
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        if (n == HOOK_WORDS_MAX) return yaml_fail(it, e, _("there are too many words"));
        if (!n && *it->text != '/') return yaml_fail(it, e, _("expected an absolute path, found \"%s\""), it->text);
        if (!(h->argv[n++] = strdup(it->text))) return err_set(e, ZE_NOMEM, NULL, "hooks");
    }
    return n ? 0 : yaml_fail(list, e, _("expected command: [PROGRAM, WORD, …]"));
}

static int one_read(const struct yaml_node *map, bool dump, struct hook *h, struct err *e) {
    const char *user, *timeout, *least, *hold;
    h->timeout_s = HOOK_TIMEOUT_S, h->least = 1;
    if (!text_name_ok(map->key)) return yaml_fail(map, e, _("expected a name ([a-z0-9-]), found \"%s\""), map->key);
    if (!(h->name = strdup(map->key))) return err_set(e, ZE_NOMEM, NULL, "hooks");
    if (yaml_keys(map, dump ? "command user timeout min_size" : "command user timeout optional hold", e) < 0 ||
        command_read(map, h, e) < 0 || yaml_str_or(map, "user", NULL, &user, e) < 0 ||
        yaml_str_or(map, "timeout", NULL, &timeout, e) < 0 || yaml_str_or(map, "min_size", NULL, &least, e) < 0 ||
        yaml_str_or(map, "hold", NULL, &hold, e) < 0 || yaml_bool(map, "optional", false, &h->optional, e) < 0)
        return -1;
    if (user && !(h->user = strdup(user))) return err_set(e, ZE_NOMEM, NULL, "hooks");
    if (timeout && !span(timeout, &h->timeout_s))
        return yaml_fail(yaml_get(map, "timeout"), e, _("expected a time such as 30s, 10m or 2h, found \"%s\""), timeout);
    if (hold && !span(hold, &h->hold_s))
        return yaml_fail(yaml_get(map, "hold"), e, _("expected a time such as 30s, 10m or 2h, found \"%s\""), hold);
    if (least && (!size(least, &h->least) || !h->least))
        return yaml_fail(yaml_get(map, "min_size"), e, _("expected a size such as 1 MiB, found \"%s\""), least);
    return 0;
}

static int list_read(const struct yaml_node *root, const char *key, struct hook_list *out, struct err *e) {
    const struct yaml_node *map = yaml_get(root, key);
    if (!map) return 0;
    if (map->kind != YAML_MAP) return yaml_fail(map, e, _("expected entries NAME: {command: …}"));
    if (map->count > HOOKS_MAX) return yaml_fail(map, e, _("expected at most %d entries"), HOOKS_MAX);
    out->line = map->key_line;
    out->hook = calloc(map->count + 1, sizeof *out->hook);
    if (!out->hook) return err_set(e, ZE_NOMEM, NULL, "hooks");
    for (const struct yaml_node *it = map->child; it; it = it->next)
        if (one_read(it, !strcmp(key, "dumps"), &out->hook[out->n++], e) < 0) return -1;
    return 0;
}

int hooks_read(const struct yaml_node *root, const char *file, struct hooks *out, struct err *e) {
    struct stat st;
    *out = (struct hooks){.around = {.n = 0}};
    if (list_read(root, "hooks", &out->around, e) < 0 || list_read(root, "dumps", &out->dumps, e) < 0) goto failed;
    if (!out->around.n && !out->dumps.n) return 0;
    if (stat(file, &st) < 0) {
        err_sys(e, file, "stat");
        goto failed;
    }
    if (!(st.st_mode & (S_IWGRP | S_IWOTH)) && (st.st_uid == 0 || st.st_uid == geteuid())) return 0;
    err_set(e, ZE_CONFIG, file,
        _("it names commands to run, so only its owner, root or this user, may be able to write to it"));
failed:
    hooks_free(out);
    return -1;
}

int hooks_load(const char *file, struct hooks *out, struct err *e) {
    struct yaml *y = yaml_load(file, e);
    *out = (struct hooks){.around = {.n = 0}};
    int rc = y ? hooks_read(yaml_root(y), file, out, e) : -1;
    yaml_free(y);
    return rc;
}

static void list_free(struct hook_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->hook[i].name);
        free(l->hook[i].user);
        for (char **word = l->hook[i].argv; *word; word++) free(*word);
    }
    free(l->hook);
    *l = (struct hook_list){.n = 0};
}

void hooks_free(struct hooks *h) {
    list_free(&h->around);
    list_free(&h->dumps);
}

const struct hook *hooks_find(const struct hooks *h, enum hook_phase phase, const char *name) {
    const struct hook_list *l = phase == HOOK_DUMP ? &h->dumps : &h->around;
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->hook[i].name, name)) return &l->hook[i];
    return NULL;
}

int hooks_check(const struct hooks *h, const char *file, enum hook_phase phase, const struct hook_asks *asks, struct err *e) {
    const char *key = phase == HOOK_DUMP ? "dumps" : "hooks";
    unsigned line = phase == HOOK_DUMP ? h->dumps.line : h->around.line;
    char place[4200], name[128];
    for (size_t i = 0; i < asks->n; i++) {
        if (hooks_find(h, phase, asks->ask[i].name)) continue;
        text_escape(name, sizeof name, asks->ask[i].name, strlen(asks->ask[i].name));
        snprintf(place, sizeof place, line ? "%s:%u" : "%s", file, line);
        return err_set(e, ZE_NOHOOK, place, _("\"%s\" is asked for, and %s does not hold it"), name, key);
    }
    return 0;
}

bool hook_asks_take(const struct js *list, struct hook_asks *out) {
    *out = (struct hook_asks){.n = js_count(list)};
    if (out->n > HOOK_ASKS_MAX) return false;
    for (size_t i = 0; i < out->n; i++) {
        const struct js *j = js_at(list, i);
        const char *timeout = js_str(j, "timeout", NULL), *least = js_str(j, "least", NULL);
        struct hook_ask *a = &out->ask[i];
        a->name = js_str(j, "name", "");
        if (!*a->name || (timeout && !span(timeout, &a->timeout_s)) || (least && !size(least, &a->least))) return false;
    }
    return true;
}

int hook_asks_words(const char *option, const char *const *words, size_t n, struct hook_asks *out, struct err *e) {
    *out = (struct hook_asks){.n = n};
    if (n > HOOK_ASKS_MAX) return err_set(e, ZE_USAGE, option, _("at most %d"), HOOK_ASKS_MAX);
    for (size_t i = 0; i < n; i++) out->ask[i].name = words[i];
    return 0;
}
