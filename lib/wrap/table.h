/** Tables for people, by libsmartcols, and the only door to it: columns as wide as needed, cut at the width of a terminal. */
#ifndef WRAP_TABLE_H
#define WRAP_TABLE_H

struct table;

/** table_new(heads): columns separated by |; a head that begins with > is aligned right. NULL without memory, which the
 * other functions take as a table that prints nothing. */
struct table *table_new(const char *heads);
/** table_row(t, cell, ...): a row; as many strings as there are columns (copied; NULL: empty). */
void table_row(struct table *t, ...);
/** table_print(t, empty): to standard output; without rows the line ${empty}, which says what to do next. Frees it. */
void table_print(struct table *t, const char *empty);

#endif
