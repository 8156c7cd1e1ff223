/** A migration of host a to host b in a catalog of its own, with a vault whose answers are files of the test's
 * directory: clock and doubt, what a pin of months comes to, what is pinned, the scrub's findings. */
#ifndef UNIT_MIGRATE_BOX_H
#define UNIT_MIGRATE_BOX_H

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "make_orchestrator_plan.h"
#include "migrations_internal.h"
#include "suite.h"

#define S_NS 1000000000LL
enum { DAY = 86400 };

static int64_t now_s;
static int64_t fake_now(struct clock *c) { return now_s * S_NS; }
static struct clock fake_clock = {fake_now, fake_now};
static char dir[64];
static const char vault_script[] =
    "get() { read -r x <\"$V/$1\" && printf '%s' \"$x\"; }\n"
    "while read -r l; do case $l in\n"
    "*'\"op\":\"clock\"'*) echo \"{\\\"ok\\\":true,\\\"doubtful\\\":$(get doubt),\\\"vault_time\\\":\\\"$(get "
    "now)\\\"}\";;\n"
    "*'\"op\":\"hosts\"'*) echo "
    "'{\"ok\":true,\"hosts\":[{\"host\":\"a\",\"host_id\":\"0a\",\"system\":\"s\",\"state\":\"enrolled\","
    "\"enrolled\":\"2026-11-01T00:00:00Z\",\"points\":1},{\"host\":\"b\",\"host_id\":\"0b\",\"system\":\"s\",\"state\":"
    "\"enrolled\","
    "\"enrolled\":\"2026-11-01T00:00:00Z\",\"points\":1}]}';;\n"
    "*'\"op\":\"points\"'*) echo "
    "\"{\\\"ok\\\":true,\\\"points\\\":[{\\\"point\\\":7,\\\"state\\\":\\\"complete\\\",\\\"bytes\\\":100,"
    "\\\"time\\\":\\\"2026-11-29T22:00:00Z\\\",\\\"walk_start\\\":\\\"2026-11-29T22:00:00Z\\\",\\\"pinned_until\\\":$("
    "get pinned)}]}\";;\n"
    "*'\"op\":\"pin\"'*) case $l in *'\"until\"'*) u=${l#*\\\"until\\\":\\\"}; printf '\"%s\"\\n' \"${u%%\\\"*}\" "
    ">\"$V/pinned\";;\n"
    " *) p=$(get pinned); [ \"$p\" != null ] && [ \"$p\" \\> \"$(get holds)\" ] || cp \"$V/holds\" \"$V/pinned\";; "
    "esac; echo '{\"ok\":true}';;\n"
    "*'\"op\":\"scrub\"'*) echo \"{\\\"ok\\\":true,\\\"findings\\\":[$(get findings)]}\";;\n"
    "*'\"op\":\"quota\"'*) echo "
    "'{\"ok\":true,\"hosts\":[{\"host\":\"a\",\"used\":5,\"quota\":0},{\"host\":\"b\",\"used\":5,\"quota\":9}]}';;\n"
    "*'\"op\":\"stat\"'*) echo '{\"ok\":true,\"free\":1000000}';;\n"
    "*) echo '{\"ok\":false,\"error\":{\"id\":1101,\"object\":\"x\",\"message\":\"no\"}}';;\n"
    "esac; done";
static const char *vault_argv[] = {"sh", "-c", vault_script, NULL};
#define PLAN_OF(hosts) "name: p\nsystem: s\nhosts: " hosts "\ncontent: {paths: [/srv]}\nstrategy: {daily: full}\n"
static struct config cfg = {.zone = "Asia/Shanghai", .call_in_s = 60, .deadlines = {2, 3, 5}};
static struct daemon d;

/** say(name, text): what the vault answers from now on. */
static inline void say(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert(f && fprintf(f, "%s\n", text) > 0 && fclose(f) == 0);
}

static inline void catalog_begin(void) {
    struct err e = ERR_INIT;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, vault_argv);
    ck_assert_msg((d.db = catalog_open(dir, &e)), "%s", e.msg);
}

