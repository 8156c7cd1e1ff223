/* Tables by libsmartcols. What is shown was escaped by whoever made it; the library escapes control characters again. */
#include "wrap/table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct libscols_table *t;
    size_t columns;
};

struct table *table_new(const char *heads) {
    struct table *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->t = scols_new_table();
    char *copy = strdup(heads), *rest = copy, *head;
    while (t->t && copy && (head = strsep(&rest, "|"))) {
        int right = *head == '>';
        if (scols_table_new_column(t->t, head + right, 0, right ? SCOLS_FL_RIGHT : 0)) t->columns++;
    }
    free(copy);
    return t;
}

void table_row(struct table *t, ...) {
    if (!t || !t->t) return;
    struct libscols_line *line = scols_table_new_line(t->t, NULL);
    va_list ap;
    va_start(ap, t);
    for (size_t i = 0; line && i < t->columns; i++) {
        const char *cell = va_arg(ap, const char *);
        if (scols_line_set_data(line, i, cell ? cell : "")) break;
    }
    va_end(ap);
}

void table_print(struct table *t, const char *empty) {
    if (!t) return;
    if (t->t) {
        if (!scols_table_is_empty(t->t)) scols_print_table(t->t);
        else if (*empty) puts(empty);
        scols_unref_table(t->t);
    }
    free(t);
    fflush(stdout);
}
