/* Text for people. Names on disk are bytes; whatever is shown goes through text_escape first. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

/* Length of the well-formed UTF-8 sequence at s, or 0. Overlong forms, surrogates and values past U+10FFFF are refused. */
static size_t utf8_len(const unsigned char *s, size_t n) {
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    size_t len = s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : 0;
    if (!len || len > n) return 0;
    uint32_t cp = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (s[i] & 0x3f);
    }
    if (cp < 0xa0 || (len == 3 && cp < 0x800) || (len == 4 && cp < 0x10000)) return 0;
    if ((cp >= 0xd800 && cp < 0xe000) || cp > 0x10ffff) return 0;
    if ((cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069)) return 0; /* line and direction marks */
    return len;
}

size_t text_escape(char *out, size_t cap, const char *s, size_t n) {
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        size_t len = utf8_len((const unsigned char *)s + i, n - i);
        if (s[i] == '\\') {
            if (o + 2 >= cap) break;
            out[o++] = '\\', out[o++] = '\\', i++;
        } else if (len) {
            if (o + len >= cap) break;
            memcpy(out + o, s + i, len);
            o += len, i += len;
        } else {
            if (o + 4 >= cap) break;
            o += (size_t)snprintf(out + o, 5, "\\x%02X", (unsigned char)s[i++]);
        }
    }
    if (cap) out[o] = 0;
    return o;
}

bool text_is_utf8(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t len = utf8_len((const unsigned char *)s + i, n - i);
        if (!len) return false;
        i += len;
    }
    return true;
}

void text_hex(char *out, const void *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) out[2 * i] = digits[b[i] >> 4], out[2 * i + 1] = digits[b[i] & 15];
    out[2 * n] = 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool text_unhex(void *p, size_t n, const char *hex) {
    unsigned char *b = p;
    if (strlen(hex) != 2 * n) return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);
        if (hi < 0 || lo < 0) return false;
        b[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

void text_bytes(char *out, uint64_t n) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)n;
    int u = 0;
    while (v >= 1024 && u < 6) v /= 1024, u++;
    snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", v, unit[u]);
}

void text_time(char *out, int64_t ns) {
    time_t t = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
    struct tm tm;
    if (!gmtime_r(&t, &tm)) {
        snprintf(out, 32, "?");
        return;
    }
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool text_name_ok(const char *s) {
    size_t n = strlen(s);
    if (n < 1 || n > 63 || s[0] == '-') return false;
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-')) return false;
    return true;
}

bool text_u64(const char *s, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (!*s) return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v)) return false;
    }
    if (v > max) return false;
    *out = v;
    return true;
}

/* Edit distance of two short words, at most 64 bytes each. */
static unsigned distance(const char *a, const char *b, size_t m) {
    size_t n = strnlen(a, 64);
    unsigned row[65];
    for (size_t j = 0; j <= m; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

bool text_nearest(const char *s, const char *words, char out[65]) {
    unsigned best = 3;
    *out = 0;
    for (size_t n; words += strspn(words, " "), (n = strcspn(words, " ")); words += n) {
        unsigned d = n > 64 ? best : distance(s, words, n);
        if (d >= best || d >= n) continue;
        best = d;
        memcpy(out, words, n);
        out[n] = 0;
    }
    return *out;
}

size_t text_columns(const char *s) {
    size_t columns = 0;
    mbstate_t state = {0};
    wchar_t c;
    while (*s) {
        size_t n = mbrtowc(&c, s, MB_CUR_MAX, &state);
        if (n == 0 || n > MB_CUR_MAX) n = 1, c = L'?', state = (mbstate_t){0}; /* not in this locale's encoding */
        int width = wcwidth(c);
        columns += width > 0 ? (size_t)width : 0;
        s += n;
    }
    return columns;
}
