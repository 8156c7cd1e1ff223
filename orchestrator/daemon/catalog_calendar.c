/* The working-day table: what comes with the product, year by year replaced by what was imported. Years are kept as they were
 * read, so that an import is one row a year and nothing is lost by it. */
#include "catalog_calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/file.h"
#include "wrap/json.h"

/* Everything that is known, as one file. */
static struct js *all(struct db *d) {
    size_t n;
    struct err e = ERR_INIT;
    const char *first = workdays_first(&n);
    struct js *j = js_parse(first, n, "workdays", &e), *years = js_get(j, "years");
    struct db_rows *r = db_query(d, "SELECT year, json FROM workdays", "");
    while (years && db_next(r)) {
        const char *text = db_text(r, 1);
        char word[24];
        snprintf(word, sizeof word, "%lld", (long long)db_int(r, 0));
        struct js *year = js_parse(text, strlen(text), word, &e);
        if (year) js_set(years, word, year);
    }
    db_done(r);
    return j;
}

char *catalog_workdays_text(struct db *d) {
    CLEANUP_JS struct js *j = all(d);
    return j ? js_dump(j) : NULL;
}

struct workdays *catalog_workdays(struct db *d) {
    struct err e = ERR_INIT;
    CLEANUP_FREE char *text = catalog_workdays_text(d);
    return text ? workdays_parse("catalog", text, strlen(text), &e) : NULL;
}

void catalog_workdays_put(struct db *d, int64_t year, const struct js *days) {
    CLEANUP_FREE char *text = js_dump(days);
    db_exec(d, "INSERT OR REPLACE INTO workdays(year,json) VALUES(?,?)", "is", year, text);
}

int64_t catalog_keeping(struct db *d, const char *host) {
    struct db_rows *r = db_query(d, "SELECT day FROM keeping WHERE host=?", "s", host);
    int64_t day = db_next(r) ? db_int(r, 0) : 0;
    db_done(r);
    return day;
}

void catalog_keeping_put(struct db *d, const char *host, int64_t day) {
    db_exec(d, "INSERT OR REPLACE INTO keeping(host,day) VALUES(?,?)", "si", host, day);
}
