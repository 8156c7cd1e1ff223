/* Whether the table of working days reaches far enough. */
#include "daily.h"

#include "catalog_calendar.h"
#include "outbox.h"

enum { DAY_S = 86400 };

int calendar_watch(struct daemon *d, struct err *e) {
    int64_t now = daemon_now(d);
    db_begin(d->db);
    struct workdays *t = catalog_workdays(d->db);
    int64_t missing = t ? workdays_missing(t, now / NS_PER_S / DAY_S) : 0;
    struct js *detail = js_object();
    if (missing) js_set_int(detail, "year", missing);
    condition_set(d->db, now, "calendar.year", "workdays", "", missing != 0, detail);
    workdays_free(t);
    return db_commit(d->db, e);
}
