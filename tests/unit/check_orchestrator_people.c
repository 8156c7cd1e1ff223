/* Logging in and the rules of accounts, through the API, with real passwords and real codes. */
#include <oath.h>
#include <poll.h>
#include <pthread.h>

#include "api_box.h"
#include "base/civil.h"
#include "people/guard.h"
#include "suite.h"

#define PASSWORD "correct horse battery"

static struct js *first_user(void) {
    char code[40], body[300];
    struct err e = ERR_INIT;
    ck_assert_int_eq(people_first_code(dir, now_ns, code, &e), 0);
    snprintf(body, sizeof body, "{\"user\":\"sam\",\"code\":\"%s\",\"password\":\"" PASSWORD "\"}", code);
    return ask("POST", "/v1/first-user", body);
}

/* Log in; the status. A session becomes the header of what follows. */
static int login(const char *user, const char *password, const char *code) {
    char body[400];
    snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\",\"code\":\"%s\"}", user, password, code);
    be("");
    CLEANUP_JS struct js *j = ask("POST", "/v1/login", body);
    if (last.status == 200) snprintf(token, sizeof token, "Bearer %s", js_str(j, "token", ""));
    return last.status;
}

static void code_of(const char *base32, int64_t at_ns, char out[16]) {
    char *raw = NULL;
    size_t n = 0;
    ck_assert_int_eq(oath_base32_decode(base32, strlen(base32), &raw, &n), OATH_OK);
    ck_assert_int_eq(oath_totp_generate(raw, n, (time_t)(at_ns / NS_PER_S), 30, 0, 6, out), OATH_OK);
    free(raw);
}

