/* The table of fields, walked once and laid out as the paper is: a label and a value beside it, two of them on a line, some
 * across the whole line. Cells are plain text until put_text, the only place that writes what a plan says: there it is
 * escaped, for the page or for the terminal. */
#include "plan/print.h"

#include <string.h>

#include "base/text.h"
#include "wrap/json.h"

struct cell {
    char label[FORM_LABEL_MAX];
    char stamp[FORM_LABEL_MAX]; /* what stands beside the place for it, or "" */
    struct buf value;
};

struct page {
    const struct print *how;
    struct buf *out;
    struct cell cells[2]; /* not written yet: halves of a line, or one cell that takes the whole of it */
    unsigned cells_n;
    bool wide;
};

enum { VALUE_MAX = 64 << 20, LABEL_WIDTH = 30 };

static const char style[] =
    "@page{size:A4;margin:18mm 16mm}body{font:10.5pt/1.45 'FangSong','STFangsong','Noto Serif CJK SC','WenQuanYi Micro "
    "Hei',serif;max-width:178mm;margin:0 auto;color:#000}h1{font-size:17pt;text-align:center;margin:0 0 "
    "5mm}table{width:"
    "100%;border-collapse:collapse;table-layout:fixed}col:nth-child(odd){width:20%}col:nth-child(even){width:30%}th,td{"
    "border:1px solid #000;padding:1.6mm "
    "2mm;vertical-align:top;overflow-wrap:anywhere}th{font-weight:normal;text-align:"
    "center;vertical-align:middle}th.head{font-weight:bold;letter-spacing:.2em}td p{margin:6mm 40mm 1mm 0;text-align:"
    "right}tr{break-inside:avoid}h2{font-size:12pt;break-before:page;margin:5mm 0 2mm}.annex th{width:32%;text-align:"
    "left}footer{margin-top:3mm;font-size:8pt;overflow-wrap:anywhere}";

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

static void put_text(struct page *g, const char *s, size_t n) {
    char one[8];
    for (const char *end = s + n; s < end; s++) {
        if (!g->how->html && (unsigned char)*s < ' ') buf_put(g->out, one, text_escape(one, sizeof one, s, 1));
        else if (!g->how->html) buf_put(g->out, s, 1);
        else if (*s == '&') put(g->out, "&amp;");
        else if (*s == '<') put(g->out, "&lt;");
        else if (*s == '>') put(g->out, "&gt;");
        else if (*s == '"') put(g->out, "&quot;");
        else if (*s == '\'') put(g->out, "&#39;");
        else if (*s == '\n') put(g->out, "<br>");
        else if (*s != '\r') buf_put(g->out, s, 1);
    }
}

/* Columns on a terminal: Chinese characters take two. */
static unsigned width(const char *s) {
    unsigned n = 0;
    for (; *s; s++)
        if (((unsigned char)*s & 0xC0) != 0x80) n += (unsigned char)*s >= 0xE3 ? 2 : 1;
    return n;
}

/* On a terminal: the label, and the lines of the value below each other. */
static void text_cell(struct page *g, const char *label, const char *s, size_t n) {
    const char *end = s + n;
    do {
        const char *newline = memchr(s, '\n', (size_t)(end - s)), *stop = newline ? newline : end;
        put(g->out, "  "), put(g->out, label);
        put(g->out, " ");
        for (unsigned w = width(label); w < LABEL_WIDTH; w++) put(g->out, " ");
        put_text(g, s, (size_t)(stop - s)), put(g->out, "\n");
        label = "", s = stop + 1;
    } while (s <= end);
}

static const char *text_of(const struct buf *b) { return b->p ? (const char *)b->p : ""; }

static void html_cell(struct page *g, const struct cell *c, bool across) {
    put(g->out, "<th>"), put_text(g, c->label, strlen(c->label));
    put(g->out, across ? "</th><td colspan=\"3\">" : "</th><td>");
    put_text(g, text_of(&c->value), c->value.len);
    if (*c->stamp) put(g->out, "<p>"), put(g->out, c->stamp), put(g->out, "</p>");
    put(g->out, "</td>");
}

/* Write the cells that wait: one of half a line alone gets the whole line. */
static void flush(struct page *g) {
    if (g->how->html && g->cells_n) put(g->out, "<tr>");
    for (unsigned i = 0; i < g->cells_n; i++) {
        struct cell *c = &g->cells[i];
        if (!g->how->html && *c->stamp) put(&c->value, "\n"), put(&c->value, c->stamp);
        if (g->how->html) html_cell(g, c, g->cells_n == 1);
        else text_cell(g, c->label, text_of(&c->value), c->value.len);
        buf_free(&c->value);
    }
    if (g->how->html && g->cells_n) put(g->out, "</tr>\n");
    g->cells_n = 0;
}

static struct cell *begin(struct page *g, const struct field *f) {
    bool wide = f->cell == CELL_WIDE;
    if (g->cells_n == 2 || (g->cells_n && (wide || g->wide))) flush(g);
    struct cell *c = &g->cells[g->cells_n++];
    g->wide = wide;
    form_label(f, g->how->form, g->how->lang, c->label);
    *c->stamp = 0;
    buf_init(&c->value, VALUE_MAX);
    return c;
}

static void put_head(struct page *g, const char *text) {
    flush(g);
    put(g->out, g->how->html ? "<tr><th class=\"head\" colspan=\"4\">" : "\n");
    put(g->out, text);
    put(g->out, g->how->html ? "</th></tr>\n" : "\n");
}

