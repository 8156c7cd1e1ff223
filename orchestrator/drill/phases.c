/* Two events make a phase: its beginning, and later ok or red for the same host, phase and name. */
#include <stdio.h>
#include <string.h>

#include "drill/measure.h"

static bool same(const struct js *a, const struct js *b) {
    static const char *const keys[] = {"host", "phase", "name"};
    for (int i = 0; i < 3; i++)
        if (strcmp(js_str(a, keys[i], ""), js_str(b, keys[i], "")) != 0) return false;
    return true;
}

static struct js *begin(struct js *list, const struct js *ev) {
    static const char *const keys[] = {"host", "phase", "name"};
    struct js *p = js_object();
    for (int i = 0; i < 3; i++) js_set_str(p, keys[i], js_str(ev, keys[i], ""));
    js_set_str(p, "state", "open");
    js_push(list, p);
    return p;
}

/* What ends without having begun began when it ended. */
static void end(struct js *list, const struct js *ev, int64_t at) {
    struct js *p = NULL;
    for (size_t i = js_count(list); i-- > 0 && !p;)
        if (same(js_at(list, i), ev) && !strcmp(js_str(js_at(list, i), "state", ""), "open")) p = js_at(list, i);
    if (!p) p = begin(list, ev), drill_time_set(p, "begin", at);
    int64_t began = drill_time_ns(js_str(p, "begin", NULL));
    js_set_str(p, "state", js_str(ev, "state", ""));
    drill_time_set(p, "end", at);
    js_set_int(p, "ms", at > began ? (at - began) / 1000000 : 0);
    if (js_has(ev, "bytes")) js_set_int(p, "bytes", js_int(ev, "bytes", 0));
    if (js_has(ev, "files")) js_set_int(p, "files", js_int(ev, "files", 0));
    if (*js_str(ev, "detail", "")) js_set_str(p, "detail", js_str(ev, "detail", ""));
}

struct js *drill_phases(const struct js *events) {
    struct js *list = js_array();
    for (size_t i = 0; i < js_count(events); i++) {
        const struct js *ev = js_at(events, i);
        const char *state = js_str(ev, "state", "");
        int64_t at = drill_time_ns(js_str(ev, "at", NULL));
        if (strcmp(js_str(ev, "event", ""), "phase") != 0 || !*js_str(ev, "phase", "") || !at) continue;
        if (!strcmp(state, "begin")) drill_time_set(begin(list, ev), "begin", at);
        else if (!strcmp(state, "ok") || !strcmp(state, "red")) end(list, ev, at);
    }
    return list;
}
