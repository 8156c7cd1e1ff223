/* Days are those of the zone's wall: what was submitted one minute before midnight has the whole of the next days. */
#include "plan/deadline.h"

const char *deadline_name(enum deadline d) {
    static const char *const names[DEADLINES] = {"review", "approval", "execution"};
    return d < DEADLINES ? names[d] : "";
}

int64_t deadline_s(int64_t since_s, unsigned n, const struct zone *z, const struct workdays *t) {
    int64_t wall = since_s + zone_offset(z, since_s), day = (wall >= 0 ? wall : wall - 86399) / 86400;
    return zone_utc(z, (workdays_add(t, day, n) + 1) * 86400);
}
