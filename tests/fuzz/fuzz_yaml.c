/* YAML that anybody may have written: the tree is walked with every getter. */
#include "wrap/yaml.h"

/* faults: H1 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself forgets a buffer on some syntax errors. */
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

static void walk(const struct yaml_node *n) {
    const struct yaml_node *list;
    const char *s;
    int64_t v;
    bool b;
    int c;
    struct err e = ERR_INIT;
    (void)yaml_fail(n, &e, "x");
    (void)(yaml_keys(n, "name system hosts", &e) == 0);
    for (const struct yaml_node *m = n->child; m; m = m->next) {
        if (m->key) {
            (void)(yaml_str(n, m->key, &s, &e) == 0);
            (void)(yaml_int(n, m->key, -5, 1000, 0, &v, &e) == 0);
            (void)(yaml_bool(n, m->key, true, &b, &e) == 0);
            (void)(yaml_choice(n, m->key, "full incremental", -1, &c, &e) == 0);
            if (yaml_list(n, m->key, &list, &e) == 0)
                for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) v += it->text[0];
        }
        walk(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct yaml *y = yaml_parse("fuzz", data, size, &e);
    if (!y) {
        if (!e.id) __builtin_trap(); /* refused without a reason */
        return 0;
    }
    walk(yaml_root(y));
    yaml_free(y);
    return 0;
}