static inline void catalog_end(void) {
    control_release(&d.control);
    db_close(d.db);
}

/** The morning of 2026-11-30 in Shanghai: three months later there is no such day. */
static inline void box_make(const char *where) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    snprintf(dir, sizeof dir, "%s/check_migrate.XXXXXX", where);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(setenv("V", dir, 1), 0);
    ck_assert_int_eq(seal_init(&e), 0);
    now_s = civil_days(2026, 11, 30) * DAY + 2 * 3600;
    say("now", "2026-11-30T02:00:00Z"), say("doubt", "false"), say("holds", "\"2027-03-01T12:00:00Z\"");
    say("pinned", "null"), say("findings", "");
    catalog_begin();
    plan_force(&d, PLAN_OF("[a, b]"));
    db_begin(d.db);
    catalog_host_seen(d.db, "a", "1", now_s * S_NS), catalog_host_seen(d.db, "b", "1", now_s * S_NS);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static inline void box_remove(void) {
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

/* ---- people's acts: 0, or the number of the error ---- */

static inline struct js *object(const char *text) {
    struct err e = ERR_INIT;
    struct js *j = js_parse(text, strlen(text), "test", &e);
    ck_assert_msg(j, "%s: %s", text, e.msg);
    return j;
}

static inline unsigned do_act(const struct principal *who, enum case_act a) {
    struct migration m;
    struct err e = ERR_INIT;
    int rc = -1;
    CLEANUP_JS struct js *q = object("{\"migration\":\"m\",\"system\":\"s\",\"originals\":[\"a\"],\"targets\":[\"b\"],"
                                     "\"zone\":\"Asia/Shanghai\"}"),
                         *kit = object("[\"a\"]"), *more = object("{\"until\":\"2027-03-31\"}"),
                         *back = object("{\"dir\":\"/back\",\"reason\":\"x\"}");
    if (a == CASE_BEGIN) rc = migrate_begin(&d, who, q, &m, &e);
    if (a == CASE_JUDGE) rc = migrate_ready(&d, who, "m", kit, &m, &e);
    if (a == CASE_CUT) rc = migrate_cutover(&d, who, "m", &m, &e);
    if (a == CASE_EXTEND) rc = migrate_extend(&d, who, "m", more, &m, &e);
    if (a == CASE_VERIFY) rc = migrate_verify(&d, who, "m", &m, &e);
    if (a == CASE_ROLL_BACK) rc = migrate_rollback(&d, who, "m", back, &m, &e);
    if (a == CASE_CLOSE) rc = migrate_close(&d, who, "m", "done", &m, &e);
    if (a == CASE_APPROVE || a == CASE_REFUSE) rc = migrate_decide(&d, who, "m", a == CASE_APPROVE, "so", &m, &e);
    migration_free(&m);
    return rc < 0 ? e.id : 0;
}

static inline struct migration get(void) {
    struct migration m;
    db_begin(d.db);
    migration_get(d.db, "m", 0, &m);
    db_abort(d.db);
    return m;
}

static inline enum case_state state(void) {
    CLEANUP_MIGRATION struct migration m = get();
    return m.state;
}

static inline void tick(void) {
    struct err e = ERR_INIT;
    ck_assert_msg(migrations_tick(&d, true, &e) == 0, "%u %s", (unsigned)e.id, e.msg);
}

static inline void sql(const char *text) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    db_exec(d.db, text, "");
    ck_assert_msg(db_commit(d.db, &e) == 0, "%s", e.msg);
}

static inline int64_t number(const char *text) {
    db_begin(d.db);
    struct db_rows *r = db_query(d.db, text, "");
    int64_t n = db_next(r) ? db_int(r, 0) : -1;
    db_done(r);
    db_abort(d.db);
    return n;
}

/** Agents and restores have done their work. */
static inline void work_done(void) {
    sql("UPDATE jobs SET state='ok', point=7 WHERE state='queued'");
    sql("UPDATE restores SET state='ok', ended_ns=1 WHERE ended_ns=0");
}

#endif
