/**
 * JSON by jansson, and the only door to it. A struct js is a value: object, array, string, number, boolean or null.
 *
 * Reading trusts nothing: size, depth, UTF-8 and duplicate keys are checked once in js_parse, and getters give the caller's
 * default where a member is absent or has another type. Building cannot fail: without memory for a few more bytes the
 * program ends (abort), since all that matters is durable elsewhere. Whoever made a value frees it; what is put into
 * another value belongs to that; what a getter returns lives as long as the value it came from.
 */
#ifndef WRAP_JSON_H
#define WRAP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { JS_DEPTH_MAX = 32, JS_BYTES_MAX = 16 << 20 };

struct js;

/** js_parse(p, n, object, e): one value and nothing after it, of at most JS_BYTES_MAX bytes and JS_DEPTH_MAX levels; NULL
 * with ZE_PROTO (line, column and reason in the message; ${object} names the source) or ZE_NOMEM. */
struct js *js_parse(const void *p, size_t n, const char *object, struct err *e) MUST_CHECK;
void js_free(struct js *j); /* NULL is fine */
struct js *js_copy(const struct js *j);

/** Members of an object; ${def} also when ${j} is NULL or no object. */
const char *js_str(const struct js *j, const char *key, const char *def);
int64_t js_int(const struct js *j, const char *key, int64_t def);
bool js_bool(const struct js *j, const char *key, bool def);
bool js_has(const struct js *j, const char *key);
/** js_get: a member object or array, NULL when it is absent. */
struct js *js_get(const struct js *j, const char *key);
/** js_count: elements of an array or members of an object, 0 for anything else. js_at: element i of an array, or NULL. */
size_t js_count(const struct js *j);
struct js *js_at(const struct js *j, size_t i);
/** js_member(j, i, v): the key of member ${i} of an object, in the order in which they were set, and its value; NULL. */
const char *js_member(const struct js *j, size_t i, const struct js **v);
bool js_is_object(const struct js *j);
/** js_text: the value itself as a string, NULL when it is none. */
const char *js_text(const struct js *j);

/** js_ms: a member that is a number of seconds, whole or not, as milliseconds. js_set_ms: set one ("1.234"). */
int64_t js_ms(const struct js *j, const char *key, int64_t def);
void js_set_ms(struct js *j, const char *key, int64_t ms);

/** js_number: the value itself as an integer, ${def} when it is none. */
int64_t js_number(const struct js *j, int64_t def);

struct js *js_object(void);
struct js *js_array(void);
/** js_set_*: set a member. A string that is not UTF-8 is set escaped (text_escape); a NULL string is set as null. */
void js_set_str(struct js *j, const char *key, const char *s);
void js_set_int(struct js *j, const char *key, int64_t v);
void js_set_bool(struct js *j, const char *key, bool v);
/** js_set: takes ${v}. */
void js_set(struct js *j, const char *key, struct js *v);
/** js_set_name(j, key, p, n): a file name: escaped under ${key}, and as base64 under KEY_b64 when it is not UTF-8. */
void js_set_name(struct js *j, const char *key, const char *p, size_t n);
/** js_set_time: RFC 3339 in UTC; 0 is set as null. */
void js_set_time(struct js *j, const char *key, int64_t ns);
void js_push(struct js *array, struct js *v); /* takes v */
void js_push_str(struct js *array, const char *s);
void js_push_int(struct js *array, int64_t v);

/** js_dump(j): compact JSON on one line with sorted keys; the caller frees it. */
char *js_dump(const struct js *j);

void js_free_ptr(struct js **j);
#define CLEANUP_JS __attribute__((cleanup(js_free_ptr)))

/** js_put_error(e): one line on stdout, for --json: schema_version, message_type "error", id ("ZB-1601"), object, message, next. */
void js_put_error(const struct err *e);

#endif
