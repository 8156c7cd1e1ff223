/** What the catalog keeps for the calendar and for retention. Inside the caller's transaction, as in catalog.h. */
#ifndef DAEMON_CATALOG_CALENDAR_H
#define DAEMON_CATALOG_CALENDAR_H

#include "calendar/workdays.h"
#include "wrap/db.h"
#include "wrap/json.h"

/** The queries' part of the schema. */
#define CATALOG_CALENDAR                                                          \
    "CREATE TABLE workdays(year INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;" \
    "CREATE TABLE keeping(host TEXT PRIMARY KEY, day INTEGER NOT NULL) STRICT;"

/** catalog_workdays: the table that holds now, to be freed; NULL only without memory. catalog_workdays_text: as JSON. catalog_workdays_put: a year as it
 * stands in a table that was parsed: {"off": …, "work": …}. */
struct workdays *catalog_workdays(struct db *d);
char *catalog_workdays_text(struct db *d);
void catalog_workdays_put(struct db *d, int64_t year, const struct js *days);

/** catalog_keeping: the day (from 1970-01-01, vault time, UTC) of the host's last retention pass; 0: never. */
int64_t catalog_keeping(struct db *d, const char *host);
void catalog_keeping_put(struct db *d, const char *host, int64_t day);

#endif
