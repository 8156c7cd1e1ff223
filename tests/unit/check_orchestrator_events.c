/* Calendar events against two other judges. systemd-analyze where both speak: random expressions, five years, five zones. And
 * an oracle that never searches: it asks for every minute of a stretch of time whether something is to begin then, from the
 * numbers that an expression was written from, with libc's calendar. ZAIBEI_SOAK=1: 10,000 expressions instead of 500. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calendar/calendar.h"
#include "suite.h"

enum { IN_CHECK = 500, IN_SOAK = 10000, BATCH = 25, ITERATIONS = 300, YEARS = 5, DAY_S = 86400 };

static const char *const zones[] = {"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"};

static uint64_t seed;
static unsigned pick(unsigned n) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)((seed * 2685821657736338717ULL) >> 33) % n;
}

static unsigned expressions(void) { return getenv("ZAIBEI_SOAK") ? IN_SOAK : IN_CHECK; }
static int64_t base(void) { return 1704067200 + (int64_t)pick(YEARS * 365) * DAY_S; } /* from 2024-01-01 on */

/* ---- random expressions, and what they mean ---- */

struct meaning {
    bool years[300], months[13], days[32], hours[24], minutes[60], weekdays[8];
    bool from_end;
    enum event_days which;
    char text[EVENT_TEXT_MAX];
};

static void put(char *text, const char *fmt, unsigned a) {
    snprintf(text + strlen(text), EVENT_TEXT_MAX - strlen(text), fmt, a);
}

static void mark(bool *set, unsigned i) { set[i] = true; }

/* One list from ${least} to ${most}; ${set} counts from ${zero}. */
static void random_list(char *text, bool *set, unsigned zero, unsigned least, unsigned most, bool from_end) {
    unsigned members = 1 + (pick(3) ? 0 : pick(3));
    if (from_end && members > 1) most = 19; /* systemd takes 28 in the first member only */
    if (pick(3) == 0 && !from_end) {
        put(text, "*", 0);
        for (unsigned v = least; v <= most; v++) mark(set, v - zero);
        return;
    }
    for (unsigned i = 0; i < members; i++) {
        unsigned a = least + pick(most - least), b = a + 1 + pick(most - a), step = 1 + pick(b - a), how = pick(4);
        if (from_end && how == 1) how = 0;
        if (from_end && how == 3) how = 2;
        if (from_end && a == least) how = 0;
        if (i) put(text, ",", 0);
        put(text, zero ? "%u" : "%02u", a);
        if (how == 1 || how == 3) put(text, "..%u", b);
        if (how == 2 && from_end) step = 1 + pick(a - least);
        if (how >= 2) put(text, "/%u", step);
        if (how == 0) mark(set, a - zero);
        else if (how == 1) step = 1;
        if (how == 2 && from_end)
            for (int v = (int)a; v >= (int)least; v -= (int)step) mark(set, (unsigned)v - zero);
        else if (how)
            for (unsigned v = a; v <= (how == 2 ? most : b); v += step) mark(set, v - zero);
    }
}

static void random_days(struct meaning *m, bool words) {
    static const char *const names[] = {"", "mon", "Tue", "wednesday", "thu", "fri", "Sat", "SUNDAY"};
    static const char *const special[] = {
        "", "workday ", "holiday ", "first-workday-of-month ", "last-workday-of-month "};
    m->which = words ? pick(5) : EVENT_ANY;
    for (unsigned i = 1; i <= 7; i++) m->weekdays[i] = true;
    if (m->which) put(m->text, special[m->which], 0);
    if (m->which || pick(2)) return;
    memset(m->weekdays, 0, sizeof m->weekdays);
    for (unsigned i = 0, n = 1 + pick(2); i < n; i++) {
        unsigned a = 1 + pick(7), b = a + pick(8 - a);
        put(m->text, i ? "," : "", 0);
        put(m->text, names[a], 0);
        if (b > a) put(m->text, "..", 0), put(m->text, names[b], 0);
        for (; a <= b; a++) m->weekdays[a] = true;
    }
    put(m->text, pick(4) ? " " : "  ", 0);
}

