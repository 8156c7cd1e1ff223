/* Plans: whatever is accepted has hosts and a calendar that goes forward, is written as YAML that reads back as the same plan,
 * differs from itself in nothing, and is printed without markup of its own; whatever is refused has a reason. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan/diff.h"
#include "plan/print.h"

/* faults: H1 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself forgets a buffer on some syntax errors. */
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

static void must(bool ok) {
    if (!ok) __builtin_trap();
}

static void reads_back(const struct plan *p) {
    struct err e = ERR_INIT;
    struct plan again;
    struct buf b;
    buf_init(&b, 16 << 20);
    form_yaml(p->form, FORM_ZH, &b);
    if (buf_ok(&b) && b.len <= 1 << 20) { /* what was near the limit may be longer with its comments */
        must(plan_parse("again", b.p, b.len, "UTC", &again, &e) == 0);
        must(!strcmp(again.canonical, p->canonical));
        plan_free(&again);
    }
    buf_free(&b);
}

/* Each < begins one of the tags that the page has. */
static void prints(const struct plan *p) {
    for (unsigned i = 0; i < 6; i++) {
        struct buf b;
        struct print how = {.form = 1u << i % 3, .lang = i % 2, .html = i < 3};
        buf_init(&b, 64 << 20);
        plan_print(p, &how, &b);
        must(buf_ok(&b));
        for (size_t k = 0; how.html && k + 1 < b.len; k++)
            if (b.p[k] == '<') must(memchr("!hmtscfpb/", b.p[k + 1], 10));
        buf_free(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct plan p;
    struct run run;
    if (plan_parse("fuzz", data, size, "UTC", &p, &e) < 0) {
        must(e.id);
        return 0;
    }
    must(p.hosts_n >= 1 && p.hosts_n <= PLAN_HOSTS_MAX);
    for (int64_t at = 1700000000, i = 0; i < 3 && plan_next(&p, at, &run); i++, at = run.start_s)
        must(run.start_s > at && run.end_s > run.start_s && run.kind != RUN_NONE);
    struct js *rows = js_array();
    must(plan_diff(p.form, p.form, rows) == 0);
    js_free(rows);
    reads_back(&p);
    prints(&p);
    plan_free(&p);
    return 0;
}
