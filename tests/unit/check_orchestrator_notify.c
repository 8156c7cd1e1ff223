/* The outbox by a made-up clock: what begins is told once, again each day, and its end; rules choose; a channel that refuses is
 * tried ever more seldom and given up at last; texts cannot become headers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "notify.h"
#include "suite.h"
#include "wrap/http_send.h"

#define NS INT64_C(1000000000)
enum { DAY = 86400 };

static const char yaml[] = "channels:\n"
                           "  duty: {mail: [a@b], server: 'smtp://h:25', from: z@b}\n"
                           "  hook: {webhook: 'https://h/x'}\n"
                           "rules:\n"
                           "  - {severity: alarm, kinds: [job, host.rpo], departments: [d1], channels: [duty]}\n"
                           "  - {severity: warning, kinds: [vault], channels: [hook]}\n";
static char dir[64];
static struct db *db;
static struct yaml *doc;
static struct notify_config cfg;
static struct err e;

static void begin(void) {
    e = (struct err)ERR_INIT;
    strcpy(dir, "/tmp/check_notify.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    ck_assert_ptr_nonnull(db = catalog_open(dir, &e));
    ck_assert_ptr_nonnull(doc = yaml_parse("z.yaml", yaml, strlen(yaml), &e));
    ck_assert_int_eq(channels_read(yaml_root(doc), 60, &cfg, &e), 0);
}

static void end(void) {
    char cmd[100];
    yaml_free(doc);
    db_close(db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void about(void *arg, const char *plan, struct about *out) {
    (void)arg;
    strcpy(out->department, !strcmp(plan, "p1") ? "d1" : "d2");
    strcpy(out->contacts, !strcmp(plan, "p1") ? "x@y,z@w" : "");
}

/* "CHANNEL:KIND[!]" of all deliveries that are due, in their order; ! for what is resolved. Each is taken. */
static const char *due(int64_t now_s) {
    static char text[500];
    struct delivery x;
    *text = 0;
    db_begin(db);
    outbox_spread(db, now_s * NS, &cfg, about, NULL);
    while (outbox_next(db, now_s * NS, &x)) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s:%s%s%s%s", n ? " " : "", x.channel, x.notice.kind->name,
            x.notice.resolved ? "!" : "", x.to ? ">" : "", x.to ? x.to : "");
        free(x.to);
        js_free(x.notice.detail);
        outbox_done(db, &x, now_s * NS, NULL);
    }
    ck_assert_int_eq(db_commit(db, &e), 0);
    return text;
}

static void tell(const char *kind, const char *plan, int64_t now_s) {
    db_begin(db);
    notice_add(db, now_s * NS, kind, "h1", plan, NULL);
    ck_assert_int_eq(db_commit(db, &e), 0);
}

static void is(const char *kind, bool on, int64_t now_s) {
    db_begin(db);
    condition_set(db, now_s * NS, kind, "vault", "", on, NULL);
    ck_assert_int_eq(db_commit(db, &e), 0);
}

START_TEST(rules_choose) {
    tell("job.failed", "p1", 1);
    tell("job.failed", "p2", 1);  /* another department */
    tell("job.partial", "p1", 1); /* a warning: below the rule */
    tell("host.silent", "p1", 1); /* another kind */
    tell("host.rpo", "p1", 1);
    tell("vault.capacity", "", 1);
    ck_assert_str_eq(due(2), "duty:job.failed duty:host.rpo hook:vault.capacity");
    ck_assert_str_eq(due(3), "");
}
END_TEST

START_TEST(a_rule_for_contacts_reaches_those_of_the_plan_by_mail_and_nobody_else) {
    cfg.rule[0].contacts = true;
    tell("job.failed", "p1", 1);
    tell("job.failed", "p2", 1); /* another department; and a plan without contacts */
    tell("job.partial", "p1", 1);
    ck_assert_str_eq(due(2), "duty:job.failed>x@y,z@w");
    cfg.rule[0].departments = cfg.rule[0].channels = NULL; /* the webhook has no contacts */
    tell("job.failed", "p2", 3);
    tell("job.failed", "p1", 3);
    tell("vault.damage", "", 3);
    ck_assert_str_eq(due(4), "duty:job.failed>x@y,z@w hook:vault.damage");
}
END_TEST

START_TEST(without_rules_everybody_hears_of_warnings) {
    cfg.rules_n = 0;
    tell("job.partial", "p2", 1);
    tell("test", "", 1);
    ck_assert_str_eq(due(2), "duty:job.partial hook:job.partial");
}
END_TEST

