/* The waits are computed from what is stored, so a restart forgives nothing. The buckets live in memory only: they bound the
 * work per second, and after a restart there was none yet. */
#include "people/guard.h"

#include <stdio.h>
#include <string.h>

enum { NS = 1000000000, MILLI_NS = NS / 1000 };

int64_t guard_wait_s(int64_t failures, int64_t free, int64_t failed_s, int64_t now_s) {
    if (failures < free) return 0;
    int64_t over = failures - free, wait = over > 6 ? GUARD_WAIT_MAX_S : (int64_t)GUARD_WAIT_S << over;
    if (wait > GUARD_WAIT_MAX_S) wait = GUARD_WAIT_MAX_S;
    if (failed_s > now_s + GUARD_WAIT_MAX_S) return 0; /* by a clock that was wrong: nobody has to wait until it comes true */
    int64_t past = now_s > failed_s ? now_s - failed_s : 0;
    return past < wait ? wait - past : 0;
}

int rates_take(struct rates *r, const char *name, int64_t mono_ns, int64_t per_s, int64_t burst) {
    size_t i = 0, oldest = 0;
    for (; i < RATES && strncmp(r->of[i].name, name, sizeof r->of[i].name - 1) != 0; i++)
        if (r->of[i].at_ns < r->of[oldest].at_ns) oldest = i;
    if (i == RATES) {
        i = oldest;
        snprintf(r->of[i].name, sizeof r->of[i].name, "%s", name);
        r->of[i].at_ns = mono_ns, r->of[i].left = burst * 1000;
    }
    int64_t past = mono_ns - r->of[i].at_ns, full_ns = burst * NS / per_s + NS;
    if (past < 0) past = 0;
    /* What came in since; the remainder below a thousandth is not lost, since the time only moves by what was counted. */
    int64_t more = past >= full_ns ? burst * 1000 : past / MILLI_NS * per_s;
    r->of[i].at_ns = past >= full_ns ? mono_ns : r->of[i].at_ns + past / MILLI_NS * MILLI_NS;
    r->of[i].left = r->of[i].left + more > burst * 1000 ? burst * 1000 : r->of[i].left + more;
    if (r->of[i].left >= 1000) return (void)(r->of[i].left -= 1000), 0;
    return (int)((1000 - r->of[i].left + per_s * 1000 - 1) / (per_s * 1000));
}
