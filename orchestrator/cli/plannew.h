/** What asks the form's questions shares. */
#ifndef CLI_PLANNEW_H
#define CLI_PLANNEW_H

#include "planfile.h"

struct asking {
    struct js *form;
    enum form_lang lang;
    char *line;
    size_t cap;
};

/** plannew_judge: whether ${form} is a plan; ${p} is to be freed then. plannew_line: one line into a->line, without its
 * end and the blanks around it; false at the end of the answers. plannew_words: the words of a line between commas of
 * either language. */
int plannew_judge(const struct asking *a, const struct js *form, struct plan *p, struct err *e) MUST_CHECK;
bool plannew_line(struct asking *a);
struct js *plannew_words(const struct field *f, char *s);

/** plannew_recovery: asks whether, and then for, `recovery`. The end of the answers at the first question leaves it
 * out. */
int plannew_recovery(struct asking *a, struct err *e) MUST_CHECK;

#endif
