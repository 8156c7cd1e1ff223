/** The record of a drill as a page to print. Pure. */
#ifndef DRILL_HTML_H
#define DRILL_HTML_H

#include "base/buf.h"
#include "wrap/json.h"

enum drill_lang { DRILL_ZH, DRILL_EN };

/** drill_html(file, lang, out): append one self-contained page of A4 (no script, nothing loaded from elsewhere) made of a record
 * file's JSON: verdict, RTO and RPO against their targets, the phases as a chart (SVG), hosts, checks, what was adapted, the
 * last words of consoles, key and signature. Whatever the record says is text in it, never markup. */
void drill_html(const struct js *file, enum drill_lang lang, struct buf *out);

#endif
