/* zaibei plan new: the form, asked line by line. There is no second judge of answers: each is put into a small valid plan,
 * written as YAML and read by plan_parse; what that says against it is shown, and the question asked again. Questions go to
 * standard error, answers come from standard input, so that a file of answers works like a person. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "calendar/zone.h"
#include "plannew.h"
#include "sys/clock.h"
#include "wrap/json.h"

enum { RUNS_SHOWN = 5 };

static void set_at(struct js *form, const struct field *f, struct js *list, const char *word) {
    const struct field *up = form_up(f);
    const char *last = up ? f->key + strlen(up->key) + 1 : f->key;
    if (up && !js_get(form, up->key)) js_set(form, up->key, js_object());
    struct js *map = up ? js_get(form, up->key) : form;
    if (list) js_set(map, last, list);
    else js_set_str(map, last, word);
}

static struct js *sample(void) {
    static const char text[] = "{\"name\":\"x\",\"system\":\"x\",\"hosts\":[\"x\"],\"content\":{\"paths\":[\"/\"]},"
                               "\"strategy\":{\"daily\":\"full\"}}";
    struct err e = ERR_INIT;
    return js_parse(text, sizeof text - 1, "sample", &e);
}

int plannew_judge(const struct asking *a, const struct js *form, struct plan *p, struct err *e) {
    struct buf b;
    buf_init(&b, 1 << 20);
    form_yaml(form, a->lang, &b);
    int rc = buf_ok(&b) ? planfile_parse("-", b.p, b.len, p, e) : err_set(e, ZE_CONFIG, "-", _("larger than 1 MiB"));
    buf_free(&b);
    return rc;
}

bool plannew_line(struct asking *a) {
    ssize_t n = getline(&a->line, &a->cap, stdin);
    if (n < 0) return false;
    while (n && strchr("\r\n \t", a->line[n - 1])) a->line[--n] = 0;
    size_t blank = strspn(a->line, " \t");
    memmove(a->line, a->line + blank, (size_t)n - blank + 1);
    return true;
}

/* What is meant by an answer: a word of the form may be typed as it stands there. */
static const char *meant(const struct field *f, const char *s) {
    for (const struct field_word *w = f->words; w && w->word; w++)
        if (!strcmp(s, w->word) || (w->zh && !strcmp(s, w->zh)) || !strcmp(s, w->en)) return w->word;
    if (f->type == FIELD_BOOL && (!strcmp(s, "y") || !strcmp(s, "yes") || !strcmp(s, "是"))) return "true";
    if (f->type == FIELD_BOOL && (!strcmp(s, "n") || !strcmp(s, "no") || !strcmp(s, "否"))) return "false";
    return s;
}

struct js *plannew_words(const struct field *f, char *s) {
    struct js *list = js_array();
    while (*s) {
        char *end = s, *next;
        while (*end && *end != ',' && strncmp(end, "，", 3) != 0 && strncmp(end, "、", 3) != 0) end++;
        next = !*end ? end : *end == ',' ? end + 1 : end + 3;
        *end = 0;
        s += strspn(s, " \t");
        for (char *t = s + strlen(s); t > s && (t[-1] == ' ' || t[-1] == '\t');) *--t = 0;
        if (*s) js_push_str(list, meant(f, s));
        s = next;
    }
    return list;
}

/* Paths and patterns have a line each, since they may contain anything. */
static bool line_each(const struct field *f) { return f->type == FIELD_PATHS || !strcmp(f->key, "content.excludes"); }

/* What may be answered: the form's own words where it has boxes. */
static void put_expected(const struct asking *a, const struct field *f, char *out, size_t cap) {
    form_expected(f, out, cap);
    if (f->type != FIELD_BOOL && f->type != FIELD_CHOICE && f->type != FIELD_CHOICES) return;
    size_t o = 0;
    for (const struct field_word *w = f->words; w->word && o < cap; w++)
        o += (size_t)snprintf(out + o, cap - o, "%s%s", o ? " / " : "", a->lang == FORM_ZH && w->zh ? w->zh : w->word);
}

static void put_question(const struct asking *a, const struct field *f) {
    char label[FORM_LABEL_MAX], expected[300];
    form_title(f, a->lang, label);
    put_expected(a, f, expected, sizeof expected);
    if (line_each(f)) fprintf(stderr, _("%s (one a line, then an empty line): "), label);
    else if (form_is_list(f)) fprintf(stderr, _("%s (%s; several with commas): "), label, expected);
    else if (f->def) fprintf(stderr, _("%s (%s) [%s]: "), label, expected, f->def);
    else fprintf(stderr, _("%s (%s): "), label, expected);
}

/* One answer into ${form}: 1 when it is empty, -1 at the end of the answers. */
static int take_answer(struct asking *a, const struct field *f, struct js *form) {
    if (!plannew_line(a)) return -1;
    if (!*a->line) return 1;
    struct js *list = NULL;
    if (line_each(f)) {
        list = js_array();
        do js_push_str(list, a->line);
        while (plannew_line(a) && *a->line);
    } else if (form_is_list(f)) {
        list = plannew_words(f, a->line);
    }
    set_at(form, f, list, list ? NULL : meant(f, a->line));
    return 0;
}

