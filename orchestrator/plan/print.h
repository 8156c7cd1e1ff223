/** The filled form, as the office knows it: a page to print, or text. */
#ifndef ORCHESTRATOR_PRINT_H
#define ORCHESTRATOR_PRINT_H

#include "base/buf.h"
#include "plan/form.h"
#include "plan/plan.h"

struct print {
    unsigned form; /* FORM_APPROVAL, FORM_CHANGE or FORM_CANCEL */
    enum form_lang lang;
    bool html; /* one self-contained page of A4; otherwise text */
    /* What the platform knows besides: "review" with "opinion", "reviewer", "date" (2026-12-01), which without it are to be
     * written by hand; "cancel" with what was answered when the plan was retired. NULL: nothing. */
    const struct js *known;
};

/** plan_print(p, how, out): append the form that ${p} is. Below it stand the fields that are on no form but decide what runs,
 * and the plan's hash, which binds the paper to what runs. Whatever the plan says is text in it, never markup. */
void plan_print(const struct plan *p, const struct print *how, struct buf *out);
/** plan_print_value(f, form, lang, out): one field as on the paper, as text with boxes. */
void plan_print_value(const struct field *f, const struct js *form, enum form_lang lang, struct buf *out);

#endif
