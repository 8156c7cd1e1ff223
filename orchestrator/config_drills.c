/* The section drills of zaibeid.yaml. Without it drills work below the state, read the vault's own directory, and take a bounded part of
 * the machine. */
#include <stdio.h>

#include "base/i18n.h"
#include "config_internal.h"
#include "plan/form.h"

/* A command as a list of words; ${def} where it is absent. */
static int read_words(const struct yaml_node *map, const char *key, const char *const *def, const char **out, struct err *e) {
    const struct yaml_node *list;
    size_t n = 0;
    if (yaml_list(map, key, &list, e) < 0) return -1;
    for (; !list && *def; def++) out[n++] = *def;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        if (n == CONFIG_ARGS_MAX) return yaml_fail(it, e, _("more than %d words"), CONFIG_ARGS_MAX);
        out[n++] = it->text;
    }
    out[n] = NULL;
    return 0;
}

static int read_size(const struct yaml_node *map, const char *key, uint64_t def, uint64_t *out, struct err *e) {
    const char *s;
    *out = def;
    if (yaml_str_or(map, key, NULL, &s, e) < 0) return -1;
    return !s || form_size(s, out) ? 0 : yaml_fail(yaml_get(map, key), e, _("expected a size such as 500 GiB, found \"%.80s\""), s);
}

int config_drills(const struct yaml_node *top, struct config *c, struct err *e) {
    static const char *const worker[] = {"zaibei-agent", "worker", NULL}, *const accels[] = {"auto", "kvm", "tcg"};
    const struct yaml_node *m = yaml_get(top, "drills");
    const char *vault, *dir, *span;
    int accel;
    if ((m && yaml_keys(m, "dir worker read at_once memory disk time accel", e) < 0) ||
        yaml_str_or(yaml_get(top, "vault"), "dir", NULL, &vault, e) < 0 || yaml_str_or(m, "dir", NULL, &dir, e) < 0)
        return -1;
    snprintf(c->drill_dir, sizeof c->drill_dir, "%s%s", dir ? dir : c->state, dir ? "" : "/drills");
    const char *const read[] = {vault ? "zaibei-vault" : NULL, "serve", vault, "--host", "%h", "--local", NULL};
    if (read_words(m, "worker", worker, c->drill_worker, e) < 0 || read_words(m, "read", read, c->drill_read, e) < 0 ||
        yaml_int(m, "at_once", 1, 8, 1, &c->drill_at_once, e) < 0 || yaml_choice(m, "accel", "auto kvm tcg", 0, &accel, e) < 0 ||
        read_size(m, "memory", (uint64_t)4 << 30, &c->drill_memory, e) < 0 ||
        read_size(m, "disk", (uint64_t)100 << 30, &c->drill_disk, e) < 0 || yaml_str_or(m, "time", "4h", &span, e) < 0)
        return -1;
    c->drill_accel = accels[accel];
    if (form_span(span, &c->drill_time_s) && c->drill_time_s > 0 && c->drill_time_s <= 7 * 86400) return 0;
    return yaml_fail(yaml_get(m, "time"), e, _("expected a time such as 30m, 24h or 7d, found \"%.80s\""), span);
}