/* Set up codes for who is logged in; the secret. */
static void codes(char secret[TOTP_TEXT]) {
    char body[64], code[16], id[16];
    CLEANUP_JS struct js *j = ask("POST", "/v1/self/totp", "");
    ck_assert_int_eq(last.status, 200);
    snprintf(secret, TOTP_TEXT, "%s", js_str(j, "secret", ""));
    code_of(secret, now_ns, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    ck_assert_int_eq(status("POST", "/v1/self/totp/confirm", body, id), 200);
}

static void later(int64_t s) { now_ns += s * NS_PER_S; }

START_TEST(the_first_user_needs_the_code_of_the_machine_once_and_soon) {
    char id[16], code[40], body[300];
    struct err e = ERR_INIT;
    const char *form = "{\"user\":\"sam\",\"code\":\"%s\",\"password\":\"%s\"}";
    snprintf(body, sizeof body, form, "00112233445566778899aabbccddeeff", PASSWORD);
    ck_assert_int_eq(status("POST", "/v1/first-user", body, id), 403); /* none was printed */
    ck_assert_str_eq(id, "ZB-1835");
    ck_assert_int_eq(people_first_code(dir, now_ns, code, &e), 0);
    ck_assert_int_eq(status("POST", "/v1/first-user", body, id), 403); /* a guess uses it up */
    snprintf(body, sizeof body, form, code, PASSWORD);
    ck_assert_int_eq(status("POST", "/v1/first-user", body, id), 403);
    ck_assert_int_eq(people_first_code(dir, now_ns, code, &e), 0);
    later(FIRST_CODE_S);
    snprintf(body, sizeof body, form, code, PASSWORD);
    ck_assert_int_eq(status("POST", "/v1/first-user", body, id), 403); /* too late */
    js_free(first_user());
    ck_assert_int_eq(last.status, 201);
    js_free(first_user()); /* there is one now */
    ck_assert_int_eq(last.status, 403);
    ck_assert_int_eq(records(), 1);
}
END_TEST

START_TEST(nothing_can_be_done_before_the_codes_are_set_up_and_a_code_is_good_once) {
    char id[16], secret[TOTP_TEXT], code[16];
    js_free(first_user());
    ck_assert_int_eq(login("sam", PASSWORD, ""), 200);
    ck_assert_int_eq(status("GET", "/v1/users", "", id), 403);
    ck_assert_str_eq(id, "ZB-1834");
    codes(secret);
    ck_assert_int_eq(status("GET", "/v1/users", "", id), 200);
    ck_assert_int_eq(status("POST", "/v1/self/totp", "", id), 409); /* not anew by whoever has the session */
    ck_assert_int_eq(login("sam", PASSWORD, ""), 401);
    code_of(secret, now_ns, code);
    ck_assert_int_eq(login("sam", PASSWORD, code), 401); /* the one that was confirmed with */
    later(30), code_of(secret, now_ns, code);
    ck_assert_int_eq(login("sam", "another password", code), 401);
    ck_assert_int_eq(login("sam", PASSWORD, code), 200); /* a wrong password used no code up */
    ck_assert_int_eq(login("sam", PASSWORD, code), 401);
    later(90), code_of(secret, now_ns - 60 * (int64_t)NS_PER_S, code);
    ck_assert_int_eq(login("sam", PASSWORD, code), 401); /* two steps old */
    code_of(secret, now_ns + 30 * (int64_t)NS_PER_S, code);
    ck_assert_int_eq(login("sam", PASSWORD, code), 200); /* a clock that is 30 s fast */
}
END_TEST

/* An applicant "ann", with PASSWORD, ready. */
static void ann(void) {
    struct err e = ERR_INIT;
    struct user u = {.name = "ann", .roles = ROLE_APPLICANT, .department = "north", .created_ns = now_ns};
    ck_assert_int_eq(people_password_set(&u, PASSWORD, now_ns, &e), 0);
    db_begin(d.db);
    user_put(d.db, &u);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

/* faults: H4 H5 */
START_TEST(failures_cost_time_that_grows_and_a_guess_in_the_wait_costs_no_more) {
    ann();
    int64_t before = records();
    for (int i = 0; i < GUARD_USER_FREE; i++) ck_assert_int_eq(login("ann", "wrong wrong wrong", ""), 401);
    ck_assert_int_eq(records(), before + GUARD_USER_FREE); /* each is in the audit */
    ck_assert_int_eq(login("ann", PASSWORD, ""), 429);
    ck_assert_int_eq(last.retry_after_s, 30);
    later(29);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 429);
    later(1);
    ck_assert_int_eq(login("ann", "wrong wrong wrong", ""), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 429);
    ck_assert_int_eq(last.retry_after_s, 60);
    later(60);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200); /* and it is forgiven */
    ck_assert_int_eq(login("ann", "wrong wrong wrong", ""), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
}
END_TEST

START_TEST(guesses_at_many_names_make_the_source_wait_and_leave_no_records) {
    char name[20];
    int64_t before = records();
    for (int i = 0; i < GUARD_SOURCE_FREE; i++) {
        snprintf(name, sizeof name, "guess-%d", i);
        ck_assert_int_eq(login(name, "x", ""), 401);
    }
    ck_assert_int_eq(login("guess-99", "x", ""), 429);
    ck_assert_int_eq(records(), before);
}
END_TEST

START_TEST(waits_double_to_an_hour_and_survive_any_clock) {
    for (int64_t n = 0; n < GUARD_USER_FREE; n++) ck_assert_int_eq(guard_wait_s(n, GUARD_USER_FREE, 100, 100), 0);
    int64_t before = 0;
    for (int64_t n = GUARD_USER_FREE; n < 90; n++) {
        int64_t w = guard_wait_s(n, GUARD_USER_FREE, 1000000, 1000000);
        ck_assert(w == 3600 || (w > before && w <= 3600));
        ck_assert_int_eq(guard_wait_s(n, GUARD_USER_FREE, 1000000, 1000000 + w - 1), 1);
        ck_assert_int_eq(guard_wait_s(n, GUARD_USER_FREE, 1000000, 1000000 + w), 0);
        ck_assert_int_eq(guard_wait_s(n, GUARD_USER_FREE, 1000000, 1000000 - 3600), w); /* the clock went back */
        ck_assert_int_eq(guard_wait_s(n, GUARD_USER_FREE, 1000000, 5), 0);            /* it had been wrong by days */
        before = w;
    }
    ck_assert_int_eq(guard_wait_s(INT64_MAX, GUARD_USER_FREE, 0, 0), 3600);
}
END_TEST

START_TEST(a_bucket_gives_what_it_promises_and_memory_stays_bounded) {
    static struct rates r;
    char name[40];
    int64_t now = 5 * (int64_t)NS_PER_S, got = 0;
    for (int i = 0; i < 1000; i++) got += rates_take(&r, "a", now, 10, 50) == 0;
    ck_assert_int_eq(got, 50);
    ck_assert_int_eq(rates_take(&r, "a", now, 10, 50), 1);
    for (int i = 0; i < 10000; i++) got += rates_take(&r, "a", now += NS_PER_S / 1000, 10, 50) == 0; /* ten seconds */
    ck_assert(got >= 149 && got <= 150);
    for (int i = 0; i < 5 * RATES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(rates_take(&r, name, now, 1, 1), 0);
    }
    ck_assert_int_eq(rates_take(&r, name, now, 1, 1), 1);
    ck_assert_int_eq(rates_take(&r, name, now - 1000, 1, 1), 1); /* back in time */
    ck_assert_int_eq(rates_take(&r, "a", now + 3600 * (int64_t)NS_PER_S, 10, 50), 0);
}
END_TEST

START_TEST(sessions_end_when_idle_when_old_when_logged_out_and_when_the_password_changes) {
    char id[16], old[512];
    ann();
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    later(cfg.session_idle_s - 1);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    later(cfg.session_idle_s - 1); /* since it was used meanwhile */
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    later(cfg.session_idle_s);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    for (int64_t t = 0; t < cfg.session_s - 1000; t += 1000) {
        later(1000);
        ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    }
    later(1000);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    strcpy(old, token);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"another one altogether\"}", id), 200);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
    ck_assert_int_eq(status("POST", "/v1/logout", "", id), 200);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    be(old);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 401);
    ck_assert_int_eq(login("ann", "another one altogether", ""), 200);
}
END_TEST

