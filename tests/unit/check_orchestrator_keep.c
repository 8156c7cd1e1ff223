/* Retention by plan, against an oracle that looks at every pair of points: no walking, no counting down, periods named by
 * libc. All chance comes from one seed: ZAIBEI_SEED=N plays history N alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep/keep.h"
#include "suite.h"

enum { POINTS = 40, HISTORIES = 100000, DAY_S = 86400 };

static const int64_t now_s = 1795305600; /* 2026-11-22T00:00:00Z, a Sunday */

static uint64_t seed;
static unsigned pick(unsigned n) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)((seed * 2685821657736338717ULL) >> 33) % n;
}

static const struct {
    enum keep_why rule;
    unsigned label;
    const char *name;
} periods[] = {{KEEP_DAILY, LABEL_DAILY, "%F"}, {KEEP_WEEKLY, LABEL_WEEKLY, "%G-%V"},
    {KEEP_MONTHLY, LABEL_MONTHLY, "%Y-%m"}, {KEEP_YEARLY, LABEL_YEARLY, "%Y"}};

static unsigned limit_of(const struct keep_rules *r, unsigned i) {
    return i == 0 ? r->daily : i == 1 ? r->weekly : i == 2 ? r->monthly : r->yearly;
}

static bool newer(const struct keep_point *a, const struct keep_point *b) {
    return a->time_s > b->time_s || (a->time_s == b->time_s && a->number > b->number);
}

static bool counting(const struct keep_point *p) { return p->complete && !p->by_hand && p->time_s <= now_s; }

/* ${of}: the name of each point's period. Chosen: no better one in the period. Kept: fewer than N later periods have any. */
static bool of_period(const struct keep_point *p, size_t n, size_t me, char of[][16], unsigned label, unsigned limit) {
    size_t later = 0;
    if (!limit || !counting(&p[me])) return false;
    for (size_t i = 0; i < n; i++) {
        if (i == me || !counting(&p[i])) continue;
        bool same = !strcmp(of[i], of[me]), mine = p[me].labels & label, its = p[i].labels & label;
        if (same && ((its && !mine) || (its == mine && newer(&p[i], &p[me])))) return false;
        if (same || !newer(&p[i], &p[me])) continue;
        bool first = true; /* the newest of its period stands for it */
        for (size_t k = 0; k < n; k++)
            if (k != i && counting(&p[k]) && !strcmp(of[k], of[i]) && newer(&p[k], &p[i])) first = false;
        later += first;
    }
    return later < limit;
}

static unsigned oracle(
    const struct keep_rules *r, const struct keep_point *p, size_t n, size_t me, char of[4][POINTS][16]) {
    unsigned why = 0, later = 0;
    bool complete_later = false,
         none = !r->last && !r->daily && !r->weekly && !r->monthly && !r->yearly && !r->within_s;
    for (size_t i = 0; i < n; i++) {
        later += counting(&p[i]) && newer(&p[i], &p[me]);
        if (p[i].complete && p[i].time_s <= now_s && newer(&p[i], &p[me])) complete_later = true;
    }
    if (counting(&p[me]) && later < r->last) why |= KEEP_LAST;
    for (unsigned i = 0; i < 4; i++)
        if (of_period(p, n, me, of[i], periods[i].label, limit_of(r, i))) why |= periods[i].rule;
    if (r->within_s && now_s - p[me].time_s < r->within_s) why |= KEEP_WITHIN;
    if (p[me].floor_s > now_s) why |= KEEP_FLOOR;
    if (p[me].pinned_s > now_s) why |= KEEP_PINNED;
    if (p[me].time_s > now_s) why |= KEEP_FUTURE;
    else if (!complete_later) why |= p[me].complete ? KEEP_NEWEST : KEEP_PARTIAL;
    return none ? why | KEEP_NO_RULES : why;
}

static size_t make(struct keep_rules *r, struct keep_point *p) {
    static const unsigned spans[] = {3, 40, 400, 4000};
    size_t n = pick(POINTS + 1);
    unsigned span = spans[pick(4)];
    *r = (struct keep_rules){pick(3) ? pick(6) : 0, pick(3) ? pick(10) : 0, pick(2) ? pick(6) : 0,
        pick(2) ? pick(6) : 0, pick(2) ? pick(4) : 0, pick(4) ? 0 : (int64_t)pick(span * 24) * 3600};
    for (size_t i = 0; i < n; i++) {
        int64_t age = (int64_t)pick(span * 24) * 3600 - (pick(20) ? 0 : 30 * DAY_S);
        p[i] = (struct keep_point){.number = (int64_t)i + 1,
            .time_s = now_s - age,
            .complete = pick(6),
            .by_hand = !pick(6),
            .labels = pick(4) ? 1U << pick(5) : pick(32),
            .floor_s = pick(3) ? 0 : now_s - DAY_S + pick(2 * DAY_S),
            .pinned_s = pick(9) ? 0 : now_s - DAY_S + pick(2 * DAY_S)};
    }
    return n;
}

