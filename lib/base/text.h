/** Text for people and for JSON: escaping names, human sizes, hex, RFC 3339 times. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * text_escape(out, cap, s, n):
 * Write the ${n} bytes of ${s} to ${out} so that they are one line of valid UTF-8: control bytes and bytes that are not
 * UTF-8 become \xHH, a backslash becomes \\ (ux.md). Cut at ${cap} - 1; always ends with NUL. Return the bytes written.
 */
size_t text_escape(char *out, size_t cap, const char *s, size_t n);

/** text_is_utf8(s, n): whether the bytes are well-formed UTF-8 without control characters. */
bool text_is_utf8(const char *s, size_t n);

/** text_hex(out, p, n): 2n hex digits and NUL. text_unhex: exactly n bytes from 2n digits; false if they are not. */
void text_hex(char *out, const void *p, size_t n);
bool text_unhex(void *p, size_t n, const char *hex);

/** text_bytes(out, n): "1.5 MiB" for people; out has at least 24 bytes. */
void text_bytes(char *out, uint64_t n);

/** text_time(out, ns): RFC 3339 in UTC with seconds, "2026-11-22T01:02:03Z"; out has at least 32 bytes. */
void text_time(char *out, int64_t ns);

/** text_name_ok(s): whether ${s} is a host or system name: [a-z0-9][a-z0-9-]{0,62}. Such names appear in store keys. */
bool text_name_ok(const char *s);

/** text_u64(s, max, out): a whole decimal number up to ${max}, nothing else around it. */
bool text_u64(const char *s, uint64_t max, uint64_t *out);

/** text_nearest(s, words, out): the word of a list separated by spaces that ${s} was probably meant to be: at most two
 * letters off, and not all of them. False, and ${out} empty, when there is none. Words have at most 64 bytes. */
bool text_nearest(const char *s, const char *words, char out[65]);

/** text_columns(s): how wide ${s} is on a terminal: a Chinese character takes two columns. */
size_t text_columns(const char *s);

#endif
