/* One GET, one connection, nothing kept. What does not fit ends the transfer, and what came is the answer. */
#include "wrap/http_get.h"

#include <curl/curl.h>

struct taking {
    struct buf *body;
    bool full;
};

static size_t take(char *p, size_t size, size_t n, void *arg) {
    struct taking *t = arg;
    size_t room = t->body->max - t->body->len, len = size * n < room ? size * n : room;
    buf_put(t->body, p, len);
    t->full = len < size * n;
    return t->full ? 0 : len;
}

int http_get(const char *url, long timeout_ms, struct buf *body, struct err *e) {
    char why[CURL_ERROR_SIZE] = "";
    struct taking t = {.body = body};
    long status = 0;
    CURL *c = curl_easy_init();
    if (!c) return err_set(e, ZE_NOMEM, url, "curl");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &t);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (rc == CURLE_OK || t.full) return (int)status;
    return err_set(e, rc == CURLE_OPERATION_TIMEDOUT ? ZE_TIMEOUT : ZE_UNREACHABLE, url, "%s",
        *why ? why : curl_easy_strerror(rc));
}
