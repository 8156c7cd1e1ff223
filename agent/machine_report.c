/* What a machine says, line by line: DRILL|WORD|VALUE….
 *
 * The bytes come from inside the machine, so from anybody. A line that is too long, holds a byte that is not
 * printable ASCII, or does not follow the grammar is as if it had not been said. Nothing grows: texts are cut, lists
 * end, answers about egress are bits of the targets that were asked for. "reached" is never taken back by a later
 * "denied". */
#include <string.h>

#include "base/text.h"
#include "machine.h"

enum { FIELDS = 4 };

static void text_keep(char *to, size_t cap, const char *s) {
    size_t n = strlen(s);
    if (n >= cap) n = cap - 1;
    memcpy(to, s, n);
    to[n] = 0;
}

static void on_stage(struct machine_reader *r, char *const *f) {
    static const char *const names[] = {"", "initramfs", "root", "init", "done"};
    for (size_t i = MACHINE_INITRAMFS; i <= MACHINE_DONE; i++)
        if (!strcmp(f[0], names[i]) && r->report.stage < i) r->report.stage = (enum machine_stage)i;
}

static void on_fail(struct machine_reader *r, char *const *f) {
    if (!*r->report.fail) text_keep(r->report.fail, sizeof r->report.fail, f[0]);
}

static void on_state(struct machine_reader *r, char *const *f) {
    text_keep(r->report.state, sizeof r->report.state, f[0]);
}

static void on_kernel(struct machine_reader *r, char *const *f) {
    text_keep(r->report.kernel, sizeof r->report.kernel, f[0]);
}

static void on_address(struct machine_reader *r, char *const *f) {
    text_keep(r->report.address, sizeof r->report.address, f[0]);
}

static void on_wire(struct machine_reader *r, char *const *f) {
    if (!strcmp(f[0], "answers")) r->report.wire = true;
}

static void on_adapted(struct machine_reader *r, char *const *f) {
    struct machine_report *p = &r->report;
    if (p->adapted_n >= MACHINE_ADAPTED_MAX) return;
    char *to = p->adapted[p->adapted_n++];
    text_keep(to, MACHINE_TEXT / 2, f[0]);
    size_t n = strlen(to);
    if (!f[1]) return;
    to[n++] = ' ';
    text_keep(to + n, MACHINE_TEXT - n, f[1]);
}

static void on_failed(struct machine_reader *r, char *const *f) {
    if (r->report.failed_n < MACHINE_FAILED_MAX) text_keep(r->report.failed[r->report.failed_n++], MACHINE_TEXT, f[0]);
}

static void on_egress(struct machine_reader *r, char *const *f) {
    uint64_t i;
    if (!f[1] || !r->egress_n || !text_u64(f[0], r->egress_n - 1, &i) || i >= MACHINE_EGRESS_MAX) return;
    if (!strcmp(f[1], "reached")) r->report.reached |= 1u << i;
    if (!strcmp(f[1], "denied")) r->report.denied |= 1u << i;
}

static const struct {
    const char *word;
    void (*take)(struct machine_reader *r, char *const *f);
} words[] = {
    {"stage", on_stage},
    {"fail", on_fail},
    {"state", on_state},
    {"kernel", on_kernel},
    {"address", on_address},
    {"wire", on_wire},
    {"adapted", on_adapted},
    {"failed", on_failed},
    {"egress", on_egress},
};

/* One line without its end; it is cut up in place. */
static void take(struct machine_reader *r, char *line) {
    char *f[FIELDS + 1] = {NULL}, *at = line;
    for (size_t n = 0; n < FIELDS && at; n++) {
        char *bar = n + 1 < FIELDS ? strchr(at, '|') : NULL;
        f[n] = at;
        if (bar) *bar++ = 0;
        at = bar;
    }
    if (!f[1] || !f[2] || strcmp(f[0], "DRILL")) return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(f[1], words[i].word)) words[i].take(r, f + 2);
}

static void line_end(struct machine_reader *r) {
    bool good = !r->skip;
    if (r->len && r->line[r->len - 1] == '\r') r->len--; /* a terminal's end of line has one before it */
    for (size_t i = 0; i < r->len; i++)
        if (r->line[i] < ' ' || r->line[i] > '~') good = false;
    r->line[r->len] = 0;
    if (good) take(r, r->line);
    r->len = 0, r->skip = false;
}

void machine_report_feed(struct machine_reader *r, const void *p, size_t n) {
    const char *s = p;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n') line_end(r);
        else if (r->len < sizeof r->line - 1) r->line[r->len++] = s[i];
        else r->skip = true;
    }
}