START_TEST(a_password_that_is_old_or_given_by_another_lets_in_only_to_change_it) {
    char id[16], admin[100];
    ann();
    cfg.password_days = 30;
    later(30 * 86400 + 1);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 403);
    ck_assert_str_eq(id, "ZB-1834");
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"wrong\",\"new\":\"another one altogether\"}", id), 401);
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"" PASSWORD "\"}", id), 400);
    ck_assert_int_eq(status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"short\"}", id), 400);
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"aaaaaaaaaaaabb\"}", id), 400);
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"Ann and her horse\"}", id), 400);
    ck_assert_str_eq(id, "ZB-1837");
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"another one altogether\"}", id), 200);
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 200);
    cfg.password_days = 0;
    person("admin", ROLE_SECURITY_ADMIN, "", admin);
    char session[512];
    strcpy(session, token);
    be(admin);
    ck_assert_int_eq(status("POST", "/v1/users/ann/password", "{\"password\":\"the third password\"}", id), 200);
    be(session);
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 401); /* what was open is over */
    ck_assert_int_eq(login("ann", "the third password", ""), 200);
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 403);
}
END_TEST

START_TEST(a_token_reaches_no_further_than_its_scope_and_ends) {
    char id[16], session[512], office[100];
    person("olga", ROLE_OFFICE | ROLE_APPLICANT, "", office);
    be(office);
    ck_assert_int_eq(
        status("POST", "/v1/tokens", "{\"name\":\"t\",\"roles\":[\"auditor\"],\"expires_s\":600}", id), 403);
    ck_assert_int_eq(status("POST", "/v1/tokens", "{\"name\":\"t\",\"roles\":[],\"expires_s\":600}", id), 403);
    ck_assert_int_eq(status("POST", "/v1/tokens", "{\"name\":\"t\"}", id), 400); /* it must end */
    ck_assert_int_eq(status("POST", "/v1/tokens", "{\"name\":\"t\",\"expires_s\":99999999}", id), 400);
    CLEANUP_JS struct js *j = ask("POST", "/v1/tokens", "{\"name\":\"t\",\"roles\":[\"applicant\"],\"expires_s\":600}");
    ck_assert_int_eq(last.status, 201);
    strcpy(session, token);
    snprintf(token, sizeof token, "Bearer %s", js_str(j, "token", ""));
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 200);
    ck_assert_int_eq(status("POST", "/v1/jobs", "{\"target\":\"x\"}", id), 404); /* an applicant may */
    ck_assert_int_eq(status("POST", "/v1/hosts/h/token", "{}", id), 403);
    ck_assert_int_eq(status("POST", "/v1/tokens", "{\"name\":\"u\",\"expires_s\":600}", id), 403);
    ck_assert_int_eq(
        status("POST", "/v1/self/password", "{\"old\":\"x\",\"new\":\"another one altogether\"}", id), 403);
    CLEANUP_JS struct js *list = ask("GET", "/v1/tokens", "");
    ck_assert_uint_eq(js_count(js_get(list, "tokens")), 1);
    ck_assert(!js_has(js_at(js_get(list, "tokens"), 0), "token"));
    later(600);
    ck_assert_int_eq(status("GET", "/v1/plans", "", id), 401);
}
END_TEST