static int ask(struct asking *a, const struct field *f, bool required, struct err *e) {
    for (;;) {
        struct err why = ERR_INIT;
        struct plan p;
        CLEANUP_JS struct js *trial = sample();
        put_question(a, f);
        int rc = take_answer(a, f, trial);
        if (rc < 0) return err_set(e, ZE_ANSWERS, f->key, _("at this question"));
        if (rc > 0 && !required) return 0;
        if (rc > 0) {
            fprintf(stderr, "  %s\n", _("an answer is needed"));
            continue;
        }
        if (plannew_judge(a, trial, &p, &why) < 0) {
            fprintf(stderr, "  %s\n", why.msg);
            continue;
        }
        plan_free(&p);
        const char *last;
        const struct js *map = form_at(trial, f, &last);
        struct js *list = js_get(map, last);
        set_at(a->form, f, list ? js_copy(list) : NULL, js_str(map, last, NULL));
        return 0;
    }
}

static bool has(const struct asking *a, const char *key) {
    const char *last;
    const struct js *map = form_at(a->form, form_field(key), &last);
    return js_has(map, last);
}

/* Whether the question is of any use after the answers so far. */
static bool applies(const struct asking *a, const struct field *f) {
    static const char *const parts[] = {
        "method", "content.", "strategy.", "schedule.", "retention_days", "targets.", "quota"};
    bool backup = strcmp(js_str(a->form, "backup", "true"), "true") == 0;
    for (size_t i = 0; !backup && i < sizeof parts / sizeof *parts; i++)
        if (!strncmp(f->key, parts[i], strlen(parts[i]))) return false;
    if (!strcmp(f->key, "schedule.weekly_day")) return has(a, "strategy.weekly");
    if (!strcmp(f->key, "schedule.monthly_day")) return has(a, "strategy.monthly");
    return true;
}

static void show_runs(const struct asking *a) {
    struct plan p;
    struct run run;
    struct err e = ERR_INIT;
    if (plannew_judge(a, a->form, &p, &e) < 0) return;
    struct zone *z = zone_open(p.zone, &e);
    int64_t at = clock_real()->now_ns(clock_real()) / 1000000000;
    for (int i = 0; z && i < RUNS_SHOWN && plan_next(&p, NULL, at, &run); i++, at = run.start_s) {
        char when[32], labels[64];
        text_time(when, (run.start_s + zone_offset(z, run.start_s)) * 1000000000);
        when[10] = ' ', when[16] = 0;
        run_labels_text(run.labels, labels);
        if (!i) fprintf(stderr, _("Next runs (%s):\n"), p.zone);
        fprintf(stderr, "  %s  %s  (%s)\n", when, run_kind_name(run.kind), labels);
    }
    zone_free(z);
    plan_free(&p);
}

/* The questions in the order of the paper. A plan with backup needs one strategy at least; they are asked until it has. */
static int ask_all(struct asking *a, struct err *e) {
    size_t n;
    const struct field *all = form_fields(&n), *f = all;
    char label[FORM_LABEL_MAX];
    for (; f < all + n; f++) {
        if (f->type == FIELD_HEAD && f->forms & FORM_APPROVAL && strcmp(f[1].key, "review") != 0) {
            form_label(f, FORM_APPROVAL, a->lang, label);
            fprintf(stderr, "\n%s\n", label);
        }
        if (!f->asked || !applies(a, f)) continue;
        if (ask(a, f, f->required || !strcmp(f->key, "content.paths"), e) < 0) return -1;
        if (!strcmp(f->key, "strategy.monthly") && !js_get(a->form, "strategy")) {
            fprintf(stderr, "  %s\n", _("an answer is needed"));
            f = form_field("strategy");
        }
        if (!strcmp(f->key, "retention_days")) show_runs(a);
    }
    return 0;
}

int cmd_plan_new(struct cli *c, struct err *e) {
    struct asking a = {.form = js_object()};
    struct buf b;
    struct plan p;
    const char *path = cli_option(c, "out");
    buf_init(&b, 1 << 20);
    int rc = planfile_lang(c, &a.lang, e);
    if (rc == 0)
        fputs(_("The form, question by question. An empty answer leaves a field out or takes what stands in [].\n"),
            stderr);
    if (rc == 0) rc = ask_all(&a, e);
    if (rc == 0) rc = plannew_recovery(&a, e);
    if (rc == 0) rc = plannew_judge(&a, a.form, &p, e);
    if (rc == 0) {
        form_yaml(a.form, a.lang, &b);
        rc = planfile_write(path, &b, e);
        if (rc == 0 && path) fprintf(stderr, _("plan %s is written to %s\n"), p.name, path);
        plan_free(&p);
    }
    buf_free(&b);
    free(a.line);
    js_free(a.form);
    return rc;
}
