/** What the parts of the page share: writing, and the words of both languages. */
#ifndef DRILL_HTML_INTERNAL_H
#define DRILL_HTML_INTERNAL_H

#include "drill/html.h"

struct page {
    struct buf *out;
    enum drill_lang lang;
};

/** put: markup of ours, as it is. put_text: anything else, escaped. put_both: ours, in the page's language. */
void page_put(struct page *g, const char *s);
void page_text(struct page *g, const char *s);
void page_both(struct page *g, const char *zh, const char *en);
void page_printf(struct page *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A span of ms ("2 min 41.5 s"), a size, a time of the record ("2026-11-22 01:02:03 UTC"); "–" where there is none. */
void page_span(struct page *g, int64_t ms);
void page_bytes(struct page *g, int64_t n);
void page_time(struct page *g, const char *rfc3339);

/** page_word(g, word): what a word of the record (verdict, goal, cause, phase, state, level1 …) is called; the word itself where it is none
 * of ours. */
void page_word(struct page *g, const char *word);

/** page_chart(g, record): the phases as bars over the time since the request, as inline SVG; several drawings where there are
 * more than a page's. */
void page_chart(struct page *g, const struct js *record);

#endif