START_TEST(the_file_of_the_catalog_lets_nobody_in) {
    char id[16], office[100], cmd[300];
    ann();
    person("olga", ROLE_OFFICE, "", office);
    be(office);
    CLEANUP_JS struct js *j = ask("POST", "/v1/tokens", "{\"name\":\"t\",\"expires_s\":600}");
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    const char *texts[] = {js_str(j, "token", "") + 5, token + 12, PASSWORD};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_uint_ge(strlen(texts[i]), 12);
        snprintf(cmd, sizeof cmd, "! grep -q -F '%s' %s/zaibei.db", texts[i], dir);
        ck_assert_int_eq(system(cmd), 0);
    }
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 200);
}
END_TEST

/* faults: H7 */
START_TEST(administrators_cannot_change_themselves_exclude_each_other_and_one_remains) {
    char id[16], admin[100], second[100];
    person("admin", ROLE_SECURITY_ADMIN, "", admin);
    person("second", ROLE_SECURITY_ADMIN, "", second);
    be(admin);
#define ADD(name, roles) "{\"user\":\"" name "\",\"roles\":[" roles "],\"password\":\"" PASSWORD "\"}"
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", "\"system-administrator\",\"auditor\""), id), 400);
    ck_assert_int_eq(
        status("POST", "/v1/users", ADD("eve", "\"security-administrator\",\"system-administrator\""), id), 400);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", "\"king\""), id), 400);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", ""), id), 400);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("zaibeid", "\"office\""), id), 400);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", "\"office\",\"auditor\""), id), 201);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", "\"office\""), id), 409);
    ck_assert_int_eq(status("POST", "/v1/users/eve", "{\"roles\":[\"system-administrator\",\"auditor\"]}", id), 400);
    ck_assert_int_eq(status("POST", "/v1/users/admin", "{\"roles\":[\"office\"]}", id), 403);
    ck_assert_str_eq(id, "ZB-1839");
    ck_assert_int_eq(status("POST", "/v1/users/admin/totp-reset", "", id), 403);
    ck_assert_int_eq(status("POST", "/v1/users/admin/password", "{\"password\":\"" PASSWORD "\"}", id), 403);
    ck_assert_int_eq(status("POST", "/v1/users/second/disable", "", id), 200);
    be(second);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    be(admin);
    ck_assert_int_eq(status("POST", "/v1/users/second/enable", "", id), 200);
    struct err e = ERR_INIT; /* admin's account ended, its session is still open for one request: second must stay */
    db_begin(d.db);
    db_exec(d.db, "UPDATE users SET password='' WHERE name='admin'", "");
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    ck_assert_int_eq(status("POST", "/v1/users/second/disable", "", id), 403);
    ck_assert_str_eq(id, "ZB-1838");
    ck_assert_int_eq(status("POST", "/v1/users/second", "{\"roles\":[\"office\"]}", id), 403);
    ck_assert_int_eq(status("POST", "/v1/users/second", "{\"expires\":\"2001-01-01T00:00:00Z\"}", id), 403);
}
END_TEST

