/* One field as it stands on the paper: boxes to tick, dates with their spaces, lists in a line. All of it is plain text; the
 * page that it goes into escapes it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/print.h"

#define BOX(on) ((on) ? "☑" : "☐")

__attribute__((format(printf, 2, 3))) static void putf(struct buf *b, const char *fmt, ...) {
    char text[2 * FORM_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_put(b, text, strlen(text));
}

static bool ticked(const struct field *f, const char *word, const char *s, const struct js *list) {
    if (!s && !list) s = f->def;
    if (s) return !strcmp(s, word);
    for (size_t i = 0; i < js_count(list); i++)
        if (!strcmp(js_text(js_at(list, i)), word)) return true;
    return false;
}

static void put_boxes(const struct field *f, const char *s, const struct js *list, bool zh, struct buf *out) {
    for (const struct field_word *w = f->words; w->word; w++)
        if (w->zh)
            putf(out, "%s%s %s", w == f->words ? "" : "  ", BOX(ticked(f, w->word, s, list)), zh ? w->zh : w->en);
}

static void put_date(const char *s, bool zh, struct buf *out) {
    if (!zh) putf(out, "%s", s ? s : "____-__-__");
    else if (s && strlen(s) == 10) putf(out, "%.4s 年 %.2s 月 %.2s 日", s, s + 5, s + 8);
    else putf(out, "____ 年 __ 月 __ 日");
}

static void put_period(const char *s, bool zh, struct buf *out) {
    bool always = !s || !strcmp(s, "long");
    size_t n = always ? 3 : strcspn(s, " ");
    const char *number = always ? "___" : s;
    if (zh) putf(out, "%s 长期  %s %.*s 月", BOX(always), BOX(!always), (int)n, number);
    else putf(out, "%s long  %s %.*s months", BOX(always), BOX(!always), (int)n, number);
}

static void put_delta(const struct field *f, const char *s, bool zh, struct buf *out) {
    bool more = s && *s == '+', less = s && *s == '-';
    int n = s ? (int)strspn(s + 1, "0123456789") : 3;
    const char *number = s ? s + 1 : "___", *unit = zh ? f->words->zh : f->words->en;
    putf(out, "%s %s %.*s %s  ", BOX(more), zh ? "增" : "more", more ? n : 3, more ? number : "___", unit);
    putf(out, "%s %s %.*s %s", BOX(less), zh ? "减" : "less", less ? n : 3, less ? number : "___", unit);
}

static void put_list(const struct js *list, bool zh, struct buf *out) {
    for (size_t i = 0; i < js_count(list); i++) putf(out, "%s%s", !i ? "" : zh ? "、" : ", ", js_text(js_at(list, i)));
}

/* "mysql (≥ 1 MiB, ≤ 30m)", "王芳 (on duty, 0371-1, duty@example.cn)". */
static void put_entries(const struct js *list, bool zh, struct buf *out) {
    static const struct {
        const char *key, *sign;
    } besides[] = {{"least", "≥ "}, {"timeout", "≤ "}, {"role", ""}, {"phone", ""}, {"mail", ""}};
    for (size_t i = 0; i < js_count(list); i++) {
        bool first = true;
        putf(out, "%s%s", !i ? "" : zh ? "、" : ", ", js_str(js_at(list, i), "name", ""));
        for (size_t k = 0; k < sizeof besides / sizeof *besides; k++) {
            const char *s = js_str(js_at(list, i), besides[k].key, NULL);
            if (!s) continue;
            putf(out, "%s%s%s", first ? zh ? "（" : " (" : zh ? "，" : ", ", besides[k].sign, s);
            first = false;
        }
        if (!first) putf(out, zh ? "）" : ")");
    }
}

/* Everything that stands in a list of maps: "shop-db (address: 10.20.0.10/24; services: postgresql (start: …))". Elements of
 * the list itself have a line each. */
static void put_maps(const struct field *f, const struct js *list, bool zh, const char *between, struct buf *out) {
    const struct field *id = form_next(f->key, NULL);
    size_t skip = strlen(f->key) + 1;
    for (size_t i = 0; i < js_count(list); i++) { /* as deep as the table */
        const struct js *map = js_at(list, i);
        bool any = false;
        putf(out, "%s%s", i ? between : "", js_str(map, id->key + skip, ""));
        for (const struct field *in = id; (in = form_next(f->key, in));) {
            const char *s = js_str(map, in->key + skip, NULL);
            const struct js *inner = js_get(map, in->key + skip);
            if (!s && !inner) continue;
            putf(out, "%s%s%s", any ? zh ? "；" : "; " : zh ? "（" : " (", zh ? in->zh : in->en, zh ? "：" : ": ");
            if (s) putf(out, "%s", s);
            else if (in->type == FIELD_MAPS) put_maps(in, inner, zh, zh ? "、" : ", ", out);
            else put_list(inner, zh, out);
            any = true;
        }
        if (any) putf(out, zh ? "）" : ")");
    }
}

void plan_print_value(const struct field *f, const struct js *form, enum form_lang lang, struct buf *out) {
    const char *last;
    const struct js *map = form_at(form, f, &last);
    const char *s = js_str(map, last, NULL);
    const struct js *list = js_get(map, last);
    bool zh = lang == FORM_ZH;
    switch (f->type) {
    case FIELD_MAP:
    case FIELD_HEAD:
    case FIELD_STAMP: return;
    case FIELD_BOOL:
    case FIELD_CHOICE:
    case FIELD_CHOICES: return put_boxes(f, s, list, zh, out);
    case FIELD_DATE: return put_date(s, zh, out);
    case FIELD_PERIOD: return put_period(s, zh, out);
    case FIELD_DELTA: return put_delta(f, s, zh, out);
    case FIELD_MAPS:
        if (!strncmp(f->key, "recovery.", 9)) return put_maps(f, list, zh, "\n", out);
        return put_entries(list, zh, out);
    case FIELD_STEP:
        if (!strcmp(f->key, "review.date")) return put_date(s, zh, out);
        break;
    default: break;
    }
    if (!s && !list) s = f->def;
    if (s) putf(out, "%s", s);
    else if (form_is_list(f)) put_list(list, zh, out);
    else if (list) {
        char *text = js_dump(list);
        buf_put(out, text, strlen(text));
        free(text);
    }
}