static void history(uint64_t number, const struct zone *z, int offset_s, unsigned seen[KEEP_WHYS]) {
    struct keep_rules r;
    struct keep_point p[POINTS];
    static char of[4][POINTS][16];
    seed = number * 0x9e3779b97f4a7c15ULL + 1;
    size_t n = make(&r, p);
    keep_judge(&r, z, now_s, p, n);
    for (size_t i = 0; i < n; i++) {
        time_t wall = p[i].time_s + offset_s;
        struct tm tm;
        gmtime_r(&wall, &tm);
        for (unsigned k = 0; k < 4; k++) strftime(of[k][i], 16, periods[k].name, &tm);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned want = oracle(&r, p, n, i, of);
        if (p[i].why != want)
            ck_abort_msg("ZAIBEI_SEED=%llu point %lld: %#x instead of %#x", (unsigned long long)number,
                (long long)p[i].number, p[i].why, want);
        for (unsigned k = 0; k < KEEP_WHYS; k++) seen[k] += want >> k & 1;
    }
}

START_TEST(a_hundred_thousand_histories_are_judged_as_an_oracle_judges_them) {
    static const struct {
        const char *name;
        int offset_s;
    } zones[] = {{"UTC", 0}, {"UTC+08:00", 28800}, {"UTC-11:30", -41400}, {"UTC+05:45", 20700}};
    struct err e = ERR_INIT;
    const char *alone = getenv("ZAIBEI_SEED");
    uint64_t first = alone ? strtoull(alone, NULL, 10) : 1, count = alone ? 1 : HISTORIES;
    unsigned seen[KEEP_WHYS] = {0};
    for (unsigned i = 0; i < 4; i++) {
        struct zone *z = zone_open(zones[i].name, &e);
        ck_assert_ptr_nonnull(z);
        for (uint64_t h = 0; h < count; h++)
            if ((first + h) % 4 == i) history(first + h, z, zones[i].offset_s, seen);
        zone_free(z);
    }
    for (unsigned i = 0; !alone && i < KEEP_WHYS; i++)
        ck_assert_msg(seen[i] > 100, "%s never happened", keep_word(1U << i));
}
END_TEST

/* A year of daily runs, by the rules of an example: what is there at its end, named by hand. */
START_TEST(a_year_leaves_the_last_days_sundays_and_first_days_of_months) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open("UTC", &e);
    struct keep_rules r = {.daily = 3, .weekly = 2, .monthly = 3};
    struct keep_point p[365];
    char kept[400] = "";
    for (int i = 0; i < 365; i++) {
        int64_t day = civil_days(2026, 1, 1) + i, y;
        unsigned m, d;
        civil_date(day, &y, &m, &d);
        p[i] = (struct keep_point){.number = i + 1,
            .time_s = day * DAY_S + 3600,
            .complete = true,
            .labels = LABEL_DAILY | (civil_weekday(day) == 7 ? LABEL_WEEKLY : 0) | (d == 1 ? LABEL_MONTHLY : 0)};
    }
    keep_judge(&r, z, (civil_days(2026, 12, 31) + 1) * DAY_S, p, 365);
    for (int i = 0; i < 365; i++) {
        int64_t y;
        unsigned m, d;
        if (!p[i].why) continue;
        civil_date(p[i].time_s / DAY_S, &y, &m, &d);
        snprintf(kept + strlen(kept), 20, "%u-%u ", m, d);
    }
    ck_assert_str_eq(kept, "10-1 11-1 12-1 12-27 12-29 12-30 12-31 ");
    zone_free(z);
}
END_TEST

START_TEST(partial_points_and_those_made_by_hand_take_nobodys_place) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open("UTC", &e);
    struct keep_rules r = {.last = 2};
    struct keep_point p[] = {
        {.number = 1, .time_s = 1 * DAY_S, .complete = true},
        {.number = 2, .time_s = 2 * DAY_S, .complete = true},
        {.number = 3, .time_s = 3 * DAY_S, .complete = true, .by_hand = true},
        {.number = 4, .time_s = 4 * DAY_S},
        {.number = 5, .time_s = 5 * DAY_S, .complete = true},
        {.number = 6, .time_s = 6 * DAY_S},
        {.number = 7, .time_s = 99 * DAY_S, .complete = true},
    };
    static const unsigned want[] = {0, KEEP_LAST, 0, 0, KEEP_LAST | KEEP_NEWEST, KEEP_PARTIAL, KEEP_FUTURE};
    keep_judge(&r, z, 7 * DAY_S, p, 7);
    for (int i = 0; i < 7; i++) ck_assert_msg(p[i].why == want[i], "point %d: %#x", i + 1, p[i].why);
    zone_free(z);
}
END_TEST

int main(void) {
    Suite *s = suite_create("keep");
    TCase *t = tcase_create("keep");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_hundred_thousand_histories_are_judged_as_an_oracle_judges_them);
    tcase_add_test(t, a_year_leaves_the_last_days_sundays_and_first_days_of_months);
    tcase_add_test(t, partial_points_and_those_made_by_hand_take_nobodys_place);
    suite_add_tcase(s, t);
    return suite_run(s);
}