static void random_date(struct meaning *m) {
    unsigned how = pick(3); /* none, month and day, all */
    for (unsigned i = 0; i < 300; i++) m->years[i] = how < 2;
    for (unsigned i = 1; i <= 12; i++) m->months[i] = how == 0;
    for (unsigned i = 1; i <= 31; i++) m->days[i] = how == 0;
    if (how == 0) return;
    if (how == 2) random_list(m->text, m->years, 1970, 2023, 2032, false), put(m->text, "-", 0);
    random_list(m->text, m->months, 0, 1, 12, false);
    m->from_end = pick(3) == 0;
    put(m->text, m->from_end ? "~" : "-", 0);
    random_list(m->text, m->days, 0, 1, m->from_end ? 28 : 31, m->from_end);
    put(m->text, " ", 0);
}

static struct meaning random_event(bool words) {
    struct meaning m = {.text = ""};
    random_days(&m, words);
    random_date(&m);
    if (pick(2)) {
        random_list(m.text, m.hours, 0, 0, 23, false);
        put(m.text, ":", 0);
        random_list(m.text, m.minutes, 0, 0, 59, false);
    } else {
        unsigned hour = pick(24), minute = pick(60);
        put(m.text, "%02u:", hour), put(m.text, "%02u", minute);
        m.hours[hour] = m.minutes[minute] = true;
    }
    if (pick(5) == 0) put(m.text, ":00", 0);
    return m;
}

static struct schedule schedule_of(struct planned *p, const char *text) {
    *p = (struct planned){.kind = RUN_INCREMENTAL, .labels = LABEL_DAILY, .len_min = 60};
    const char *why = event_parse(text, &p->when);
    ck_assert_msg(!why, "%s: %s", text, why);
    return (struct schedule){.events = p, .events_n = 1, .window_len_min = 60};
}

/* ---- systemd ---- */

/* Whether ${at} is the end of a gap: clocks go forward just then. */
static bool gap_ends(const struct zone *z, int64_t at) { return zone_offset(z, at) > zone_offset(z, at - 1); }

static FILE *systemd(const char *zone, int64_t from, int iterations, char text[][EVENT_TEXT_MAX], unsigned n) {
    char cmd[BATCH * (EVENT_TEXT_MAX + 4) + 200];
    snprintf(cmd, sizeof cmd, "TZ=%s LC_ALL=C exec systemd-analyze calendar --iterations=%d --base-time=@%lld", zone,
        iterations, (long long)from);
    for (unsigned i = 0; i < n; i++) strcat(cmd, " '"), strcat(cmd, text[i]), strcat(cmd, "'");
    strcat(cmd, " 2>/dev/null");
    FILE *f = popen(cmd, "r");
    ck_assert_ptr_nonnull(f);
    return f;
}

/* A line with a time in UTC: its instant; 0: another line. */
static int64_t instant(const char *line) {
    struct tm tm = {.tm_year = 0};
    const char *at = strstr(line, "(in UTC): ");
    if (!at) at = strstr(line, "Next elapse: ");
    if (!at) at = strstr(line, "Iter. #");
    if (!at || !(at = strchr(at + 8, ':')) || !strstr(line, " UTC")) return 0;
    return sscanf(at + 1, " %*s %d-%d-%d %d:%d:%d UTC", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) == 6
        ? (tm.tm_year -= 1900, tm.tm_mon--, timegm(&tm))
        : 0;
}

static unsigned judged, compared, asked_again;

/* systemd loses a run where the step before it leads into the next hour, day, month or year (its issues 22665 and 40260).
 * Asked a second before, it knows of it, unless that second is of another hour: then only the oracle below judges it. */
static bool confirms(const char *zone, char text[EVENT_TEXT_MAX], int64_t at) {
    char line[300];
    int64_t said = 0;
    FILE *f = strchr(text, '/') ? systemd(zone, at - 1, 1, (char(*)[EVENT_TEXT_MAX])text, 1) : NULL;
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "(in UTC)") || (!said && strstr(line, "Next elapse")))
            said = instant(line) ? instant(line) : said;
    asked_again++;
    return f && pclose(f) == 0 && (said == at || at % 1800 == 0);
}

