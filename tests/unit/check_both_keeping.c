/* zaibeid's own retention pass against the vault's own control, log and judgement, in simulated months: what plan simulate
 * foretold is what is there, and each point went in the pass that was named. The vault is another process: this program,
 * started again, answers control's lines by the keeper's own handler. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "daily.h"
#include "keep/simulate.h"
#include "keeping.h"
#include "suite.h"
#include "sys/file.h"

#define LEASE_S VAULT_LEASE_S /* two rooms, each with a lease of its own */
#include "mini_vault.h"
#include "unit_place.h"

enum { DAY_S = 86400, DAYS = 115, POINTS_MAX = 200 };
int64_t plan_force(struct daemon *d, const char *text); /* make_orchestrator_plan.h, whose "act" is not the vault's */

static const char host[] = "h";
#define PLAN                                                                                                    \
    "name: p\nsystem: oa\nhosts: [h]\ncontent: {paths: [/srv]}\nstrategy: {daily: incremental, weekly: full}\n" \
    "schedule:\n  zone: Asia/Shanghai\n  window: 01:00-05:00\n  events:\n"                                      \
    "  - {when: \"last-workday-of-month 22:00\", kind: full, label: monthly}\nretention_days: 1\n"              \
    "keep: {daily: 7, weekly: 4, monthly: 3}\n"

static void ok(int rc, const struct err *e) { ck_assert_msg(rc == 0, "%s: %s", e->object, e->msg); }

/* ---- the vault's process ---- */

/* Lines in, lines out; the time stands in the file ../now. */
static int control_main(const char *dir) {
    struct mini_clock clock;
    struct vault v;
    struct err e = ERR_INIT;
    static char line[1 << 20], path[200];
    snprintf(path, sizeof path, "%s/../now", dir);
    for (bool open = false; fgets(line, sizeof line, stdin);) {
        int pair[2];
        long long now = 0;
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%lld", &now) != 1) return 1;
        fclose(f);
        if (!open) mini_clock_init(&clock, now * NS_PER_S);
        if (!open && (seal_init(&e) < 0 || vault_open(&v, dir, &clock.clock, &e) < 0)) return 1;
        open = true, clock.now = now * NS_PER_S;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return 1;
        struct keeper k = {
            .v = &v, .lease = -1, .presence = -1, .opened = -1, .signals = -1, .spool = {{-1, -1}, {-1, -1}}};
        struct frames other;
        struct rd r = rd_of(line, strlen(line)), got;
        uint8_t type;
        frames_init(&k.f, pair[0], pair[0], 1000, "zaibeid");
        frames_init(&other, pair[1], pair[1], 1000, "keeper");
        buf_init(&k.raw, ZB_RECORD_MAX);
        buf_init(&k.out, FRAME_MAX);
        if (keeper_control(&k, &r, &e) < 0 || frames_flush(&k.f, &e) < 0 || frames_get(&other, &type, &got, &e) < 0)
            return 1;
        printf("%.*s\n", (int)got.left, (const char *)got.p);
        fflush(stdout);
        mini_close(&(struct mini){.k = k});
        frames_free(&other);
        close(pair[0]), close(pair[1]);
    }
    return 0;
}

/* ---- zaibeid's ---- */

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * NS_PER_S; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[128];
static const char *argv[] = {"/proc/self/exe", "--control", dir, NULL};
static struct config cfg = {.zone = "UTC", .call_in_s = 60};
static struct daemon d;
static struct mini_clock vault_clock;
static struct vault vault;

static void at(int64_t s) {
    char path[200];
    now_s = s, vault_clock.now = s * NS_PER_S;
    snprintf(path, sizeof path, "%s/now", place);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "%lld\n", (long long)s);
    fclose(f);
}

static void lay_ticket(const struct plan *p, unsigned number, unsigned labels, char name[32]) {
    struct err e = ERR_INIT;
    CLEANUP_JS struct js *q = js_object(), *a = NULL, *list = js_array();
    char hash[65], text[RUN_LABELS], *rest = text, *word;
    text_hex(hash, p->hash, sizeof p->hash);
    run_labels_text(labels, text);
    while ((word = strsep(&rest, ","))) js_push_str(list, word);
    snprintf(name, 32, "t-%u", number);
    js_set_str(q, "op", "ticket");
    js_set_str(q, "host", host);
    js_set_str(q, "ticket", name);
    js_set(q, "labels", js_copy(list));
    js_set_str(q, "plan_hash", hash);
    js_set_time(q, "retain_until", (now_s + p->retention_days * DAY_S) * NS_PER_S);
    ok(control_call(&d.control, q, &a, &e), &e);
}