START_TEST(what_lasts_is_told_once_a_day_and_its_end) {
    is("vault.capacity", false, 1);
    ck_assert_str_eq(due(1), "");
    is("vault.capacity", true, 2);
    ck_assert_str_eq(due(2), "hook:vault.capacity");
    for (int64_t t = 60; t < DAY; t += 3600) is("vault.capacity", true, t);
    ck_assert_str_eq(due(DAY), "");
    is("vault.capacity", true, DAY + 2);
    ck_assert_str_eq(due(DAY + 2), "hook:vault.capacity");
    is("vault.capacity", false, DAY + 3);
    is("vault.capacity", false, DAY + 4);
    ck_assert_str_eq(due(DAY + 4), "hook:vault.capacity!");
    is("vault.capacity", true, DAY + 5);
    ck_assert_str_eq(due(DAY + 5), "hook:vault.capacity");
}
END_TEST

START_TEST(a_refusal_is_tried_again_ever_more_seldom_and_given_up_at_last) {
    struct err why = ERR_INIT;
    struct delivery x;
    int64_t now = 1, last = 0, longest = 0;
    int tries = 0;
    err_set(&why, ZE_UNREACHABLE, "h", "nobody");
    tell("vault.damage", "", 1);
    for (; now < DAY; now += 30) {
        db_begin(db);
        outbox_spread(db, now * NS, &cfg, about, NULL);
        if (outbox_next(db, now * NS, &x)) {
            if (tries) longest = now - last > longest ? now - last : longest;
            ck_assert_int_ge(now - last, tries ? longest : 0); /* never sooner than before */
            last = now, tries++;
            js_free(x.notice.detail);
            outbox_done(db, &x, now * NS, &why);
        }
        ck_assert_int_eq(db_commit(db, &e), 0);
        if (!tries) ck_abort_msg("not tried at once");
    }
    ck_assert_int_eq(tries, OUTBOX_TRIES);
    ck_assert_int_eq(longest, OUTBOX_PAUSE_MAX_S);
    db_begin(db);
    ck_assert(outbox_retry(db, x.id, now * NS));
    ck_assert(!outbox_retry(db, x.id + 1, now * NS));
    ck_assert_int_eq(db_commit(db, &e), 0);
    ck_assert_str_eq(due(now), "hook:vault.damage");
    db_begin(db);
    ck_assert(!outbox_retry(db, x.id, now * NS)); /* it was sent */
    ck_assert_int_eq(db_commit(db, &e), 0);
}
END_TEST

/* A server that hangs takes half a minute each time: what is for the others does not wait until all of its own was tried. */
START_TEST(a_channel_that_is_away_holds_up_no_other) {
    struct err why = ERR_INIT;
    struct delivery x;
    err_set(&why, ZE_TIMEOUT, "h", "silent");
    for (int i = 0; i < 50; i++) tell("vault.damage", "", 1); /* hook */
    tell("job.missed", "p1", 1);                              /* duty, the last */
    int hook = 0;
    db_begin(db);
    outbox_spread(db, NS, &cfg, about, NULL);
    while (outbox_next(db, NS, &x) && !strcmp(x.channel, "hook")) {
        js_free(x.notice.detail);
        outbox_done(db, &x, NS, &why);
        hook++;
    }
    ck_assert_int_eq(hook, 1);
    ck_assert_str_eq(x.channel, "duty");
    js_free(x.notice.detail);
    outbox_done(db, &x, NS, NULL);
    ck_assert(!outbox_next(db, NS * (OUTBOX_PAUSE_S - 1), &x));
    ck_assert(outbox_next(db, NS * (OUTBOX_PAUSE_S + 1), &x));
    js_free(x.notice.detail);
    ck_assert_int_eq(db_commit(db, &e), 0);
}
END_TEST

START_TEST(many_runs_that_were_missed_at_once_are_one_mail_for_each_host_and_plan) {
    for (int i = 0; i < 21; i++) tell("job.missed", "p1", 1), tell("job.failed", "p1", 1);
    tell("job.missed", "", 1);
    const char *text = due(1);
    int n = 0;
    for (const char *p = text; (p = strstr(p, "duty:job.missed")); p++) n++;
    ck_assert_int_eq(n, 1); /* without a plan it is of no department that anybody hears of */
    n = 0;
    for (const char *p = text; (p = strstr(p, "duty:job.failed")); p++) n++;
    ck_assert_int_eq(n, 21);
    ck_assert_str_eq(due(1), "");
    tell("job.missed", "p1", 2);
    ck_assert_str_eq(due(2), "duty:job.missed");
}
END_TEST

