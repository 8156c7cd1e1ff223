/* The life of plans: the table against the page that tells people of it, each state × each act in a real catalog by different
 * people, and what follows from each act. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents.h"
#include "audit.h"
#include "make_orchestrator_plan.h"
#include "plan/deadline.h"
#include "scheduler.h"
#include "suite.h"
#include "sys/file.h"

#define PLAN(rest)                                                                                         \
    "name: p\nsystem: s\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental}\n" rest "\n" \
    "schedule: {zone: UTC, window: \"01:00-05:00\"}\n"
#define LEN(a) (sizeof(a) / sizeof *(a))

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64];
static const char *argv[] = {"sh", "-c", "while read -r l; do echo '{\"ok\":true}'; done", NULL};
static struct config cfg;
static struct daemon d;
static const struct principal other_office = {.id = 3, .name = "wang", .roles = ROLE_OFFICE};
static const struct retirement dropped = {.reason = "over"};

static void setup(void) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_life.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = civil_days(2026, 11, 23) * 86400; /* a Monday, 00:00 UTC */
    cfg = (struct config){.zone = "UTC", .call_in_s = 60, .deadlines = {2, 3, 5}};
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
}

static void teardown(void) {
    char cmd[100];
    control_release(&d.control);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* ---- acts: 0, or the number of the error ---- */

static unsigned submit_as(const struct principal *who, const char *text, bool draft) {
    struct plan p;
    struct version v;
    struct err e = ERR_INIT;
    ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) == 0, "%s", e.msg);
    unsigned id = decide_submit(&d, who, &p, text, draft, &v, &e) == 0 ? 0 : e.id;
    plan_free(&p);
    return id;
}

static unsigned act_as(const struct principal *who, enum life_act act) {
    struct version v;
    struct err e = ERR_INIT;
    int rc = act == LIFE_RETIRE ? decide_retire(&d, who, "p", &dropped, &v, &e)
                                : decide_act(&d, who, act, "p", 0, "because", &v, &e);
    return rc == 0 ? 0 : e.id;
}

static struct version get(int64_t which) {
    struct version v;
    db_begin(d.db);
    version_get(d.db, "p", which, &v);
    db_abort(d.db);
    return v;
}

static int64_t number(const char *sql) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