static void run(const struct plan *p, unsigned number, const struct run *r) {
    struct err e = ERR_INIT;
    struct mini m;
    struct mini_point done;
    const struct mini_shape shape = {1, 1};
    uint8_t page[SEAL_HASH];
    char ticket[32];
    at(r->start_s);
    lay_ticket(p, number, r->labels, ticket);
    ok(mini_open(&m, &vault, host, &e), &e);
    m.ticket = ticket;
    ok(mini_begin(&m, number > 1 && r->kind != RUN_FULL ? KIND_INCREMENTAL : KIND_FULL, (uint16_t)number, &e), &e);
    ok(mini_packs(&m, &shape, &e), &e);
    ok(mini_used(&m, &shape, page, &e), &e);
    ok(mini_commit(&m, (uint16_t)number, page, &done, &e), &e);
    mini_close(&m);
    ck_assert_uint_eq(done.point, number);
}

static void midnight(int64_t s) {
    struct err e = ERR_INIT;
    int rc;
    at(s);
    while ((rc = keeping_tick(&d, &e)) == 1) continue;
    ok(rc, &e);
}

/* When each point went, by the audit. */
static unsigned gone(int64_t gone_s[POINTS_MAX + 1]) {
    struct err e = ERR_INIT;
    unsigned n = 0;
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, "SELECT time_ns, line FROM audit WHERE act='retention.done'", "");
    while (db_next(r)) {
        CLEANUP_JS struct js *j = js_parse(db_text(r, 1), strlen(db_text(r, 1)), "audit", &e);
        const struct js *removed = js_get(js_get(j, "detail"), "removed");
        ck_assert_uint_eq(js_count(js_get(js_get(j, "detail"), "refused")), 0);
        for (size_t i = 0; i < js_count(removed); i++, n++)
            gone_s[js_number(js_at(removed, i), 0)] = db_int(r, 0) / NS_PER_S;
    }
    db_done(r);
    ok(db_commit(d.db, &e), &e);
    return n;
}

static void start(struct plan *p) {
    struct err e = ERR_INIT;
    struct host h = {.name = "h", .state = "enrolled"};
    char state[140];
    signal(SIGPIPE, SIG_IGN);
    snprintf(dir, sizeof dir, "%s/vault", place);
    snprintf(state, sizeof state, "%s/state", place);
    mini_clock_init(&vault_clock, 0);
    at(civil_days(2026, 11, 23) * DAY_S + 12345);
    ok(vault_init(dir, &vault_clock.clock, &vault, &e), &e);
    ok(mini_enrol(&vault, host, &e), &e);
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_ptr_nonnull(d.db = catalog_open(state, &e));
    ok(plan_parse("p", PLAN, strlen(PLAN), "UTC", p, &e), &e);
    ck_assert_int_gt(plan_force(&d, PLAN), 0);
    db_begin(d.db);
    catalog_host_put(d.db, &h);
    ok(db_commit(d.db, &e), &e);
}

/* faults: D4 */
START_TEST(what_was_foretold_is_what_zaibeid_and_the_vault_do) {
    struct err e = ERR_INIT;
    struct plan p;
    struct simulated *told;
    struct run r;
    size_t n, number = 0;
    int64_t went[POINTS_MAX + 1] = {0};
    start(&p);
    struct zone *z = zone_open(p.zone, &e);
    struct simulation sim = {.schedule = &p.schedule,
        .zone = z,
        .rules = &p.keep,
        .floor_s = 92 * DAY_S,
        .now_s = now_s,
        .until_s = now_s + (int64_t)DAYS * DAY_S};
    ck_assert_int_eq(keep_simulate(&sim, NULL, 0, &told, &n, &e), 0);
    ck_assert_uint_le(n, POINTS_MAX);
    int64_t next = (now_s / DAY_S + 1) * DAY_S;
    for (int64_t last = now_s; number < n && plan_next(&p, NULL, last, &r); last = r.start_s) {
        for (; next <= r.start_s; next += DAY_S) midnight(next);
        run(&p, (unsigned)++number, &r);
        ck_assert_int_eq(told[number - 1].point.time_s, r.start_s);
    }
    for (; next <= sim.until_s; next += DAY_S) midnight(next);
    unsigned removed = gone(went), foretold = 0;
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(told[i].gone_s == went[i + 1], "point %zu went at %lld instead of %lld", i + 1,
            (long long)went[i + 1], (long long)told[i].gone_s);
        foretold += told[i].gone_s != 0;
    }
    printf("%u of %zu points went when it was foretold\n", removed, n);
    ck_assert_uint_eq(removed, foretold);
    ck_assert_uint_gt(removed, 10);
    free(told);
    zone_free(z);
    plan_free(&p);
    control_release(&d.control);
    db_close(d.db);
    vault_close(&vault);
}
END_TEST

int main(int argc, char **args) {
    if (argc == 3 && !strcmp(args[1], "--control")) return control_main(args[2]);
    Suite *s = suite_create("both_keeping");
    TCase *t = tcase_create("keeping");
    tcase_add_checked_fixture(t, place_make, place_remove);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, what_was_foretold_is_what_zaibeid_and_the_vault_do);
    suite_add_tcase(s, t);
    return suite_run(s);
}
