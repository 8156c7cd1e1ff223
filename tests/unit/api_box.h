/** zaibeid without a server: a catalog in a directory of its own, a vault that answers from a table, a clock that is set, and
 * requests that go straight to api_handle. */
#ifndef UNIT_API_BOX_H
#define UNIT_API_BOX_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "audit.h"
#include "base/text.h"
#include "gate.h"
#include "notify.h"
#include "people.h"
#include "secrets.h"
#include "sys/file.h"

static int64_t now_ns = 1795000000 * (int64_t)NS_PER_S;
static int64_t fake_now(struct clock *c) { return now_ns; }
static struct clock fake_clock = {fake_now, fake_now};
static const char vault[] =
    "while read -r l; do case $l in\n"
    "*'\"op\":\"hosts\"'*) echo '{\"ok\":true,\"hosts\":[{\"host\":\"h1\",\"host_id\":\"00\",\"system\":\"s\","
    "\"state\":\"enrolled\",\"enrolled\":\"2026-11-01T00:00:00Z\",\"points\":0}]}';;\n"
    "*'\"host\":\"h1\",\"op\":\"points\"'*) echo '{\"ok\":true,\"points\":[{\"point\":1,\"state\":\"complete\","
    "\"time\":\"2026-11-22T22:05:00Z\",\"walk_start\":\"2026-11-22T22:00:00Z\"}]}';;\n"
    "*) echo '{\"ok\":false,\"error\":{\"id\":1101,\"object\":\"x\",\"message\":\"no such host\"}}';;\n"
    "esac; done";
static const char *argv[] = {"sh", "-c", vault, NULL};
static struct config cfg = {
    .zone = "UTC", .call_in_s = 60, .session_s = 36000, .session_idle_s = 1800, .file = "zaibeid.yaml"};
static struct notify_config no_channels;
static struct daemon d;
static char dir[64];

static char token[512], query_limit[8], query_draft[4], query_after[80], idempotency[140];

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    if (header && !strcmp(name, "Authorization")) return *token ? token : NULL;
    if (header && !strcmp(name, "Idempotency-Key")) return *idempotency ? idempotency : NULL;
    if (!header && !strcmp(name, "limit")) return *query_limit ? query_limit : NULL;
    if (!header && !strcmp(name, "draft")) return *query_draft ? query_draft : NULL;
    if (!header && !strcmp(name, "after")) return *query_after ? query_after : NULL;
    return NULL;
}

static struct http_answer last;

static int64_t records(void) {
    uint8_t hash[SEAL_HASH];
    int64_t n;
    db_begin(d.db);
    audit_head(d.db, &n, hash);
    db_abort(d.db);
    return n;
}

/* What changes something has left a record when it is answered with success. Asked for under a key it is only answered again, and
 * a simulation changes nothing. */
static struct js *ask(const char *method, const char *path, const char *body) {
    struct http_request r = {.method = method,
        .path = path,
        .body = (const uint8_t *)body,
        .body_len = strlen(body),
        .source = "uid 7",
        .lookup = lookup};
    struct err e = ERR_INIT;
    int64_t before = records();
    api_handle(&d, &r, &last);
    bool changes = strcmp(method, "GET") != 0 && strcmp(path, "/v1/simulate") != 0 && last.status / 100 == 2;
    ck_assert_msg(!changes || *idempotency || records() > before, "%s %s: %d without a record", method, path, last.status);
    struct js *j = js_parse(last.body, strlen(last.body), path, &e);
    ck_assert_msg(j, "%s %s: %s", method, path, e.msg);
    free(last.body);
    return j;
}

static inline int status(const char *method, const char *path, const char *body, char id[16]) {
    CLEANUP_JS struct js *j = ask(method, path, body);
    snprintf(id, 16, "%s", js_str(j, "id", ""));
    return last.status;
}

/* A user with a session of its own, as a login would leave it; ${text} gets the header. */
static inline int64_t person(const char *name, unsigned roles, const char *department, char text[100]) {
    struct user u = {.created_ns = now_ns, .password_ns = now_ns, .roles = roles, .has_totp = may_needs_code(roles)};
    uint8_t raw[32], hash[SEAL_HASH];
    snprintf(u.name, sizeof u.name, "%s", name);
    snprintf(u.department, sizeof u.department, "%s", department);
    strcpy(u.password, "x");
    seal_random(raw, sizeof raw);
    seal_hash(hash, raw, sizeof raw);
    strcpy(text, "Bearer zbs1-");
    text_hex(text + strlen(text), raw, sizeof raw);
    struct err e = ERR_INIT;
    db_begin(d.db);
    user_put(d.db, &u);
    struct credential k = {.user = u.id,
        .session = true,
        .roles = roles,
        .expires_ns = now_ns + 3600 * (int64_t)NS_PER_S,
        .idle_ns = 1800 * (int64_t)NS_PER_S,
        .used_ns = now_ns};
    credential_add(d.db, &k, hash);
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return u.id;
}

static inline void be(const char *text) { strcpy(token, text); }

static void box_setup(void) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/zb_api.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    cfg.state = dir, cfg.notify = &no_channels;
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    ck_assert_ptr_nonnull(d.db = catalog_open(dir, &e));
    ck_assert_int_eq(secrets_open(&d, &e), 0);
    *token = *idempotency = *query_limit = *query_draft = *query_after = 0;
}

static void box_teardown(void) {
    char cmd[100];
    control_release(&d.control);
    gate_free(d.gate);
    secrets_close(&d);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

#endif