static void add_job(void) {
    struct err e = ERR_INIT;
    struct job j = {.plan_version = 1,
        .host = "h",
        .plan = "p",
        .kind = "full",
        .labels = "daily",
        .origin = "calendar",
        .state = "queued",
        .due_ns = now_s * NS_PER_S};
    db_begin(d.db);
    job_add(d.db, &j);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

/* ---- the table and the page ---- */

static void state_title(int s, char *out) { sprintf(out, "%s%s", life_name(s), life_leaving(s) ? ", leaving" : ""); }

START_TEST(the_page_shows_the_table_of_states_and_acts) {
    char want[8000], line[400], cell[64];
    struct buf page;
    struct err e = ERR_INIT;
    size_t n = (size_t)sprintf(want, "| state |");
    for (int a = 0; a < LIFE_ACTS; a++) n += (size_t)sprintf(want + n, " %s |", life_act_name(a));
    n += (size_t)sprintf(want + n, "\n|");
    for (int a = 0; a <= LIFE_ACTS; a++) n += (size_t)sprintf(want + n, " --- |");
    for (int s = 0; s < LIFE_STATES; s++) {
        state_title(s, cell);
        n += (size_t)sprintf(want + n, "\n| %s |", cell);
        for (int a = 0; a < LIFE_ACTS; a++) {
            int to = life_next(s, a);
            if (to >= 0) state_title(to, cell);
            n += (size_t)sprintf(want + n, to >= 0 ? " %s |" : " |", cell);
        }
    }
    snprintf(line, sizeof line, "%s/docs/PLANS.md", getenv("ZAIBEI_ROOT") ? getenv("ZAIBEI_ROOT") : ".");
    buf_init(&page, 1 << 20);
    ck_assert_msg(file_load(AT_FDCWD, line, 1 << 20, &page, &e) == 0, "%s: %s", line, e.msg);
    buf_u8(&page, 0);
    ck_assert_msg(strstr((char *)page.p, want), "docs/PLANS.md does not show:\n%s", want);
    buf_free(&page);
}
END_TEST

START_TEST(every_state_has_its_word_and_comes_back_from_it) {
    for (int s = 1; s < LIFE_STATES; s++) ck_assert_int_eq(life_of(life_name(s), life_leaving(s)), s);
    ck_assert_int_eq(life_of("draft", true), LIFE_DRAFT);
    ck_assert_int_eq(life_of("nonsense", false), LIFE_NONE);
    ck_assert_int_lt(life_next(LIFE_STATES, LIFE_SUBMIT), 0);
    ck_assert_int_lt(life_next(LIFE_DRAFT, LIFE_ACTS), 0);
}
END_TEST

/* ---- each state × each act ---- */

#define FIRST PLAN("retention_days: 30")
#define SECOND PLAN("retention_days: 60")

/* How a plan comes to each state; -1 ends. zhang applies, li decides. */
static const int ways[LIFE_STATES][8] = {
    [LIFE_NONE] = {-1},
    [LIFE_DRAFT] = {LIFE_SAVE, -1},
    [LIFE_SUBMITTED] = {LIFE_SUBMIT, -1},
    [LIFE_REVIEWED] = {LIFE_SUBMIT, LIFE_REVIEW, -1},
    [LIFE_APPROVED] = {-2}, /* never at rest */
    [LIFE_ACTIVE] = {LIFE_SUBMIT, LIFE_REVIEW, LIFE_APPROVE, -1},
    [LIFE_SUSPENDED] = {LIFE_SUBMIT, LIFE_REVIEW, LIFE_APPROVE, LIFE_SUSPEND, -1},
    [LIFE_ACTIVE_LEAVING] = {LIFE_SUBMIT, LIFE_REVIEW, LIFE_APPROVE, LIFE_RETIRE, -1},
    [LIFE_SUSPENDED_LEAVING] = {LIFE_SUBMIT, LIFE_REVIEW, LIFE_APPROVE, LIFE_SUSPEND, LIFE_RETIRE, -1},
    [LIFE_SUPERSEDED] = {-2}, /* a newer one is there, which the acts are then about */
    [LIFE_REJECTED] = {LIFE_SUBMIT, LIFE_REJECT, -1},
    [LIFE_WITHDRAWN] = {LIFE_SUBMIT, LIFE_WITHDRAW, -1},
    [LIFE_RETIRED] = {LIFE_SUBMIT, LIFE_REVIEW, LIFE_APPROVE, LIFE_RETIRE, LIFE_APPROVE, -1},
};

static unsigned act_of(int act, const char *text) {
    bool decides = act == LIFE_REVIEW || act == LIFE_APPROVE || act == LIFE_REJECT;
    if (act == LIFE_SAVE || act == LIFE_SUBMIT) return submit_as(&plan_applicant, text, act == LIFE_SAVE);
    return act_as(decides ? &plan_office : &plan_applicant, act);
}

static void bring_to(int state) {
    for (const int *a = ways[state]; *a >= 0; a++) ck_assert_uint_eq(act_of(*a, FIRST), 0);
    ck_assert_int_eq(get(VERSION_NEWEST).state, state);
}

START_TEST(every_state_allows_just_the_acts_of_the_table) {
    for (int a = 0; a < LIFE_ACTS; a++) {
        if (ways[_i][0] == -2 || a == LIFE_ENACT || a == LIFE_REPLACE) continue; /* zaibeid's own have no door */
        bring_to(_i);
        int to = life_next(_i, a);
        int64_t records = number("SELECT count(*) FROM audit"), steps = number("SELECT count(*) FROM plan_steps");
        unsigned id = act_of(a, SECOND), expected = to >= 0 ? 0 : _i == LIFE_NONE ? ZE_NOTFOUND : ZE_PLANSTATE;
        ck_assert_msg(id == expected, "%s, %s: ZB-%u", life_name(_i), life_act_name(a), id);
        int seen = get(VERSION_NEWEST).state;
        if (to == LIFE_APPROVED) to = LIFE_ACTIVE;
        ck_assert_msg(seen == (to < 0 ? _i : to), "%s, %s: %s", life_name(_i), life_act_name(a), life_name(seen));
        /* With its record, or without a trace. */
        ck_assert_int_eq(number("SELECT count(*) FROM audit") > records, to >= 0);
        ck_assert_int_eq(number("SELECT count(*) FROM plan_steps") > steps, to >= 0);
        teardown();
        setup();
    }
}
END_TEST

/* ---- who ---- */

START_TEST(nobody_decides_on_what_they_submitted) {
    static const struct principal both = {.id = 7, .name = "both", .roles = ROLE_APPLICANT | ROLE_OFFICE};
    static const int decisions[] = {LIFE_REVIEW, LIFE_REJECT, LIFE_APPROVE};
    ck_assert_uint_eq(submit_as(&both, FIRST, false), 0);
    ck_assert_uint_eq(act_as(&both, LIFE_REVIEW), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&both, LIFE_REJECT), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&both, LIFE_APPROVE), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0); /* who reviewed may approve */
    /* The end: who asked for it counts, not who submitted the version. */
    ck_assert_uint_eq(act_as(&plan_office, LIFE_RETIRE), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REJECT), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&both, LIFE_APPROVE), 0);
    /* A draft that somebody else submits is theirs. */
    ck_assert_uint_eq(submit_as(&plan_applicant, SECOND, true), 0);
    ck_assert_uint_eq(submit_as(&both, SECOND, false), 0);
    for (size_t i = 0; i < LEN(decisions); i++)
        if (decisions[i] != LIFE_APPROVE) ck_assert_uint_eq(act_as(&both, decisions[i]), ZE_OWNPLAN);
    cfg.people_off = true;
    ck_assert_uint_eq(act_as(&both, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&both, LIFE_APPROVE), 0);
}
END_TEST

