/* The API's client, and output. Errors of the daemon keep their number, so that the exit code is the same as if the command
 * had met the error itself. */
#include "cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "place.h"
#include "session.h"
#include "wrap/http.h"
#include "wrap/seal.h"

enum { TRIES = 20, PAUSE_MS = 500 };

const char *cli_option(const struct cli *c, const char *name) {
    for (size_t i = 0; i < c->options_n; i++)
        if (!strcmp(c->options[i].name, name)) return c->options[i].value;
    return NULL;
}

static int take_problem(const struct js *j, int status, struct err *e) {
    unsigned id = 0;
    if (sscanf(js_str(j, "id", ""), "ZB-%4u", &id) != 1)
        return err_set(e, ZE_PROTO, "zaibeid", _("answered with HTTP status %d"), status);
    return err_set(e, err_known(id), js_str(j, "object", ""), "%s", js_str(j, "detail", ""));
}

/* A key of its own for what is asked to be done. */
static bool set_key(struct http *h) {
    uint8_t raw[16];
    char hex[33], line[64];
    seal_random(raw, sizeof raw);
    text_hex(hex, raw, sizeof raw);
    snprintf(line, sizeof line, "Idempotency-Key: %s", hex);
    return http_header(h, line);
}

/* What may have been done, or not, is asked once more; zaibeid may be starting again meanwhile. */
static int again(struct http *h, const char *method, const char *path, const char *type, const void *body, size_t n,
    struct buf *answer, struct err *e) {
    int status = -1;
    for (int i = 0; i < TRIES && status < 0 && (!i || e->id == ZE_UNREACHABLE); i++) {
        poll(NULL, 0, PAUSE_MS);
        status = http_call(h, method, path, type, body, n, answer, e);
    }
    return status;
}

static struct js *call(struct cli *c, bool once, const char *method, const char *path, const char *type, const void *body,
    size_t n, struct err *e) {
    struct buf answer;
    struct http *h = place_open(c, e);
    if (!h) return NULL;
    bool chinese = strncmp(i18n_language(), "zh", 2) == 0;
    if (!http_header(h, chinese ? "Accept-Language: zh-CN" : "Accept-Language: en")) err_set(e, ZE_NOMEM, path, "HTTP");
    if (e->id == ZE_NOMEM || session_header(c, h, e) < 0) return http_free(h), NULL;
    buf_init(&answer, JS_BYTES_MAX);
    int status = once && !set_key(h) ? err_set(e, ZE_NOMEM, path, "HTTP")
                                     : http_call(h, method, path, type, body, n, &answer, e);
    if (status < 0 && once && e->id == ZE_CUT) status = again(h, method, path, type, body, n, &answer, e);
    struct js *j = NULL;
    if (status >= 0) j = js_parse(answer.p ? answer.p : (const uint8_t *)"", answer.len, "zaibeid", e);
    if (j && status >= 300) {
        take_problem(j, status, e);
        js_free(j), j = NULL;
    }
    buf_free(&answer);
    http_free(h);
    return j;
}

struct js *cli_call(
    struct cli *c, const char *method, const char *path, const char *type, const void *body, size_t n, struct err *e) {
    return call(c, !strcmp(method, "POST"), method, path, type, body, n, e);
}

struct js *cli_get(struct cli *c, const char *path, struct err *e) {
    return cli_call(c, "GET", path, NULL, NULL, 0, e);
}

struct js *cli_post(struct cli *c, const char *path, const struct js *body, struct err *e) {
    char *text = body ? js_dump(body) : NULL;
    struct js *j = cli_call(c, "POST", path, "application/json", text, text ? strlen(text) : 0, e);
    free(text);
    return j;
}

struct js *cli_post_secret(struct cli *c, const char *path, const struct js *body, struct err *e) {
    char *text = body ? js_dump(body) : NULL;
    struct js *j = call(c, false, "POST", path, "application/json", text, text ? strlen(text) : 0, e);
    if (text) seal_wipe(text, strlen(text));
    free(text);
    return j;
}

