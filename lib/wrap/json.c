/* JSON by jansson. A struct js is a json_t under another name, so that <jansson.h> stays in this file.
 *
 * jansson's parser is recursive: the depth is checked by a scan before it sees the bytes. Duplicate keys are refused, since
 * two readers of one message must not see two meanings; NUL in strings is refused, since ours are C strings. */
#include "wrap/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/seal.h"

static const json_t *in(const struct js *j) { return (const json_t *)(const void *)j; }
static json_t *mut(struct js *j) { return (json_t *)(void *)j; }
static struct js *out(json_t *j) { return (struct js *)(void *)j; }

/* Whether brackets outside of strings nest no deeper than JS_DEPTH_MAX. */
static bool depth_ok(const char *p, size_t n) {
    bool string = false;
    int depth = 0;
    for (size_t i = 0; i < n; i++) {
        if (string && p[i] == '\\') i++;
        else if (p[i] == '"') string = !string;
        else if (string) continue;
        else if ((p[i] == '{' || p[i] == '[') && ++depth > JS_DEPTH_MAX) return false;
        else if ((p[i] == '}' || p[i] == ']') && depth > 0) depth--;
    }
    return true;
}

struct js *js_parse(const void *p, size_t n, const char *object, struct err *e) {
    if (n > JS_BYTES_MAX) {
        err_set(e, ZE_PROTO, object, _("JSON of more than %d bytes"), JS_BYTES_MAX);
        return NULL;
    }
    if (!depth_ok(p, n)) {
        err_set(e, ZE_PROTO, object, _("JSON nested deeper than %d levels"), JS_DEPTH_MAX);
        return NULL;
    }
    json_error_t why;
    json_t *j = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!j) {
        char text[4 * JSON_ERROR_TEXT_LENGTH + 1];
        text_escape(text, sizeof text, why.text, strlen(why.text));
        err_set(e, json_error_code(&why) == json_error_out_of_memory ? ZE_NOMEM : ZE_PROTO, object,
            _("JSON, line %d, column %d: %s"), why.line, why.column, text);
    }
    return out(j);
}

void js_free(struct js *j) { json_decref(mut(j)); }

void js_free_ptr(struct js **j) { js_free(*j); }

static json_t *must(json_t *j) {
    if (!j) abort(); /* no memory for a few bytes: see the header */
    return j;
}

struct js *js_copy(const struct js *j) {
    return out(must(json_deep_copy(in(j))));
}

const char *js_str(const struct js *j, const char *key, const char *def) {
    const json_t *v = json_object_get(in(j), key);
    return json_is_string(v) ? json_string_value(v) : def;
}

int64_t js_int(const struct js *j, const char *key, int64_t def) {
    const json_t *v = json_object_get(in(j), key);
    return json_is_integer(v) ? json_integer_value(v) : def;
}

bool js_bool(const struct js *j, const char *key, bool def) {
    const json_t *v = json_object_get(in(j), key);
    return json_is_boolean(v) ? json_is_true(v) : def;
}

bool js_has(const struct js *j, const char *key) {
    const json_t *v = json_object_get(in(j), key);
    return v && !json_is_null(v);
}

struct js *js_get(const struct js *j, const char *key) {
    json_t *v = json_object_get(in(j), key);
    return json_is_object(v) || json_is_array(v) ? out(v) : NULL;
}

size_t js_count(const struct js *j) {
    return json_is_array(in(j)) ? json_array_size(in(j)) : json_is_object(in(j)) ? json_object_size(in(j)) : 0;
}

struct js *js_at(const struct js *j, size_t i) {
    return out(json_array_get(in(j), i));
}
const char *js_member(const struct js *j, size_t i, const struct js **v) {
    const char *key;
    json_t *value, *o = (json_t *)(uintptr_t)j;
    json_object_foreach(o, key, value) {
        if (i--) continue;
        *v = out(value);
        return key;
    }
    return NULL;
}

int64_t js_ms(const struct js *j, const char *key, int64_t def) {
    const json_t *v = json_object_get(in(j), key);
    double s = json_number_value(v);
    return json_is_number(v) && s > -1e15 && s < 1e15 ? (int64_t)(s * 1000 + (s < 0 ? -0.5 : 0.5)) : def;
}

bool js_is_object(const struct js *j) { return json_is_object(in(j)); }
int64_t js_number(const struct js *j, int64_t def) {
    return json_is_integer(in(j)) ? json_integer_value(in(j)) : def;
}
const char *js_text(const struct js *j) { return json_string_value(in(j)); }

struct js *js_object(void) {
    return out(must(json_object()));
}
struct js *js_array(void) {
    return out(must(json_array()));
}

static json_t *string_of(const char *s) {
    if (!s) return json_null();
    json_t *v = json_string(s);
    if (v) return v;
    size_t n = strlen(s);
    char *t = malloc(4 * n + 1);
    if (!t) abort();
    text_escape(t, 4 * n + 1, s, n);
    v = must(json_string(t));
    free(t);
    return v;
}

static void put(struct js *j, const char *key, json_t *v) {
    if (json_object_set_new(mut(j), key, must(v)) < 0) abort();
}

void js_set_str(struct js *j, const char *key, const char *s) { put(j, key, string_of(s)); }
void js_set_int(struct js *j, const char *key, int64_t v) { put(j, key, json_integer(v)); }
void js_set_bool(struct js *j, const char *key, bool v) { put(j, key, json_boolean(v)); }
void js_set_ms(struct js *j, const char *key, int64_t ms) { put(j, key, json_real((double)ms / 1000)); }
void js_set(struct js *j, const char *key, struct js *v) { put(j, key, mut(v)); }

void js_set_name(struct js *j, const char *key, const char *p, size_t n) {
    size_t cap = 4 * n + 5;
    char *t = malloc(cap), name[128];
    if (!t) abort();
    text_escape(t, cap, p, n);
    js_set_str(j, key, t);
    if (!text_is_utf8(p, n)) {
        b64_encode(t, cap, p, n);
        snprintf(name, sizeof name, "%s_b64", key);
        js_set_str(j, name, t);
    }
    free(t);
}

void js_set_time(struct js *j, const char *key, int64_t ns) {
    char t[32];
    if (ns) text_time(t, ns);
    js_set_str(j, key, ns ? t : NULL);
}

void js_push(struct js *array, struct js *v) {
    if (json_array_append_new(mut(array), must(mut(v))) < 0) abort();
}

void js_push_str(struct js *array, const char *s) { js_push(array, out(string_of(s))); }
void js_push_int(struct js *array, int64_t v) { js_push(array, out(must(json_integer(v)))); }

char *js_dump(const struct js *j) {
    char *s = json_dumps(in(j), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (!s) abort();
    return s;
}

void js_put_error(const struct err *e) {
    char id[16];
    snprintf(id, sizeof id, "ZB-%u", (unsigned)e->id);
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "error");
    js_set_str(j, "id", id);
    js_set_str(j, "object", e->object);
    js_set_str(j, "message", *e->msg ? e->msg : err_text(e->id));
    js_set_str(j, "next", err_next(e->id));
    char *line = js_dump(j);
    puts(line);
    free(line);
}