/* faults: D1 */
START_TEST(a_clock_that_was_ahead_locks_nobody_out_and_leaves_no_session_open) {
    char secret[TOTP_TEXT], code[16], id[16], ahead[512];
    enum { YEAR = 365 * 86400 };
    ann();
    js_free(first_user());
    ck_assert_int_eq(login("sam", PASSWORD, ""), 200);
    codes(secret);
    later(YEAR);
    code_of(secret, now_ns, code);
    ck_assert_int_eq(login("sam", PASSWORD, code), 200);
    strcpy(ahead, token);
    for (int i = 0; i < GUARD_USER_FREE; i++) ck_assert_int_eq(login("ann", "wrong wrong wrong", ""), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 429);
    later(-YEAR);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    be(ahead);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    later(60);
    code_of(secret, now_ns, code);
    ck_assert_int_eq(login("sam", PASSWORD, code), 200);
    ck_assert_int_eq(login("sam", PASSWORD, code), 401); /* still good once */
}
END_TEST

/* The vault's own log says who asked: who is logged in, whatever the request says. */
START_TEST(nobody_speaks_to_the_vault_in_another_name) {
    char script[200], line[400] = "", admin[100];
    snprintf(script, sizeof script, "while read -r l; do echo \"$l\" >%s/asked; echo '{\"ok\":true}'; done", dir);
    argv[2] = script;
    person("sysadmin", ROLE_SYSTEM_ADMIN, "", admin);
    be(admin);
    js_free(ask("POST", "/v1/points/h1/1/pin", "{\"reason\":\"r\",\"months\":1,\"who\":\"the mayor\"}"));
    ck_assert_int_eq(last.status, 200);
    snprintf(script, sizeof script, "%s/asked", dir);
    FILE *f = fopen(script, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    fclose(f);
    ck_assert_msg(strstr(line, "\"who\":\"sysadmin\""), "%s", line);
}
END_TEST

struct slow {
    const char *path, *body;
    char token[512];
};
static char *their_token;

static const char *their_lookup(const struct http_request *r, bool header, const char *name) {
    return header && !strcmp(name, "Authorization") ? their_token : NULL;
}

static void *asks_slowly(void *arg) {
    struct slow *s = arg;
    struct http_answer a;
    struct http_request r = {.method = "POST",
        .path = s->path,
        .body = (const uint8_t *)s->body,
        .body_len = strlen(s->body),
        .source = "uid 8",
        .lookup = their_lookup};
    their_token = s->token;
    api_handle(&d, &r, &a);
    free(a.body);
    return NULL;
}

/* A password takes its time, and the API has two doors: what is decided about the account meanwhile stays decided. */
START_TEST(an_account_that_is_disabled_while_its_password_changes_stays_disabled) {
    char id[16], admin[100], second[100];
    static struct slow s[2];
    pthread_t t;
    ann();
    person("admin", ROLE_SECURITY_ADMIN, "", admin);
    person("second", ROLE_SECURITY_ADMIN, "", second);
    s[0] = (struct slow){"/v1/users/ann/password", "{\"password\":\"the third password\"}", ""};
    s[1] = (struct slow){"/v1/self/password", "{\"old\":\"" PASSWORD "\",\"new\":\"another one altogether\"}", ""};
    strcpy(s[0].token, second);
    struct clock *clock = clock_real();
    int64_t before = clock->mono_ns(clock);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200); /* one check of a password */
    int once_ms = (int)((clock->mono_ns(clock) - before) / 1000000);
    strcpy(s[1].token, token);
    for (int i = 1; i >= 0; i--) {
        be(admin);
        ck_assert_int_eq(pthread_create(&t, NULL, asks_slowly, &s[i]), 0);
        poll(NULL, 0, i ? once_ms * 3 / 2 : once_ms / 2); /* one's own is proved first */
        ck_assert_int_eq(status("POST", "/v1/users/ann/disable", "", id), 200);
        ck_assert_int_eq(pthread_join(t, NULL), 0);
        CLEANUP_JS struct js *j = ask("GET", "/v1/users/ann", "");
        ck_assert_str_eq(js_str(j, "state", ""), "disabled");
        ck_assert_int_eq(status("POST", "/v1/users/ann/enable", "", id), 200);
    }
}
END_TEST