/* Our next run after *at is ${theirs}; before it may be one at the end of a gap, which systemd leaves out. */
static void agree(const char *zone, const struct zone *z, char text[EVENT_TEXT_MAX], int64_t *at, int64_t theirs) {
    struct planned p;
    struct run run;
    struct schedule s = schedule_of(&p, text);
    theirs = zone_utc(z, theirs + zone_offset(z, theirs)); /* a minute that comes twice is one run: the first */
    do {
        ck_assert_msg(
            calendar_next(&s, z, NULL, *at, &run), "%s in %s: nothing after %lld", text, zone, (long long)*at);
        *at = run.start_s;
    } while (run.start_s < theirs && (gap_ends(z, run.start_s) || confirms(zone, text, run.start_s)));
    if (run.start_s != theirs)
        ck_abort_msg("%s in %s: %lld instead of %lld", text, zone, (long long)run.start_s, (long long)theirs);
    compared++;
}

/* The expression that the following lines are about, from ${now} on; ${now} when the line does not begin with one. */
static int about(const char *line, char text[BATCH][EVENT_TEXT_MAX], int now) {
    const char *form = strstr(line, " form: ");
    for (int k = now + 1; form && k < BATCH; k++)
        if (!strncmp(form + 7, text[k], strlen(text[k])) && form[7 + strlen(text[k])] == '\n') return k;
    return now;
}

static void batch(const char *zone, char text[BATCH][EVENT_TEXT_MAX]) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open(zone, &e);
    int64_t from = base(), at = from, got;
    char line[300];
    FILE *f = systemd(zone, from, getenv("ZAIBEI_SOAK") ? YEARS * 366 : ITERATIONS, text, BATCH);
    ck_assert_ptr_nonnull(z);
    for (int now = -1, next; fgets(line, sizeof line, f); now = next) {
        next = about(line, text, now);
        if (next > now) at = from, judged++;
        else if ((got = instant(line))) agree(zone, z, text[now], &at, got);
    }
    (void)pclose(f);
    zone_free(z);
}

START_TEST(random_expressions_mean_what_systemd_says) {
    char text[BATCH][EVENT_TEXT_MAX];
    if (system("systemd-analyze --version >/dev/null 2>&1") != 0) not_run("systemd-analyze is not installed");
    unsigned n = expressions();
    for (unsigned i = 0; i < n; i += BATCH) {
        seed = 77 + i;
        for (unsigned k = 0; k < BATCH; k++) {
            struct meaning m = random_event(false);
            memcpy(text[k], m.text, sizeof text[k]);
        }
        batch(zones[i / BATCH % 5], text);
    }
    printf("%u of %u expressions judged by systemd (of the others it says \"infinite loop\"), %u runs agree; asked "
           "again %u "
           "times\n",
        judged, n, compared, asked_again);
    ck_assert_uint_gt(judged * 50, n * 49);
    ck_assert_uint_gt(compared, n * 20);
}
END_TEST

/* ---- every minute ---- */

static bool begins(const struct meaning *m, const struct workdays *t, int64_t wall) {
    time_t at = wall;
    struct tm tm;
    gmtime_r(&at, &tm);
    if (!m->minutes[tm.tm_min] || !m->hours[tm.tm_hour]) return false;
    struct tm next = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 1};
    int64_t day = (wall - (wall % DAY_S + DAY_S) % DAY_S) / DAY_S;
    int len = (int)(timegm(&next) / DAY_S - (day - tm.tm_mday + 1));
    if (!m->years[tm.tm_year - 70] || !m->months[tm.tm_mon + 1] || !m->weekdays[tm.tm_wday ? tm.tm_wday : 7])
        return false;
    int counted = m->from_end ? len - tm.tm_mday + 1 : tm.tm_mday;
    if (!m->days[counted]) return false;
    if (m->which == EVENT_ANY) return true;
    if (m->which == EVENT_HOLIDAY) return !workdays_is(t, day);
    if (!workdays_is(t, day)) return false;
    int from = m->which == EVENT_FIRST_WORKDAY ? 1 : tm.tm_mday + 1,
        upto = m->which == EVENT_LAST_WORKDAY ? len : tm.tm_mday - 1;
    for (int d = from; m->which != EVENT_WORKDAY && d <= upto; d++)
        if (workdays_is(t, day - tm.tm_mday + d)) return false;
    return true;
}

/* Whether a run begins at this instant: the wall shows such a minute for the first time, or a gap that has one ends. */
static bool due(const struct meaning *m, const struct zone *z, const struct workdays *t, int64_t at) {
    int64_t was = zone_offset(z, at - 60), is = zone_offset(z, at);
    if (is > was)
        for (int64_t wall = at + was; wall < at + is; wall += 60)
            if (begins(m, t, wall)) return true;
    if (!begins(m, t, at + is)) return false;
    for (int64_t before = at - 60; before >= at - 2 * 3600; before -= 60)
        if (before + zone_offset(z, before) == at + is) return false; /* for the second time */
    return true;
}

