/* Sending by libcurl; see http.c for the client of our own API. */
#include "wrap/http_send.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/i18n.h"
#include "wrap/seal.h"

enum { ANSWER_MAX = 64 << 10, WAIT_S = 30, WORD = 39 };

static size_t count(char *p, size_t size, size_t n, void *arg) {
    size_t *left = arg;
    (void)p;
    if (size * n > *left) return 0; /* more than anybody needs to say */
    *left -= size * n;
    return size * n;
}

static CURL *begin(const char *url, const char *protocols, const char *ca_file, char *why, size_t *left) {
    static bool once;
    if (!once && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return NULL;
    once = true;
    CURL *c = curl_easy_init();
    if (!c) return NULL;
    *left = ANSWER_MAX;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)WAIT_S);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, count);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, left);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, count);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, left);
    if (ca_file) curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
    return c;
}

static int judge(CURL *c, CURLcode rc, const char *url, const char *why, bool http, struct err *e) {
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_OK && (!http || (status >= 200 && status < 300))) return 0;
    if (rc == CURLE_OK) return err_set(e, ZE_REFUSED, url, _("the server answers %ld"), status);
    enum err_id id = rc == CURLE_OPERATION_TIMEDOUT        ? ZE_TIMEOUT
        : rc == CURLE_OUT_OF_MEMORY                        ? ZE_NOMEM
        : rc == CURLE_LOGIN_DENIED                         ? ZE_AUTH
        : rc == CURLE_SEND_ERROR && !http && status >= 400 ? ZE_REFUSED /* a sender, a recipient or the text */
                                                           : ZE_UNREACHABLE;
    return err_set(e, id, url, "%s", *why ? why : curl_easy_strerror(rc));
}

int http_send(const struct http_target *t, const void *body, size_t n, struct err *e) {
    char why[CURL_ERROR_SIZE] = "", type[128];
    size_t left;
    CURL *c = begin(t->url, "http,https", t->ca_file, why, &left);
    if (!c) return err_set(e, ZE_NOMEM, t->url, "curl");
    snprintf(type, sizeof type, "Content-Type: %s", t->type ? t->type : "application/json");
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (body) headers = curl_slist_append(headers, type);
    for (const char *const *h = t->headers; h && *h; h++) headers = curl_slist_append(headers, *h);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "zaibeid/" ZB_VERSION);
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    }
    int rc = judge(c, curl_easy_perform(c), t->url, why, true, e);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return rc;
}

struct reading {
    const char *p;
    size_t left;
};

static size_t give(char *out, size_t size, size_t n, void *arg) {
    struct reading *r = arg;
    size_t len = size * n < r->left ? size * n : r->left;
    memcpy(out, r->p, len);
    r->p += len, r->left -= len;
    return len;
}

int mail_send(const struct mail_server *s, const char *from, const char *const *to, size_t to_n, const void *text,
    size_t n, struct err *e) {
    static const long tls[] = {CURLUSESSL_ALL, CURLUSESSL_TRY, CURLUSESSL_NONE};
    char why[CURL_ERROR_SIZE] = "";
    size_t left;
    struct reading r = {text, n};
    struct curl_slist *all = NULL;
    CURL *c = begin(s->url, "smtp,smtps", s->ca_file, why, &left);
    if (!c) return err_set(e, ZE_NOMEM, s->url, "curl");
    for (size_t i = 0; i < to_n; i++) all = curl_slist_append(all, to[i]);
    curl_easy_setopt(c, CURLOPT_USE_SSL, tls[s->tls]);
    if (s->user) curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
    if (s->password) curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, all);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(c, CURLOPT_READDATA, &r);
    int rc = judge(c, curl_easy_perform(c), s->url, why, false, e);
    curl_slist_free_all(all);
    curl_easy_cleanup(c);
    return rc;
}

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

static void put_b64(struct buf *b, const char *p, size_t n) {
    char text[4 * ((57 + 2) / 3) + 1];
    b64_encode(text, sizeof text, p, n);
    put(b, text);
}

/* Words of at most 39 bytes, each of whole characters (RFC 2047). */
static void put_subject(struct buf *b, const char *s) {
    for (bool first = true; *s; first = false) {
        size_t n = strlen(s);
        if (n > WORD) {
            n = WORD;
            while (n > WORD - 4 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
        }
        put(b, first ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?");
        put_b64(b, s, n);
        put(b, "?=");
        s += n;
    }
}

/* RFC 5322, in UTC, without the locale's names. */
static void put_date(struct buf *b, int64_t date_s) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm t;
    char text[64];
    time_t when = date_s;
    gmtime_r(&when, &t);
    snprintf(text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday,
        months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    put(b, text);
}

void mail_text(const char *from, const char *const *to, size_t to_n, const char *subject, const char *body,
    int64_t date_s, const char *id, struct buf *b) {
    put_date(b, date_s);
    put(b, "From: <"), put(b, from), put(b, ">\r\nTo: ");
    for (size_t i = 0; i < to_n; i++) put(b, i ? ",\r\n <" : "<"), put(b, to[i]), put(b, ">");
    put(b, "\r\nMessage-ID: <"), put(b, id), put(b, "@zaibeid>\r\nSubject:");
    put_subject(b, subject);
    put(b,
        "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n");
    for (size_t n = strlen(body); n;) {
        size_t piece = n < 57 ? n : 57;
        put_b64(b, body, piece);
        put(b, "\r\n");
        body += piece, n -= piece;
    }
}
