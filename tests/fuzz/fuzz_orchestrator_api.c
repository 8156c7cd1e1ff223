/* The API, request by request: the first byte says who asks, then come method, path, query, key and body by lines. Whatever is
 * asked, the answer is JSON with a proper status; who is not logged in changes nothing and learns nothing; who is of another
 * department neither. */
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

/* faults: H4 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself forgets a buffer on some syntax errors. */
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

/* The disk is not what is tried here; waiting for it was nine tenths of the time. */
int fsync(int fd) { return 0; }
int fdatasync(int fd) { return 0; }

enum { WHOS = 8 };
static int64_t now_ns = 1795000000 * (int64_t)NS_PER_S;
static int64_t fake_now(struct clock *c) { return now_ns; }
static struct clock fake_clock = {fake_now, fake_now};
static const char vault[] =
    "while read -r l; do echo '{\"ok\":false,\"error\":{\"id\":1101,\"object\":\"x\",\"message\":\"none\"}}'; done";
static const char *argv[] = {"sh", "-c", vault, NULL};
static struct notify_config channels;
static char dir[40] = "/tmp/zb_fuzz_api.XXXXXX";
static struct config cfg = {.zone = "UTC",
    .call_in_s = 60,
    .session_s = 36000,
    .session_idle_s = 1800,
    .file = "f",
    .state = dir,
    .notify = &channels};
static struct daemon d;
static char bearer[WHOS][100];

struct asked {
    const char *who, *query, *key;
};

static const char *lookup(const struct http_request *r, bool header, const char *name) {
    static char value[400];
    const struct asked *a = r->connection;
    if (header)
        return !strcmp(name, "Authorization") ? a->who : !strcmp(name, "Idempotency-Key") && *a->key ? a->key : NULL;
    char want[40];
    snprintf(want, sizeof want, "%s=", name);
    const char *s = strstr(a->query, want);
    if (!s) return NULL;
    snprintf(value, sizeof value, "%.*s", (int)strcspn(s + strlen(want), "&"), s + strlen(want));
    return value;
}

/* Somebody of ${department} with a session. */
static void person(int i, unsigned roles, const char *department) {
    struct user u = {.created_ns = now_ns, .password_ns = now_ns, .roles = roles, .has_totp = true, .password = "x"};
    struct credential k = {.session = true, .roles = roles, .expires_ns = INT64_MAX / 2, .used_ns = now_ns};
    uint8_t raw[32], hash[SEAL_HASH];
    snprintf(u.name, sizeof u.name, "user-%d", i);
    snprintf(u.department, sizeof u.department, "%s", department);
    memset(raw, i, sizeof raw);
    seal_hash(hash, raw, sizeof raw);
    strcpy(bearer[i], "Bearer zbs1-");
    text_hex(bearer[i] + 12, raw, sizeof raw);
    user_put(d.db, &u);
    k.user = u.id;
    credential_add(d.db, &k, hash);
}

static void remove_dir(void) {
    char cmd[100];
    control_release(&d.control);
    db_close(d.db);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    if (system(cmd)) perror(cmd);
}

static void begin(void) {
    struct err e = ERR_INIT;
    if (access("/dev/shm", W_OK) == 0) strcpy(dir, "/dev/shm/zb_fuzz_api.XXXXXX");
    if (seal_init(&e) < 0 || !mkdtemp(dir)) abort();
    d = (struct daemon){.cfg = &cfg, .clock = &fake_clock};
    control_init(&d.control, argv);
    if (!(d.db = catalog_open(dir, &e)) || secrets_open(&d, &e) < 0) abort();
    atexit(remove_dir);
    db_begin(d.db);
    for (int i = 0; i < ROLES; i++) person(i, 1U << i, "");
    person(ROLES, ROLE_APPLICANT | ROLE_SYSTEM_ADMIN, "nowhere");
    person(ROLES + 1, ROLE_APPLICANT | ROLE_OFFICE | ROLE_SYSTEM_ADMIN, "");
    if (db_commit(d.db, &e) < 0) abort();
}

static int64_t records(void) {
    uint8_t hash[SEAL_HASH];
    int64_t n;
    db_begin(d.db);
    audit_head(d.db, &n, hash);
    db_abort(d.db);
    return n;
}

/* The next line of ${rest}. */
static const char *line(char **rest) {
    const char *s = strsep(rest, "\n");
    return s ? s : "";
}

static void judge(const struct http_request *r, const struct http_answer *a, unsigned who, int64_t before) {
    struct err e = ERR_INIT;
    struct js *j = a->body ? js_parse(a->body, strlen(a->body), "answer", &e) : NULL;
    if (!j || a->status < 200 || a->status > 599 || (a->status >= 300 && !*js_str(j, "id", ""))) __builtin_trap();
    bool is_public =
        !strcmp(r->path, "/v1/health") || !strcmp(r->path, "/v1/login") || !strcmp(r->path, "/v1/first-user");
    if (who >= WHOS - 1 && !is_public && a->status < 400) __builtin_trap();
    if ((a->status >= 400 || !strcmp(r->method, "GET")) && !is_public && who >= WHOS - 1 && records() != before)
        __builtin_trap();
    if (strcmp(r->method, "GET") != 0 && !is_public && a->status < 300 && records() == before &&
        !*((struct asked *)r->connection)->key)
        if (strncmp(r->path, "/v1/jobs", 8) != 0 && !js_bool(j, "dry_run", false))
            __builtin_trap(); /* a job that waits already is that one */
    js_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!d.db) begin();
    if (size < 2 || size > 20000) return 0;
    char *text = malloc(size), *rest = text;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    unsigned who = data[0] % (WHOS + 1);
    struct asked a = {.who = who < WHOS - 1 ? bearer[who] : NULL};
    struct http_request r = {.source = "fuzz", .connection = &a, .lookup = lookup};
    struct http_answer answer = {.status = 0};
    r.method = line(&rest), r.path = line(&rest), a.query = line(&rest), a.key = line(&rest);
    r.body = (const uint8_t *)(rest ? rest : ""), r.body_len = rest ? (size_t)(text + size - 1 - rest) : 0;
    if (!strcmp(r.path, "/v1/logout")) r.path = "/v1/self"; /* sessions stay */
    if (strstr(r.path, "password") || strstr(r.path, "login") || strstr(r.path, "first") ||
        !strncmp(r.path, "/v1/users/", 10))
        a.query = "";
    if (strstr(r.path, "notify/test") || !strncmp(r.path, "/v1/users/", 10)) r.method = "GET";
    int64_t before = records();
    api_handle(&d, &r, &answer);
    judge(&r, &answer, who, before);
    free(answer.body);
    free(text);
    return 0;
}