/* One more line in a cell: with its own label where the cell stands for several fields of a kind. */
static void more(struct page *g, struct cell *c, const struct field *f, const struct js *form) {
    char label[FORM_LABEL_MAX];
    const char *last;
    const struct field *up = form_up(f);
    const struct js *map = form_at(form, f, &last);
    form_label(f, g->how->form, g->how->lang, label);
    if (f->type == FIELD_STAMP) return memcpy(c->stamp, label, sizeof label), (void)0;
    bool labelled = up && *up->zh;
    if (labelled && !f->words && !js_has(map, last)) return;
    if (c->value.len) put(&c->value, "\n");
    if (labelled) put(&c->value, label), put(&c->value, g->how->lang == FORM_ZH ? "：" : ": ");
    plan_print_value(f, form, g->how->lang, &c->value);
}

static void put_form(struct page *g, const struct js *form) {
    char label[FORM_LABEL_MAX];
    size_t n;
    const struct field *f = form_fields(&n);
    struct cell *c = NULL;
    for (; n; n--, f++) {
        if (!(f->forms & g->how->form) || f->cell == CELL_NONE) continue;
        form_label(f, g->how->form, g->how->lang, label);
        if (f->type == FIELD_HEAD) put_head(g, label);
        else if (f->cell == CELL_SAME && c) more(g, c, f, form);
        else c = begin(g, f), plan_print_value(f, form, g->how->lang, &c->value);
    }
    flush(g);
}

/* What is on no form: how the platform does what the form asks. */
static void put_annex(struct page *g, const struct js *form) {
    char label[FORM_LABEL_MAX];
    const char *last;
    size_t n;
    bool zh = g->how->lang == FORM_ZH;
    put(g->out, g->how->html ? "<h2>" : "\n");
    put(g->out, zh ? "附：执行参数" : "Annex: how it is carried out");
    put(g->out, g->how->html ? "</h2>\n<table class=\"annex\">\n" : "\n");
    for (const struct field *f = form_fields(&n); n; n--, f++) {
        const struct field *up = form_up(f);
        const struct js *map = form_at(form, f, &last);
        if (f->forms || f->type == FIELD_MAP || (up && up->type == FIELD_MAPS)) continue;
        if ((!js_has(map, last) && !f->def) || (g->how->form == FORM_CANCEL && !f->required)) continue;
        struct buf value;
        buf_init(&value, VALUE_MAX);
        form_title(f, g->how->lang, label);
        plan_print_value(f, form, g->how->lang, &value);
        const char *s = text_of(&value);
        if (g->how->html)
            put(g->out, "<tr><th>"), put(g->out, label), put(g->out, "</th><td>"), put_text(g, s, value.len);
        if (g->how->html) put(g->out, "</td></tr>\n");
        else text_cell(g, label, s, value.len);
        buf_free(&value);
    }
}

/* On the page that is signed. */
static void put_foot(struct page *g, const struct plan *p) {
    char hash[2 * SEAL_HASH + 1];
    bool zh = g->how->lang == FORM_ZH;
    text_hex(hash, p->hash, sizeof p->hash);
    put(g->out, g->how->html ? "</table>\n<footer>" : "\n");
    put(g->out, zh ? "策略 " : "plan "), put_text(g, p->name, strlen(p->name));
    put(g->out, zh ? "，摘要（BLAKE2b-256）" : ", hash (BLAKE2b-256) "), put(g->out, hash);
    put(g->out, g->how->html ? "</footer>\n" : "\n");
}

/* The form with what the platform knows laid over it. */
static struct js *filled(const struct plan *p, const struct js *known) {
    struct js *form = js_copy(p->form);
    const struct js *review = js_get(known, "review"), *cancel = js_get(known, "cancel");
    if (review) js_set(form, "review", js_copy(review));
    if (cancel && !js_get(form, "cancel")) js_set(form, "cancel", js_object());
    for (const struct field *f = NULL; cancel && (f = form_next("cancel", f));) {
        const char *key = f->key + strlen("cancel.");
        if (js_str(cancel, key, NULL)) js_set_str(js_get(form, "cancel"), key, js_str(cancel, key, NULL));
    }
    return form;
}

void plan_print(const struct plan *p, const struct print *how, struct buf *out) {
    static const char *const titles[2][3] = {{"政务云资源使用审批表", "政务云资源使用变更表", "政务云资源使用注销表"},
        {"Application for resources of the government cloud", "Change of resources of the government cloud",
            "Cancellation of resources of the government cloud"}};
    struct page g = {.how = how, .out = out};
    const char *title = titles[how->lang][how->form >> 1];
    CLEANUP_JS struct js *form = filled(p, how->known);
    if (how->html) {
        put(out,
            how->lang == FORM_ZH ? "<!doctype html>\n<html lang=\"zh-CN\">\n"
                                 : "<!doctype html>\n<html lang=\"en\">\n");
        put(out, "<meta charset=\"utf-8\">\n<title>"), put(out, title), put(out, "</title>\n<style>"), put(out, style);
        put(out, "</style>\n<h1>"), put(out, title), put(out, "</h1>\n<table>\n<col><col><col><col>\n");
    } else {
        put(out, title), put(out, "\n\n");
    }
    put_form(&g, form);
    put_foot(&g, p);
    put_annex(&g, form);
    if (how->html) put(out, "</table>\n</html>\n");
}
