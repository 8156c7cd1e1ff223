/* zaibei plan, the verbs that need no zaibeid: a plan is a file, or the name of one that zaibeid knows. What the forms are
 * is in plan/; here are only files and the terminal. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "plan/diff.h"
#include "plan/print.h"
#include "planfile.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"
#include "wrap/yaml.h"

/* Plans that name no zone are checked with this one; zaibeid's own configuration says which it will be. */
static const char zone_without_config[] = "Asia/Shanghai";

static int read_file(const char *path, struct buf *b, struct err *e) {
    char real[4096];
    if (!realpath(path, real)) return err_sys(e, path, _("open"));
    if (file_load(AT_FDCWD, real, YAML_BYTES_MAX, b, e) == 0) return 0;
    if (e->id == ZE_DAMAGED) err_set(e, ZE_CONFIG, path, _("larger than 1 MiB"));
    return -1;
}

int planfile_load(const char *path, struct buf *b, struct plan *p, struct err *e) {
    if (read_file(path, b, e) < 0) return -1;
    return planfile_parse(path, b->p ? b->p : (const uint8_t *)"", b->len, p, e);
}

int planfile_parse(const char *name, const void *text, size_t n, struct plan *p, struct err *e) {
    return plan_parse(name, text, n, zone_without_config, p, e);
}

static void set_day(struct js *j, const char *key, const char *time) {
    char day[11];
    snprintf(day, sizeof day, "%s", time);
    if (strlen(time) >= 10) js_set_str(j, key, day);
}

/* What zaibeid's answer about a plan says for the paper: the office's last word, and the answers of a retirement. */
static struct js *known_of(const struct js *answer) {
    struct js *known = js_object(), *review = js_object(), *cancel = js_object();
    const struct js *steps = js_get(answer, "steps"), *retired = js_get(answer, "retirement");
    static const char *const boxes[] = {"keep_backups", "keep_vm_files"}, *const words[] = {"place", "reason"};
    for (size_t i = 0; i < js_count(steps); i++) {
        const struct js *s = js_at(steps, i);
        const char *act = js_str(s, "act", ""), *time = js_str(s, "time", "");
        if (!strcmp(act, "retire")) set_day(cancel, "date", time);
        if (strcmp(act, "review") != 0 && strcmp(act, "approve") != 0 && strcmp(act, "reject") != 0) continue;
        js_set_str(review, "reviewer", js_str(s, "who", "")), set_day(review, "date", time);
        if (js_str(s, "text", NULL)) js_set_str(review, "opinion", js_str(s, "text", NULL));
    }
    for (size_t i = 0; i < 2; i++) {
        if (js_has(retired, boxes[i]))
            js_set_str(cancel, boxes[i], js_bool(retired, boxes[i], true) ? "true" : "false");
        if (js_str(retired, words[i], NULL)) js_set_str(cancel, words[i], js_str(retired, words[i], NULL));
    }
    js_set(known, "review", review), js_set(known, "cancel", cancel);
    return known;
}

/* ${word} is a file when it looks like one or is one; else zaibeid is asked. ${known}: what it says for the paper. */
static int load_any(struct cli *c, const char *word, struct plan *p, struct js **known, struct err *e) {
    struct buf b;
    char path[300], name[200];
    if (strpbrk(word, "/.") || access(word, F_OK) == 0) {
        buf_init(&b, YAML_BYTES_MAX + 1);
        int rc = planfile_load(word, &b, p, e);
        buf_free(&b);
        return rc;
    }
    http_escape(name, sizeof name, word);
    snprintf(path, sizeof path, "/v1/plans/%s", name);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    const char *text = js_str(j, "text", "");
    if (known) *known = known_of(j);
    return planfile_parse(word, text, strlen(text), p, e);
}

int planfile_lang(const struct cli *c, enum form_lang *lang, struct err *e) {
    const char *word = cli_option(c, "lang");
    if (!word) word = strncmp(i18n_language(), "zh", 2) ? "en" : "zh";
    if (strcmp(word, "zh") != 0 && strcmp(word, "en") != 0) return err_set(e, ZE_USAGE, word, _("expected zh or en"));
    *lang = *word == 'z' ? FORM_ZH : FORM_EN;
    return 0;
}

int planfile_write(const char *path, const struct buf *b, struct err *e) {
    if (!buf_ok(b)) return err_set(e, ZE_NOMEM, path ? path : "-", "plan");
    if (!path) {
        if (file_write_all(STDOUT_FILENO, b->p, b->len) < 0) return err_sys(e, "-", _("write"));
        return 0;
    }
    int rc = file_put_new(AT_FDCWD, path, b->p, b->len, 0644, e);
    return rc > 0 ? err_set(e, ZE_EXISTS, path, _("it is not overwritten")) : rc;
}

