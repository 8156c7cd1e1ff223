/* `keep:` how many points are kept for how long, above the least time that retention_days promises. */
#include "base/i18n.h"
#include "plan/plan_internal.h"

enum { COUNT_MAX = 10000 };

int plan_keep(const struct yaml_node *top, struct keep_rules *r, struct err *e) {
    const struct yaml_node *map = yaml_get(top, "keep");
    const struct {
        const char *key;
        unsigned *out;
    } rows[] = {{"last", &r->last}, {"daily", &r->daily}, {"weekly", &r->weekly}, {"monthly", &r->monthly},
        {"yearly", &r->yearly}};
    *r = (struct keep_rules){.last = 0};
    if (!map) return 0;
    if (yaml_keys(map, "last daily weekly monthly yearly within", e) < 0) return -1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t n;
        if (yaml_int(map, rows[i].key, 1, COUNT_MAX, 0, &n, e) < 0) return -1;
        *rows[i].out = (unsigned)n;
    }
    if (plan_duration(map, "within", &r->within_s, e) < 0) return -1;
    if (keep_rules_any(r)) return 0;
    return yaml_fail(map, e, _("expected one of %s"), "last daily weekly monthly yearly within");
}
