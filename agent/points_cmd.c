/* `zaibei-agent points`: one line for each restore point, for people or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "points.h"
#include "wrap/json.h"
#include "wrap/table.h"

static void print_json(const struct point *p) {
    CLEANUP_JS struct js *j = js_object();
    struct js *labels = js_array();
    for (unsigned i = 0; i < p->labels.n; i++) js_push_str(labels, p->labels.label[i]);
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "point");
    js_set_int(j, "point", p->number);
    js_set_time(j, "time", p->time);
    js_set_str(j, "kind", kind_word(p->kind));
    js_set(j, "labels", labels);
    js_set_str(j, "state", state_word(p->state));
    js_set_int(j, "files", (int64_t)p->files);
    js_set_int(j, "bytes", (int64_t)p->bytes);
    js_set_int(j, "bytes_read", (int64_t)p->bytes_read);
    js_set_int(j, "bytes_sent", (int64_t)p->bytes_sent);
    js_set_int(j, "bytes_stored", (int64_t)p->bytes_stored);
    char *line = js_dump(j);
    puts(line);
    free(line);
}

/* A label as people read it; what a later version makes stays as it is. */
static const char *label_text(const char *label) {
    static const char *const known[] = {N_("manual"), N_("daily"), N_("weekly"), N_("monthly"), N_("yearly"), N_("extra")};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i], label)) return _(label);
    return label;
}

static void add_row(struct table *t, const struct point *p) {
    char number[16], time[32], files[24], bytes[24], stored[24], labels[LABELS_MAX * 64] = "";
    snprintf(number, sizeof number, "%u", p->number);
    snprintf(files, sizeof files, "%llu", (unsigned long long)p->files);
    text_time(time, p->time);
    text_bytes(bytes, p->bytes);
    text_bytes(stored, p->bytes_stored);
    for (unsigned i = 0; i < p->labels.n; i++) {
        if (i) strcat(labels, ",");
        strncat(labels, label_text(p->labels.label[i]), 62);
    }
    table_row(t, number, time, _(kind_word(p->kind)), _(state_word(p->state)), files, bytes, stored, labels);
}

static void print_points(const struct points *p) {
    struct table *t = command_json() ? NULL : table_new(_(">POINT|TIME|KIND|STATE|>FILES|>SIZE|>STORED|LABELS"));
    for (size_t i = 0; i < p->n; i++)
        if (command_json()) print_json(&p->p[i]);
        else add_row(t, &p->p[i]);
    if (!command_json()) table_print(t, _("There is no restore point yet."));
}

int cmd_points(int argc, char **argv, struct err *e) {
    struct source_options o = {.config = command_config()};
    const struct command_option options[] = {{"--vault", OPT_TEXT, &o.dir}, {"--host", OPT_TEXT, &o.host},
        {"--kit", OPT_TEXT, &o.kit}, {NULL, OPT_FLAG, NULL}};
    static struct source s;
    struct points p;
    int n = command_parse(argc, argv, options, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("points takes no operand"));
    if (source_open(&s, &o, e) < 0) return -1;
    int rc = points_load(&s, &p, e);
    source_close(&s);
    if (rc < 0) return -1;
    print_points(&p);
    points_free(&p);
    return 0;
}