void cli_filters(struct cli *c, const char *const *names, char *path, size_t cap) {
    for (; *names; names++) {
        const char *value = cli_option(c, *names);
        char escaped[400];
        size_t n = strlen(path);
        if (!value) continue;
        http_escape(escaped, sizeof escaped, value);
        snprintf(path + n, cap - n, "%c%s=%s", strchr(path, '?') ? '&' : '?', *names, escaped);
    }
}

struct js *cli_pages_stale(struct cli *c, const char *path, const char *list, char stale[200], struct err *e) {
    char next[200] = "", url[1000], escaped[400];
    struct js *all = js_array();
    *stale = 0;
    do {
        http_escape(escaped, sizeof escaped, next);
        snprintf(url, sizeof url, "%s%climit=1000%s%s", path, strchr(path, '?') ? '&' : '?', *next ? "&after=" : "", escaped);
        CLEANUP_JS struct js *j = cli_get(c, url, e);
        if (!j) return js_free(all), NULL;
        const struct js *page = js_get(j, list);
        for (size_t i = 0; i < js_count(page); i++) js_push(all, js_copy(js_at(page, i)));
        snprintf(next, sizeof next, "%s", js_str(j, "next", ""));
        snprintf(stale, 200, "%s", js_str(j, "stale", ""));
    } while (*next);
    return all;
}

struct js *cli_pages(struct cli *c, const char *path, const char *list, struct err *e) {
    char stale[200];
    return cli_pages_stale(c, path, list, stale, e);
}

int64_t cli_seconds(const char *s) {
    char number[12], unit, rest;
    uint64_t n;
    if (sscanf(s, "%11[0-9]%c%c", number, &unit, &rest) != 2 || !text_u64(number, 100000, &n)) return 0;
    return unit == 'm' ? (int64_t)n * 60 : unit == 'h' ? (int64_t)n * 3600 : unit == 'd' ? (int64_t)n * 86400 : 0;
}

void cli_line(const char *type, struct js *j) {
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", type);
    char *s = js_dump(j);
    puts(s);
    fflush(stdout);
    free(s);
    js_free(j);
}

void cli_each(const char *type, const struct js *array) {
    for (size_t i = 0; i < js_count(array); i++) cli_line(type, js_copy(js_at(array, i)));
}

void cli_bytes(const struct js *j, const char *key, char out[32]) {
    int64_t v = js_int(j, key, -1);
    if (v < 0) strcpy(out, "–");
    else text_bytes(out, (uint64_t)v);
}

void cli_time(const struct js *j, const char *key, char out[32]) {
    const char *s = js_str(j, key, NULL);
    snprintf(out, 32, "%s", s ? s : "–");
    if (s && strlen(s) == 20) out[10] = ' ', out[16] = 'Z', out[17] = 0; /* 2026-11-22 01:02Z */
}

void cli_span(const struct js *j, const char *key, char out[32]) {
    long long s = js_int(j, key, -1);
    if (s < 0) strcpy(out, "–");
    else if (s < 60) snprintf(out, 32, "%llds", s);
    else if (s < 3600) snprintf(out, 32, "%lldm %llds", s / 60, s % 60);
    else if (s < (int64_t)48 * 3600) snprintf(out, 32, "%lldh %lldm", s / 3600, s % 3600 / 60);
    else snprintf(out, 32, "%lldd %lldh", s / 86400, s % 86400 / 3600);
}

void cli_words(const struct js *array, char *out, size_t cap) {
    size_t o = 0;
    *out = 0;
    for (size_t i = 0; i < js_count(array); i++) {
        const char *w = js_text(js_at(array, i));
        int n = snprintf(out + o, cap - o, "%s%s", o ? "," : "", w ? w : "");
        if (n < 0 || (size_t)n >= cap - o) return;
        o += (size_t)n;
    }
}