static int form_of(const char *word, unsigned *form, struct err *e) {
    static const char *const words[] = {"approval", "change", "cancel"};
    for (unsigned i = 0; i < 3; i++)
        if (!word || !strcmp(word, words[i])) return *form = 1u << i, 0;
    return err_set(e, ZE_USAGE, word, _("expected approval, change or cancel"));
}

int cmd_plan_print(struct cli *c, struct err *e) {
    struct print how = {.html = cli_option(c, "html")};
    struct plan p;
    struct buf out;
    CLEANUP_JS struct js *known = NULL;
    if (how.html && cli_option(c, "text"))
        return err_set(e, ZE_USAGE, "--text", _("--html and --text exclude each other"));
    if (form_of(cli_option(c, "form"), &how.form, e) < 0 || planfile_lang(c, &how.lang, e) < 0) return -1;
    if (load_any(c, c->argv[0], &p, &known, e) < 0) return -1;
    how.known = known;
    buf_init(&out, 64 << 20);
    plan_print(&p, &how, &out);
    int rc = planfile_write(cli_option(c, "out"), &out, e);
    buf_free(&out);
    plan_free(&p);
    return rc;
}

/* A value of a difference for a cell of a table. */
static const char *shown(const struct js *row, const char *key, char *out, size_t cap) {
    const char *s = js_str(row, key, NULL);
    char *text = s ? NULL : js_get(row, key) ? js_dump(js_get(row, key)) : NULL;
    if (!s) s = text ? text : "–";
    text_escape(out, cap, s, strlen(s));
    free(text);
    return out;
}

static void print_diff(const struct js *rows, enum form_lang lang) {
    struct table *t = table_new(_("FIELD|ON THE FORM|OLD|NEW"));
    for (size_t i = 0; i < js_count(rows); i++) {
        const struct js *row = js_at(rows, i);
        char old[400], new[400], field[300];
        snprintf(field, sizeof field, "%s %s", js_str(row, "field", ""), js_str(row, "of", ""));
        table_row(t, field, js_str(row, lang == FORM_ZH ? "label" : "title", ""),
            shown(row, "old", old, sizeof old), shown(row, "new", new, sizeof new));
    }
    table_print(t, _("no difference"));
}

int cmd_plan_diff(struct cli *c, struct err *e) {
    struct plan old, new;
    enum form_lang lang;
    if (planfile_lang(c, &lang, e) < 0 || load_any(c, c->argv[0], &old, NULL, e) < 0) return -1;
    if (load_any(c, c->argv[1], &new, NULL, e) < 0) return plan_free(&old), -1;
    CLEANUP_JS struct js *rows = js_array();
    plan_diff(old.form, new.form, rows);
    if (c->json) cli_each("difference", rows);
    else print_diff(rows, lang);
    plan_free(&old), plan_free(&new);
    return 0;
}

static struct js *field_json(const struct field *f) {
    char label[FORM_LABEL_MAX];
    struct js *j = js_object();
    js_set_str(j, "field", f->key);
    form_title(f, FORM_ZH, label), js_set_str(j, "label", label);
    form_title(f, FORM_EN, label), js_set_str(j, "title", label);
    js_set_bool(j, "required", f->required), js_set_bool(j, "carried", f->carried);
    if (f->def) js_set_str(j, "default", f->def);
    return j;
}

int cmd_plan_fields(struct cli *c, struct err *e) {
    struct buf b;
    enum form_lang lang;
    size_t n;
    const struct field *f = form_fields(&n);
    if (planfile_lang(c, &lang, e) < 0) return -1;
    buf_init(&b, 1 << 20);
    int rc = 0;
    if (cli_option(c, "markdown")) {
        form_markdown(&b);
        rc = planfile_write(NULL, &b, e);
        return buf_free(&b), rc;
    }
    struct table *t = c->json ? NULL : table_new(_("FIELD|ON THE FORM|FORM|VALUE"));
    for (; n; n--, f++) {
        char label[FORM_LABEL_MAX], numbers[8];
        if (f->type >= FIELD_STEP) continue;
        buf_reset(&b);
        form_value_doc(f, &b), buf_u8(&b, 0);
        form_title(f, lang, label), form_numbers(f, numbers);
        if (c->json) cli_line("field", field_json(f));
        else table_row(t, f->key, label, numbers, (char *)b.p);
    }
    if (t) table_print(t, "");
    buf_free(&b);
    return 0;
}
