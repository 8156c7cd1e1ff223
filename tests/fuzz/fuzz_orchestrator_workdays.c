/* Files of working days: any bytes are refused with a reason, or give a table with which counting goes both ways. */
#include "calendar/workdays.h"
#include "calendar/zone.h"

/* faults: H1 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    int64_t first, day = civil_days(2026, 1, 1);
    struct workdays *t = workdays_parse("fuzz", data, size, &e);
    if (!t) return e.id == ZE_WORKDAYS || e.id == ZE_NOMEM ? 0 : (__builtin_trap(), 0);
    for (unsigned n = 1; n < 20; n += 3) {
        int64_t due = workdays_add(t, day, n);
        if (!workdays_is(t, due) || workdays_between(t, day, due) != n) __builtin_trap();
    }
    if (workdays_holiday(t, "x", 0, &first) && (first < 0 || workdays_is(t, first))) __builtin_trap();
    (void)workdays_missing(t, day);
    workdays_free(t);
    return 0;
}