START_TEST(every_change_of_an_account_leaves_its_record) {
    static const char *const acts[][2] = {{"/v1/users/eve", "{\"full_name\":\"Eve\"}"}, {"/v1/users/eve/disable", ""},
        {"/v1/users/eve/enable", ""}, {"/v1/users/eve/unlock", ""}, {"/v1/users/eve/totp-reset", ""},
        {"/v1/users/eve/password", "{\"password\":\"" PASSWORD "\"}"},
        {"/v1/tokens", "{\"name\":\"t\",\"expires_s\":600}"}, {"/v1/tokens/2/revoke", ""}, {"/v1/logout", ""}};
    char id[16], admin[100];
    person("admin", ROLE_SECURITY_ADMIN, "", admin);
    be(admin);
    ck_assert_int_eq(status("POST", "/v1/users", ADD("eve", "\"office\""), id), 201);
    int64_t n = records();
    ck_assert_int_eq(n, 1);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        int s = status("POST", acts[i][0], acts[i][1], id);
        ck_assert_msg(s == 200 || s == 201, "%s: %d %s", acts[i][0], s, id);
        ck_assert_msg(records() == ++n, "%s left %lld records", acts[i][0], (long long)(records() - n + 1));
    }
}
END_TEST

START_TEST(an_account_that_has_ended_lets_nobody_in) {
    char id[16], admin[100];
    ann();
    person("admin", ROLE_SECURITY_ADMIN, "", admin);
    be(admin);
    char body[80], at[32];
    text_time(at, now_ns + 3600 * (int64_t)NS_PER_S);
    snprintf(body, sizeof body, "{\"expires\":\"%s\"}", at);
    ck_assert_int_eq(status("POST", "/v1/users/ann", body, id), 200);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 200);
    later(3601);
    ck_assert_int_eq(status("GET", "/v1/self", "", id), 401);
    ck_assert_int_eq(login("ann", PASSWORD, ""), 401);
}
END_TEST

int main(void) {
    Suite *s = suite_create("people");
    TCase *t = tcase_create("people");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, box_setup, box_teardown);
    tcase_add_test(t, nobody_speaks_to_the_vault_in_another_name);
    tcase_add_test(t, a_clock_that_was_ahead_locks_nobody_out_and_leaves_no_session_open);
    tcase_add_test(t, an_account_that_is_disabled_while_its_password_changes_stays_disabled);
    tcase_add_test(t, the_first_user_needs_the_code_of_the_machine_once_and_soon);
    tcase_add_test(t, nothing_can_be_done_before_the_codes_are_set_up_and_a_code_is_good_once);
    tcase_add_test(t, failures_cost_time_that_grows_and_a_guess_in_the_wait_costs_no_more);
    tcase_add_test(t, guesses_at_many_names_make_the_source_wait_and_leave_no_records);
    tcase_add_test(t, waits_double_to_an_hour_and_survive_any_clock);
    tcase_add_test(t, a_bucket_gives_what_it_promises_and_memory_stays_bounded);
    tcase_add_test(t, sessions_end_when_idle_when_old_when_logged_out_and_when_the_password_changes);
    tcase_add_test(t, a_password_that_is_old_or_given_by_another_lets_in_only_to_change_it);
    tcase_add_test(t, a_token_reaches_no_further_than_its_scope_and_ends);
    tcase_add_test(t, the_file_of_the_catalog_lets_nobody_in);
    tcase_add_test(t, administrators_cannot_change_themselves_exclude_each_other_and_one_remains);
    tcase_add_test(t, every_change_of_an_account_leaves_its_record);
    tcase_add_test(t, an_account_that_has_ended_lets_nobody_in);
    suite_add_tcase(s, t);
    return suite_run(s);
}
