/* Whether the table of working days reaches far enough. */
#include "daily.h"

#include <stdio.h>

#include "base/i18n.h"
#include "catalog_calendar.h"

enum { DAY_S = 86400, AGAIN_DAYS = 7 };

int calendar_watch(struct daemon *d, struct err *e) {
    int64_t now = daemon_now(d), since = now - (int64_t)AGAIN_DAYS * DAY_S * NS_PER_S;
    char year[24];
    db_begin(d->db);
    struct workdays *t = catalog_workdays(d->db);
    int64_t missing = t ? workdays_missing(t, now / NS_PER_S / DAY_S) : 0;
    snprintf(year, sizeof year, "%lld", (long long)missing);
    if (missing && !catalog_event_since(d->db, "calendar", year, since)) {
        event_add(d->db, now, "calendar", year,
            _("the working days of %s are not known; import them: zaibei calendar import FILE"), year);
        daemon_log(d, _("the working days of %s are not known; import them: zaibei calendar import FILE"), year);
    }
    workdays_free(t);
    return db_commit(d->db, e);
}
