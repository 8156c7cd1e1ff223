/* Calendar events: any text is refused with a reason, or falls on days and minutes that go forward. */
#include <stdlib.h>
#include <string.h>

#include "calendar/calendar.h"

/* faults: H1 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct zone *z;
    struct err e = ERR_INIT;
    char text[EVENT_TEXT_MAX + 20];
    if (size >= sizeof text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    struct planned p = {.kind = RUN_FULL, .labels = LABEL_EXTRA, .len_min = 60};
    struct run run;
    if (!z && !(z = zone_open("Europe/Berlin", &e))) __builtin_trap();
    const char *why = event_parse(text, &p.when);
    if (why) return *why ? 0 : (__builtin_trap(), 0);
    struct schedule s = {.events = &p, .events_n = 1};
    for (int64_t at = 1700000000, i = 0; i < 5 && calendar_next(&s, z, NULL, at, &run); i++, at = run.start_s)
        if (run.start_s <= at || run.end_s <= run.start_s || run.kind != RUN_FULL) __builtin_trap();
    return 0;
}