static int64_t rows(const char *sql) {
    db_begin(db);
    struct db_rows *r = db_query(db, sql, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(db);
    return n;
}

START_TEST(what_is_older_than_a_year_goes_piece_by_piece) {
    for (int i = 0; i < OUTBOX_FORGET + 10; i++) tell("vault.damage", "", DAY);
    tell("vault.damage", "", DAY * 30);
    (void)rows("SELECT 1");
    db_begin(db);
    outbox_spread(db, NS * DAY * 30, &cfg, about, NULL);
    outbox_forget(db, NS * DAY * 366);
    ck_assert_int_eq(db_commit(db, &e), 0);
    ck_assert_int_eq(rows("SELECT count(*) FROM notices"), OUTBOX_FORGET + 11);
    for (int i = 0; i < 3; i++) {
        db_begin(db);
        outbox_forget(db, NS * DAY * 368);
        ck_assert_int_eq(db_commit(db, &e), 0);
        ck_assert_int_eq(rows("SELECT count(*) FROM notices"), i ? 1 : 11);
    }
    ck_assert_int_eq(rows("SELECT count(*) FROM deliveries"), 1);
}
END_TEST

/* A name with line ends must not make a second header; a long Chinese subject stays whole in words of whole characters. */
START_TEST(texts_stay_texts) {
    static const char *const to[] = {"a@b", "c@d"};
    struct notice n = {.kind = notice_kind_of("job.missed"), .time_ns = NS, .object = "h1\r\nBcc: evil@x\r\n\r\nbody"};
    struct buf subject, text;
    buf_init(&subject, 4096), buf_init(&text, 1 << 16);
    notice_subject(&n, LANG_BOTH, &subject);
    buf_u8(&subject, 0);
    ck_assert_ptr_null(strpbrk((char *)subject.p, "\r\n"));
    mail_text("z@b", to, 2, (char *)subject.p, "一\n二\n", 0, "1.2", &text);
    buf_u8(&text, 0);
    ck_assert(buf_ok(&text));
    ck_assert_ptr_null(strstr((char *)text.p, "Bcc"));
    ck_assert_ptr_nonnull(strstr((char *)text.p, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
    ck_assert_ptr_nonnull(strstr((char *)text.p, "To: <a@b>,\r\n <c@d>\r\n"));
    for (char *line = (char *)text.p, *next; line; line = next) {
        next = strstr(line, "\r\n");
        if (next) *next = 0, next += 2;
        ck_assert_uint_le(strlen(line), 76);
        for (const char *p = line; *p; p++) ck_assert_int_lt((unsigned char)*p, 0x80);
    }
    buf_free(&subject), buf_free(&text);
}
END_TEST

static const struct {
    const char *yaml, *says;
} bad[] = {
    {"channels: {a: {mail: [x], server: 'smtp://h', from: z@b}}", "mail address"},
    {"channels: {a: {mail: ['x@y>,<z@w'], server: 'smtp://h', from: z@b}}", "mail address"},
    {"channels: {a: {mail: [\"x@y\\r\\nBcc: z@w\"], server: 'smtp://h', from: z@b}}", ""},
    {"channels: {a: {mail: [x@y], from: z@b}}", "server"},
    {"channels: {a: {mail: [x@y], server: 'http://h', from: z@b}}", "smtp://"},
    {"channels: {a: {webhook: 'file:///etc/passwd'}}", "https://"},
    {"channels: {a: {webhook: 'gopher://h'}}", "https://"},
    {"channels: {a: {}}", "mail or webhook"},
    {"channels: {A b: {webhook: 'https://h'}}", "a-z"},
    {"channels: {a: x}", "map"},
    {"heartbeat: 'ftp://x'", "https://"},
    {"rules: [{kinds: [jobs]}]", "kind"},
    {"rules: [{channels: [a]}]", "channel"},
    {"rules: [{severity: loud}]", "alarm"},
    {"rules: [{to: everybody}]", "contacts"},
    {"silent_after_s: 0", "silent_after_s"},
    {"chanels: {}", "chanels"},
};

START_TEST(mistakes_are_named) {
    struct yaml *y = yaml_parse("z.yaml", bad[_i].yaml, strlen(bad[_i].yaml), &e);
    if (y) ck_assert_int_eq(channels_read(yaml_root(y), 60, &cfg, &e), -1);
    ck_assert_msg(e.id == ZE_CONFIG && strstr(e.msg, bad[_i].says), "%s: ZB-%u %s: %s", bad[_i].yaml, (unsigned)e.id,
        e.object, e.msg);
    yaml_free(y);
}
END_TEST

int main(void) {
    Suite *s = suite_create("notify");
    TCase *t = tcase_create("notify"), *m = tcase_create("mistakes");
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_checked_fixture(m, begin, end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_channel_that_is_away_holds_up_no_other);
    tcase_add_test(t, many_runs_that_were_missed_at_once_are_one_mail_for_each_host_and_plan);
    tcase_add_test(t, what_is_older_than_a_year_goes_piece_by_piece);
    tcase_add_test(t, rules_choose);
    tcase_add_test(t, a_rule_for_contacts_reaches_those_of_the_plan_by_mail_and_nobody_else);
    tcase_add_test(t, without_rules_everybody_hears_of_warnings);
    tcase_add_test(t, what_lasts_is_told_once_a_day_and_its_end);
    tcase_add_test(t, a_refusal_is_tried_again_ever_more_seldom_and_given_up_at_last);
    tcase_add_test(t, texts_stay_texts);
    tcase_add_loop_test(m, mistakes_are_named, 0, (int)(sizeof bad / sizeof *bad));
    suite_add_tcase(s, t);
    suite_add_tcase(s, m);
    return suite_run(s);
}
