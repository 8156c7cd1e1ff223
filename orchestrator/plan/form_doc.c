/* What the table of fields says of values: to a person who has to write one, and as one line of Markdown each in plans/FORMAT.md. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "plan/form.h"

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

/* "`full` 全备, `incremental` 增量". */
static void put_words(struct buf *b, const struct field *f) {
    for (const struct field_word *w = f->words; w->word; w++) {
        put(b, w == f->words ? "`" : ", `"), put(b, w->word), put(b, "`");
        if (w->zh) put(b, " "), put(b, w->zh);
    }
}

void form_value_doc(const struct field *f, struct buf *b) {
    static const char *const types[] = {[FIELD_MAP] = "",
        [FIELD_MAPS] = "list",
        [FIELD_NAME] = "`a-z 0-9 -`",
        [FIELD_NAMES] = "list of names",
        [FIELD_TEXT] = "text",
        [FIELD_TEXTS] = "list of texts",
        [FIELD_PATHS] = "list of absolute paths",
        [FIELD_DATE] = "date, `2026-11-20`",
        [FIELD_PERIOD] = "`long` 长期, or `6 months`",
        [FIELD_SPAN] = "`30m`, `24h`, `7d`",
        [FIELD_SIZE] = "`500 GiB`",
        [FIELD_MAIL] = "mail address",
        [FIELD_STEP] = "filled in by the platform",
        [FIELD_STAMP] = "a place on the paper"};
    char range[64];
    bool said = f->note && (!f->words || f->type == FIELD_BOOL);
    if (f->type == FIELD_CHOICES) put(b, "list of ");
    if (said) put(b, f->note);
    else if (f->type == FIELD_DELTA) put(b, *f->words->word ? "`+8 GB`, `-8 GB`" : "`+2`, `-2`");
    else if (f->words) put_words(b, f);
    else if (f->type == FIELD_NUMBER) snprintf(range, sizeof range, "%ld … %ld", f->min, f->max), put(b, range);
    else if (types[f->type]) put(b, types[f->type]);
    if (f->note && !said) put(b, "; "), put(b, f->note);
}

/* "1, 2": the annexes' numbers of the forms that have it. */
void form_numbers(const struct field *f, char out[8]) {
    *out = 0;
    for (unsigned i = 0; i < 3; i++)
        if (f->forms >> i & 1) snprintf(out + strlen(out), 8 - strlen(out), "%s%u", *out ? " " : "", i + 1);
}

void form_markdown(struct buf *b) {
    char label[FORM_LABEL_MAX], numbers[8];
    size_t n;
    put(b, "| key | on the form | form | value | |\n| --- | --- | --- | --- | --- |\n");
    for (const struct field *f = form_fields(&n); n; n--, f++) {
        if (f->type == FIELD_HEAD || (f->type == FIELD_STEP && !*f->zh)) continue;
        form_label(f, f->forms & -f->forms, FORM_ZH, label);
        form_numbers(f, numbers);
        put(b, f->type == FIELD_STAMP ? "| " : "| `"), put(b, f->type == FIELD_STAMP ? "" : f->key);
        put(b, f->type == FIELD_STAMP ? "| " : "` | "), put(b, label), put(b, " | "), put(b, numbers), put(b, " | ");
        form_value_doc(f, b);
        put(b, " | ");
        if (f->required) put(b, "required");
        else if (f->def) put(b, "`"), put(b, f->def), put(b, "`");
        if (f->carried) put(b, f->def ? "; carried" : "carried");
        put(b, " |\n");
    }
}

/* "mail, phone or on-site". */
static void spell(const struct field_word *w, char *out, size_t cap) {
    size_t o = 0;
    *out = 0;
    for (; w->word; w++) {
        const char *between = !o ? "" : w[1].word ? ", " : _(" or ");
        int n = snprintf(out + o, cap - o, "%s%s", between, w->word);
        if (n < 0 || (size_t)n >= cap - o) return;
        o += (size_t)n;
    }
}

void form_expected(const struct field *f, char *out, size_t cap) {
    const char *s = "";
    switch (f->type) {
    case FIELD_NAME:
    case FIELD_NAMES: s = _("a name of a-z, 0-9 and -"); break;
    case FIELD_PATHS: s = _("an absolute path without . or .."); break;
    case FIELD_DATE: s = _("a date such as 2026-12-01"); break;
    case FIELD_PERIOD: s = _("long or \"N months\""); break;
    case FIELD_SPAN: s = _("a time such as 30m, 24h or 7d"); break;
    case FIELD_SIZE: s = _("a size such as 500 GiB"); break;
    case FIELD_DELTA:
        s = *f->words->word ? _("more or less, such as +8 GB or -8 GB") : _("more or less, such as +2 or -2");
        break;
    case FIELD_NUMBER: snprintf(out, cap, _("a number from %ld to %ld"), f->min, f->max); return;
    case FIELD_BOOL: s = _("true or false"); break;
    case FIELD_MAIL: s = _("a mail address"); break;
    case FIELD_CHOICE:
    case FIELD_CHOICES: spell(f->words, out, cap); return;
    case FIELD_OWN: s = f->hint ? _(f->hint) : f->note; break;
    default: s = f->hint ? _(f->hint) : _("a text");
    }
    snprintf(out, cap, "%s", s);
}