static unsigned minutes_played, starts_seen;

static void every_minute(
    const struct meaning *m, const struct zone *z, const struct workdays *t, int64_t from, int days) {
    struct planned p;
    struct schedule s = schedule_of(&p, m->text);
    struct run run;
    int64_t end = from + (int64_t)days * DAY_S;
    bool any = calendar_next(&s, z, t, from - 1, &run);
    for (int64_t at = from; at < end; at += 60) {
        bool want = due(m, z, t, at), got = any && run.start_s == at;
        if (want != got) ck_abort_msg("\"%s\" at %lld: %s", m->text, (long long)at, want ? "missed" : "not due");
        if (got) starts_seen++, any = calendar_next(&s, z, t, at, &run);
    }
    minutes_played += (unsigned)days * 1440;
}

static struct workdays *table(void) {
    size_t n;
    struct err e = ERR_INIT;
    const char *text = workdays_first(&n);
    struct workdays *t = workdays_parse("first", text, n, &e);
    ck_assert_msg(t, "%s: %s", e.object, e.msg);
    return t;
}

/* faults: D3 D4 */
START_TEST(what_begins_in_every_minute_of_random_stretches_is_what_was_written) {
    static const char *const changes[] = {"2024-03-31", "2025-10-26", "2026-04-05", "2026-10-04"};
    struct err e = ERR_INIT;
    struct workdays *t = table();
    unsigned n = expressions();
    for (unsigned i = 0; i < n; i++) {
        seed = 991 + i;
        struct meaning m = random_event(true);
        struct zone *z = zone_open(zones[i % 5], &e);
        ck_assert_ptr_nonnull(z);
        int64_t from = base();
        if (i % 2) { /* about the days on which clocks change somewhere */
            struct tm tm = {.tm_year = 0};
            ck_assert_ptr_nonnull(strptime(changes[i / 2 % 4], "%F", &tm));
            from = timegm(&tm) - 2 * DAY_S;
        }
        every_minute(&m, z, t, from, 40);
        zone_free(z);
    }
    workdays_free(t);
    printf("%u minutes looked at, %u runs\n", minutes_played, starts_seen);
    ck_assert_uint_gt(starts_seen, n);
}
END_TEST

static const char *const refused[] = {"", " ", "02:00 UTC", "daily", "weekly", "25:00", "02:60", "2:00:30",
    "mon tue 02:00", "mon, tue 02:00", "fri..mon 02:00", "mun 02:00", "*-*-32 02:00", "*-13-01 02:00", "*-*-00 02:00",
    "*-*-1/31 02:00", "*-*~29 02:00", "*-*~05..02 02:00", "*-*~* 02:00", "26-01-01 02:00", "1969-01-01 02:00",
    "2200-01-01 02:00", "*:5..4", "*:0/0", "*:0/60", "*:*/5", "*-*-1 02:00 x", "02:00 mon", "workday",
    "workday,mon 02:00", "mon..fri", "*-*-*", "~1 02:00", "1,,2:00", "1,:00", "*-*-1,2, 02:00", "workdays 02:00",
    "mon..fri  *-*-*  02", "\t02:00", "02:00\n", "二 02:00"};

START_TEST(what_is_not_in_the_subset_is_refused_with_what_was_expected) {
    struct event ev;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *why = event_parse(refused[i], &ev);
        ck_assert_msg(why && !strncmp(why, "expected ", 9), "\"%s\": %s", refused[i], why ? why : "taken");
    }
    char longer[EVENT_TEXT_MAX + 10];
    memset(longer, ' ', sizeof longer);
    strcpy(longer + sizeof longer - 6, "02:00");
    ck_assert_ptr_nonnull(event_parse(longer, &ev));
}
END_TEST

int main(void) {
    Suite *s = suite_create("events");
    TCase *t = tcase_create("events");
    tcase_set_timeout(t, 3600);
    tcase_add_test(t, random_expressions_mean_what_systemd_says);
    tcase_add_test(t, what_begins_in_every_minute_of_random_stretches_is_what_was_written);
    tcase_add_test(t, what_is_not_in_the_subset_is_refused_with_what_was_expected);
    suite_add_tcase(s, t);
    return suite_run(s);
}