START_TEST(a_department_neither_sees_nor_writes_the_plans_of_another) {
    static const struct principal a = {.id = 8, .name = "a", .department = "甲局", .roles = ROLE_APPLICANT},
                                  b = {.id = 9, .name = "b", .department = "乙局", .roles = ROLE_APPLICANT};
    struct order o;
    struct err e = ERR_INIT;
    ck_assert_uint_eq(submit_as(&a, PLAN("department: 乙局"), false), ZE_REFUSED);
    ck_assert_uint_eq(submit_as(&a, PLAN("department: 甲局"), false), 0);
    ck_assert_uint_eq(submit_as(&b, PLAN("department: 乙局"), false), ZE_EXISTS);
    ck_assert_uint_eq(act_as(&b, LIFE_WITHDRAW), ZE_NOTFOUND);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0); /* the office belongs to none and sees all */
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_uint_eq(act_as(&b, LIFE_SUSPEND), ZE_NOTFOUND);
    ck_assert_uint_eq(act_as(&b, LIFE_RETIRE), ZE_NOTFOUND);
    ck_assert_uint_eq(act_as(&a, LIFE_RETIRE), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_int_lt(decide_order(&d, &b, 1, "", &o, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
    ck_assert_int_eq(decide_order(&d, &a, 1, "done", &o, &e), 0);
    ck_assert_str_eq(o.done_by, "a");
    ck_assert_int_lt(decide_order(&d, &a, 1, "again", &o, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTHING);
}
END_TEST

START_TEST(a_decision_is_about_the_version_that_was_looked_at) {
    struct version v;
    struct err e = ERR_INIT;
    plan_force(&d, FIRST);
    ck_assert_uint_eq(submit_as(&plan_applicant, SECOND, false), 0);
    ck_assert_int_lt(decide_act(&d, &plan_office, LIFE_REVIEW, "p", 1, "", &v, &e), 0);
    ck_assert_int_eq(e.id, ZE_PLANCHANGED);
    ck_assert_int_eq(decide_act(&d, &plan_office, LIFE_REVIEW, "p", 2, "", &v, &e), 0);
    ck_assert_int_lt(decide_act(&d, &plan_office, LIFE_REJECT, "p", 2, "", &v, &e), 0); /* without a reason */
    ck_assert_int_eq(e.id, ZE_USAGE);
    char *longer = calloc(1, LIFE_TEXT_MAX + 2);
    memset(longer, 'x', LIFE_TEXT_MAX + 1);
    ck_assert_int_lt(decide_act(&d, &plan_office, LIFE_APPROVE, "p", 2, longer, &v, &e), 0);
    ck_assert_int_eq(e.id, ZE_USAGE);
    free(longer);
}
END_TEST

/* ---- what follows ---- */

START_TEST(a_change_takes_the_place_of_the_version_in_force_when_it_is_approved) {
    plan_force(&d, FIRST);
    ck_assert_uint_eq(submit_as(&plan_applicant, FIRST, false), ZE_NOTHING);
    ck_assert_uint_eq(submit_as(&plan_applicant, SECOND, false), 0);
    ck_assert_uint_eq(submit_as(&plan_applicant, SECOND, false), ZE_NOTHING);
    ck_assert_uint_eq(submit_as(&plan_applicant, FIRST, false), ZE_PLANSTATE);
    ck_assert_int_eq(get(VERSION_IN_FORCE).version, 1);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_int_eq(get(VERSION_IN_FORCE).version, 1);
    ck_assert_uint_eq(act_as(&other_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(VERSION_IN_FORCE).version, 2);
    ck_assert_int_eq(get(1).state, LIFE_SUPERSEDED);
    db_begin(d.db);
    char *text = version_text(d.db, "p", 1);
    db_abort(d.db);
    ck_assert_str_eq(text, FIRST);
    free(text);
    /* A suspended plan stays suspended by its next version. */
    ck_assert_uint_eq(act_as(&plan_applicant, LIFE_SUSPEND), 0);
    ck_assert_uint_eq(submit_as(&plan_applicant, FIRST, false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(VERSION_IN_FORCE).version, 3);
    ck_assert_int_eq(get(3).state, LIFE_SUSPENDED);
}
END_TEST

/* Whether a host gets a job now: first what the calendar queues, then one that waits already. */
static bool runs(void) {
    struct err e = ERR_INIT;
    struct scheduler *s = scheduler_new(&d);
    static const char q[] = "{\"op\":\"call-in\",\"version\":\"1\",\"busy\":false}";
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    scheduler_free(s);
    if (!number("SELECT count(*) FROM jobs WHERE state='queued'")) add_job(); /* one that slipped in */
    char *text = agents_answer(&d, "h", q, strlen(q));
    struct js *j = js_parse(text, strlen(text), "zaibeid", &e);
    bool any = js_count(js_get(j, "jobs")) > 0;
    js_free(j);
    free(text);
    return any;
}

START_TEST(nothing_runs_that_is_not_approved) {
    if (ways[_i][0] == -2) return;
    bring_to(_i);
    now_s += 2 * 3600; /* in the window */
    bool active = _i == LIFE_ACTIVE || _i == LIFE_ACTIVE_LEAVING;
    ck_assert_int_eq(runs(), active);
    static const char skipped[] =
        "SELECT count(*) FROM jobs WHERE state='skipped' AND err_msg='no version of its plan is active'";
    ck_assert_int_eq(number(skipped), !active);
}
END_TEST

START_TEST(a_change_on_its_way_does_not_touch_what_runs) {
    plan_force(&d, FIRST);
    ck_assert_uint_eq(submit_as(&plan_applicant, PLAN("retention_days: 1"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    now_s += 2 * 3600;
    ck_assert(runs());
    ck_assert_int_eq(number("SELECT plan_version FROM jobs"), 1);
    ck_assert_int_eq(
        number("SELECT (retain_until_ns-lease_ns)/86400000000000 FROM jobs"), 29); /* 30 days less a lease */
}
END_TEST

START_TEST(suspended_plans_skip_what_waits_and_do_not_miss_what_fell_into_the_pause) {
    struct err e = ERR_INIT;
    struct scheduler *s = scheduler_new(&d);
    plan_force(&d, FIRST);
    now_s += 2 * 3600;
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs WHERE state='queued'"), 1);
    ck_assert_uint_eq(act_as(&plan_applicant, LIFE_SUSPEND), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs WHERE state='skipped' AND err_msg<>''"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE act='job.skipped' AND who='zaibeid'"), 1);
    now_s += (int64_t)10 * 86400;
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    ck_assert_uint_eq(act_as(&plan_applicant, LIFE_RESUME), 0);
    now_s += 3600;
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs"), 1); /* neither queued nor missed */
    now_s += 86400 - 2 * 3600;
    ck_assert_int_eq(scheduler_tick(s, &e), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs WHERE state='queued'"), 1);
    scheduler_free(s);
}
END_TEST

static const char *orders(void) {
    static char out[200];
    size_t n;
    *out = 0;
    db_begin(d.db);
    struct order *list = orders_list(d.db, "p", "", true, 0, 10, &n);
    db_abort(d.db);
    for (size_t i = 0; i < n; i++) strcat(strcat(out, list[i].kind), " ");
    free(list);
    return out;
}

START_TEST(a_retirement_does_what_was_answered) {
    static const struct {
        struct retirement r;
        bool drop;
        const char *orders;
    } rows[] = {
        {{true, true, true, "over"}, false, "keep-vm-files "},
        {{true, true, false, "over"}, false, "hand-over-vm-files hand-over-backups "},
        {{true, false, true, "over"}, false, "remove-vm-files "},
        {{true, false, false, "over"}, false, "remove-vm-files hand-over-backups "},
        {{false, true, true, "over"}, true, "keep-vm-files "},
        {{false, true, false, "over"}, true, "hand-over-vm-files "},
        {{false, false, false, "over"}, true, "remove-vm-files "},
    };
    struct version v;
    struct err e = ERR_INIT;
    plan_force(&d, FIRST);
    add_job();
    ck_assert_int_eq(decide_retire(&d, &plan_applicant, "p", &rows[_i].r, &v, &e), 0);
    ck_assert_str_eq(orders(), ""); /* nothing before it is approved */
    ck_assert(!get(1).drop_points);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs WHERE state='queued'"), 1);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_str_eq(orders(), rows[_i].orders);
    ck_assert_int_eq(get(1).drop_points, rows[_i].drop);
    ck_assert_int_eq(number("SELECT count(*) FROM jobs WHERE state='skipped'"), 1);
    ck_assert_int_eq(get(VERSION_IN_FORCE).version, 0);
    /* The system may come back: a new version of the same name. */
    ck_assert_int_eq(plan_force(&d, SECOND), 2);
    ck_assert_int_eq(get(1).state, LIFE_RETIRED);
}
END_TEST

START_TEST(a_plan_for_other_places_is_refused_when_it_is_submitted_and_when_it_is_approved) {
    cfg.location = "dc1";
    ck_assert_uint_eq(submit_as(&plan_applicant, PLAN("locations: [dc2, dc3]"), false), ZE_NOPLACE);
    ck_assert_uint_eq(submit_as(&plan_applicant, PLAN("locations: [dc2, dc1]"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    cfg.location = "dc4";
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), ZE_NOPLACE);
    ck_assert_int_eq(get(1).state, LIFE_REVIEWED);
    cfg.location = NULL; /* not said: nothing to hold against it */
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
}
END_TEST

/* R2 */
START_TEST(two_people_approve_where_the_plan_asks_for_two) {
    static const struct principal third = {.id = 4, .name = "zhao", .roles = ROLE_OFFICE | ROLE_APPLICANT};
    ck_assert_uint_eq(submit_as(&third, PLAN("approvals: 2"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&third, LIFE_APPROVE), ZE_OWNPLAN);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(1).state, LIFE_REVIEWED);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), ZE_SAMEPERSON);
    ck_assert_uint_eq(act_as(&third, LIFE_APPROVE), ZE_OWNPLAN);
    ck_assert_int_eq(get(1).state, LIFE_REVIEWED);
    ck_assert_uint_eq(act_as(&other_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(1).state, LIFE_ACTIVE);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE act='plan.approve'"), 2);
    /* A change that would do with one is made under the rule that holds; a rejection needs one. */
    ck_assert_uint_eq(submit_as(&third, PLAN("reason: less"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(2).state, LIFE_REVIEWED);
    ck_assert_uint_eq(act_as(&other_office, LIFE_REJECT), 0);
    ck_assert_uint_eq(submit_as(&third, PLAN("reason: even less"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0); /* what was said of the one before does not count */
    ck_assert_int_eq(get(3).state, LIFE_REVIEWED);
    ck_assert_uint_eq(act_as(&other_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(3).state, LIFE_ACTIVE);
}
END_TEST

START_TEST(two_people_approve_a_retirement_too_and_one_is_enough_where_people_are_off) {
    ck_assert_uint_eq(submit_as(&plan_applicant, PLAN("approvals: 2"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_uint_eq(act_as(&other_office, LIFE_APPROVE), 0);
    ck_assert_uint_eq(act_as(&plan_applicant, LIFE_RETIRE), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0); /* approvals of the version are not of its end */
    ck_assert_int_eq(get(1).state, LIFE_ACTIVE_LEAVING);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_SUSPEND), 0); /* asks for nothing anew */
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), ZE_SAMEPERSON);
    ck_assert_uint_eq(act_as(&other_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(1).state, LIFE_RETIRED);
    cfg.people_off = true;
    ck_assert_uint_eq(submit_as(&plan_applicant, PLAN("approvals: 2\nreason: again"), false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    ck_assert_int_eq(get(2).state, LIFE_ACTIVE);
}
END_TEST

/* ---- deadlines ---- */

static void life(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(life_tick(&d, &e) == 0, "%s", e.msg);
}

#define OVERDUE "SELECT count(*) FROM notices WHERE kind='plan.overdue' AND resolved=0"
#define ENDED "SELECT count(*) FROM notices WHERE kind='plan.overdue' AND resolved=1"

START_TEST(what_waits_too_long_is_said_each_week_until_it_ends) {
    now_s = civil_days(2026, 11, 27) * 86400 + 3600; /* a Friday; two working days: until the end of Tuesday */
    ck_assert_uint_eq(submit_as(&plan_applicant, FIRST, false), 0);
    now_s = civil_days(2026, 12, 2) * 86400 - 1;
    life();
    ck_assert_int_eq(number(OVERDUE), 0);
    now_s += 1;
    life();
    life();
    ck_assert_int_eq(number(OVERDUE), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE act='plan.overdue'"), 1);
    now_s += 7 * 86400 - 1;
    life();
    ck_assert_int_eq(number(OVERDUE), 1);
    now_s += 1;
    life();
    life();
    ck_assert_int_eq(number(OVERDUE), 2);
    ck_assert_int_eq(number(ENDED), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0); /* Wednesday the 9th; approval until the end of Monday */
    life();
    life();
    ck_assert_int_eq(number(ENDED), 1);
    now_s = civil_days(2026, 12, 15) * 86400 - 1;
    life();
    ck_assert_int_eq(number(OVERDUE), 2);
    now_s += 1;
    life();
    ck_assert_int_eq(number(OVERDUE), 3);
    ck_assert_int_eq(number(ENDED), 1);
}
END_TEST

START_TEST(an_order_that_waits_is_said_until_it_is_confirmed) {
    struct err e = ERR_INIT;
    struct order o;
    struct version v = {.name = "p", .version = 1};
    now_s = civil_days(2026, 11, 27) * 86400;
    db_begin(d.db);
    order_add(d.db, &v, "hand-over-backups", now_s * NS_PER_S);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    for (int week = 0; week < 3; week++) { /* five working days: until the end of Friday */
        now_s = (civil_days(2026, 12, 5) + 7 * week) * 86400;
        life();
        ck_assert_int_eq(number(OVERDUE), week + 1);
    }
    ck_assert_int_eq(decide_order(&d, &plan_office, 1, "done", &o, &e), 0);
    now_s += 30 * 86400;
    life();
    life();
    ck_assert_int_eq(number(OVERDUE), 3);
    ck_assert_int_eq(number(ENDED), 1);
}
END_TEST

START_TEST(a_version_is_executed_when_each_host_had_its_first_run_of_it) {
    struct err e = ERR_INIT;
    static const char two[] = "name: p\nsystem: s\nhosts: [h, g]\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n";
    plan_force(&d, two);
    add_job();
    db_begin(d.db);
    db_exec(d.db, "UPDATE jobs SET state='ok'", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    life();
    ck_assert_int_eq(get(1).executed_ns, 0); /* g had none */
    now_s = civil_days(2026, 12, 1) * 86400; /* the Monday after has passed */
    life();
    ck_assert_int_eq(number(OVERDUE), 1);
    add_job();
    db_begin(d.db);
    db_exec(d.db, "UPDATE jobs SET state='partial', host='g' WHERE state='queued'", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    life();
    ck_assert_int_eq(get(1).executed_ns, now_s * NS_PER_S);
    ck_assert_int_eq(number("SELECT count(*) FROM plan_steps WHERE act='execute' AND who='zaibeid'"), 1);
    ck_assert_uint_eq(submit_as(&plan_applicant, FIRST, false), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_REVIEW), 0);
    ck_assert_uint_eq(act_as(&plan_office, LIFE_APPROVE), 0);
    life();
    ck_assert_int_eq(get(2).executed_ns, 0); /* runs of the version before do not count */
}
END_TEST

START_TEST(deadlines_end_with_the_day_of_the_wall) {
    struct err e = ERR_INIT;
    struct zone *z = zone_open("UTC+08:00", &e);
    ck_assert_ptr_nonnull(z);
    int64_t friday = civil_days(2026, 11, 27) * 86400;
    /* 15:59 UTC is Friday there, 16:00 UTC is Saturday. */
    ck_assert_int_eq(deadline_s(friday + 57540, 1, z, NULL), friday + (int64_t)4 * 86400 - 28800);
    ck_assert_int_eq(deadline_s(friday + 57600, 1, z, NULL), friday + (int64_t)4 * 86400 - 28800);
    ck_assert_int_eq(deadline_s(friday + 57540 - 86400, 1, z, NULL), friday + 86400 - 28800);
    size_t n;
    const char *first = workdays_first(&n);
    struct workdays *t = workdays_parse("first", first, n, &e);
    ck_assert_ptr_nonnull(t);
    int64_t before = civil_days(2026, 9, 30) * 86400; /* a Wednesday; the holidays end on the 7th */
    ck_assert_int_eq(deadline_s(before, 1, z, t), civil_days(2026, 10, 9) * 86400 - 28800);
    workdays_free(t);
    zone_free(z);
}
END_TEST

int main(void) {
    Suite *s = suite_create("life");
    TCase *t = tcase_create("life");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_page_shows_the_table_of_states_and_acts);
    tcase_add_test(t, every_state_has_its_word_and_comes_back_from_it);
    tcase_add_loop_test(t, every_state_allows_just_the_acts_of_the_table, 0, LIFE_STATES);
    tcase_add_test(t, nobody_decides_on_what_they_submitted);
    tcase_add_test(t, a_department_neither_sees_nor_writes_the_plans_of_another);
    tcase_add_test(t, a_decision_is_about_the_version_that_was_looked_at);
    tcase_add_test(t, a_change_takes_the_place_of_the_version_in_force_when_it_is_approved);
    tcase_add_loop_test(t, nothing_runs_that_is_not_approved, 0, LIFE_STATES);
    tcase_add_test(t, a_change_on_its_way_does_not_touch_what_runs);
    tcase_add_test(t, suspended_plans_skip_what_waits_and_do_not_miss_what_fell_into_the_pause);
    tcase_add_loop_test(t, a_retirement_does_what_was_answered, 0, 7);
    tcase_add_test(t, a_plan_for_other_places_is_refused_when_it_is_submitted_and_when_it_is_approved);
    tcase_add_test(t, what_waits_too_long_is_said_each_week_until_it_ends);
    tcase_add_test(t, two_people_approve_where_the_plan_asks_for_two);
    tcase_add_test(t, two_people_approve_a_retirement_too_and_one_is_enough_where_people_are_off);
    tcase_add_test(t, an_order_that_waits_is_said_until_it_is_confirmed);
    tcase_add_test(t, a_version_is_executed_when_each_host_had_its_first_run_of_it);
    tcase_add_test(t, deadlines_end_with_the_day_of_the_wall);
    suite_add_tcase(s, t);
    return suite_run(s);
}
