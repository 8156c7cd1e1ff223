/* The chart: a line for each phase, a bar from its beginning to its end on the time since the request. Colour says nothing alone:
 * a red bar is hatched and marked ✘, and each bar has its seconds beside it. Widths are shares of the time from request to the last
 * end, so the drawing fits the paper however long the drill was. */
#include <stdio.h>
#include <string.h>

#include "drill/html_internal.h"
#include "drill/measure.h"

enum { WIDTH = 1000, LABELS = 330, ROOM = 560, ROW = 22, TOP = 26, ROWS_A_PAGE = 36, TICKS = 5, LABEL_BYTES = 100 };

struct scale {
    int64_t from, ms;
};

static struct scale scale_of(const struct js *record, const struct js *phases) {
    struct scale s = {.from = drill_time_ns(js_str(record, "requested", NULL))};
    int64_t last = s.from;
    for (size_t i = 0; i < js_count(phases); i++) {
        int64_t b = drill_time_ns(js_str(js_at(phases, i), "begin", NULL));
        int64_t e = drill_time_ns(js_str(js_at(phases, i), "end", NULL));
        if (b && (!s.from || b < s.from)) s.from = b;
        if (e > last) last = e;
        if (b > last) last = b;
    }
    s.ms = last > s.from ? (last - s.from) / 1000000 : 0;
    if (s.ms < 1) s.ms = 1;
    return s;
}

static int place(const struct scale *s, int64_t ns) {
    int64_t ms = ns > s->from ? (ns - s->from) / 1000000 : 0;
    if (ms > s->ms) ms = s->ms;
    return LABELS + (int)((double)ms / (double)s->ms * ROOM);
}

static void put_axis(struct page *g, const struct scale *s, int height) {
    for (int i = 0; i <= TICKS; i++) {
        int x = LABELS + ROOM * i / TICKS;
        page_printf(g, "<path d=\"M%d %dV%d\" stroke=\"#bbb\"/><text x=\"%d\" y=\"14\" text-anchor=\"middle\">", x, TOP - 6,
            height, x);
        page_span(g, (int64_t)((double)s->ms * i / TICKS));
        page_put(g, "</text>");
    }
}

/* "host phase name", cut at a character where it is too long. */
static void put_label(struct page *g, const struct js *p) {
    char rest[LABEL_BYTES + 4];
    const char *host = js_str(p, "host", ""), *name = js_str(p, "name", "");
    page_word(g, js_str(p, "phase", ""));
    snprintf(rest, sizeof rest, " %.40s%s%.50s", host, *host && *name ? " / " : "", name);
    size_t n = strlen(rest);
    while (n && ((unsigned char)rest[n - 1] & 0xC0) == 0x80) n--; /* back to the start of the last character */
    if (n && ((unsigned char)rest[n - 1] & 0xC0) == 0xC0) rest[n - 1] = 0;
    page_text(g, rest);
}

static void put_row(struct page *g, const struct scale *s, const struct js *p, int y) {
    bool red = !strcmp(js_str(p, "state", ""), "red"), open = !strcmp(js_str(p, "state", ""), "open");
    int x = place(s, drill_time_ns(js_str(p, "begin", NULL)));
    int to = open ? LABELS + ROOM : place(s, drill_time_ns(js_str(p, "end", NULL)));
    page_printf(g, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LABELS - 8, y + 15);
    put_label(g, p);
    page_printf(g, "</text><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#333\"%s/>", x, y + 3,
        to > x ? to - x : 2, ROW - 7, red ? "url(#red)" : open ? "none" : "#7aa6c8", open ? " stroke-dasharray=\"4 3\"" : "");
    page_printf(g, "<text x=\"%d\" y=\"%d\">", (to > x ? to : x + 2) + 6, y + 15);
    page_put(g, red ? "✘ " : "");
    if (open) page_word(g, "open");
    else page_span(g, js_int(p, "ms", 0));
    page_put(g, "</text>\n");
}

void page_chart(struct page *g, const struct js *record) {
    const struct js *phases = js_get(record, "phases");
    struct scale s = scale_of(record, phases);
    size_t n = js_count(phases);
    for (size_t at = 0; at < n; at += ROWS_A_PAGE) {
        size_t rows = n - at < ROWS_A_PAGE ? n - at : ROWS_A_PAGE;
        int height = TOP + (int)rows * ROW;
        page_printf(g, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">", WIDTH, height);
        page_put(g, "<defs><pattern id=\"red\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><rect width=\"7\" "
                    "height=\"7\" fill=\"#f4b6ae\"/><path d=\"M0 7L7 0\" stroke=\"#a00\" stroke-width=\"2\"/></pattern></defs>\n");
        put_axis(g, &s, height);
        for (size_t i = 0; i < rows; i++) put_row(g, &s, js_at(phases, at + i), TOP + (int)i * ROW);
        page_put(g, "</svg>\n");
    }
}
