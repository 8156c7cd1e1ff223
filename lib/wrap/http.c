/* HTTP by libcurl over a unix socket, where the host in the URL is a word that is never resolved; or over TLS, where the host must
 * be the certificate's. What goes over it are passwords and tokens, so there is no way to speak to a server unchecked. */
#include "wrap/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"

struct http {
    CURL *curl;
    char *place; /* a socket's path, or https://… */
    char *ca_file;
    bool tls;
    struct curl_slist *extra;
};

struct http *http_new(const char *socket_path) {
    struct http *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->place = strdup(socket_path);
    h->curl = h->place && curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK ? curl_easy_init() : NULL;
    if (h->curl) return h;
    http_free(h);
    return NULL;
}

struct http *http_new_tls(const char *url, const char *ca_file) {
    struct http *h = http_new(url);
    if (h) h->tls = true;
    if (!h || !ca_file || (h->ca_file = strdup(ca_file))) return h;
    http_free(h);
    return NULL;
}

void http_free(struct http *h) {
    if (!h) return;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->extra);
    free(h->place);
    free(h->ca_file);
    free(h);
}

bool http_header(struct http *h, const char *line) {
    struct curl_slist *more = curl_slist_append(h->extra, line);
    if (more) h->extra = more;
    return more != NULL;
}

static size_t take(char *p, size_t size, size_t n, void *arg) {
    struct buf *b = arg;
    buf_put(b, p, size * n);
    return buf_ok(b) ? size * n : 0;
}

static int fail(struct http *h, CURLcode rc, const char *why, struct err *e) {
    enum err_id id = rc == CURLE_OPERATION_TIMEDOUT ? ZE_TIMEOUT
        : rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_SSL_CONNECT_ERROR
                                                    ? ZE_UNREACHABLE
        : rc == CURLE_PEER_FAILED_VERIFICATION      ? ZE_CERT
        : rc == CURLE_SSL_CACERT_BADFILE            ? ZE_CONFIG
        : rc == CURLE_OUT_OF_MEMORY                 ? ZE_NOMEM
                                                    : ZE_CUT;
    return err_set(e, id, rc == CURLE_SSL_CACERT_BADFILE ? h->ca_file : h->place, "%s", *why ? why : curl_easy_strerror(rc));
}

static void set_place(CURL *c, const struct http *h) {
    if (!h->tls) curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, h->place);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, h->tls ? "https" : "http");
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (h->ca_file) curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file), curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
}

int http_call(struct http *h, const char *method, const char *path, const char *type, const void *body, size_t n,
    struct buf *answer, struct err *e) {
    char url[2048], header[128], why[CURL_ERROR_SIZE] = "";
    if (snprintf(url, sizeof url, "%s%s", h->tls ? h->place : "http://zaibeid", path) >= (int)sizeof url)
        return err_set(e, ZE_USAGE, path, _("too long"));
    buf_reset(answer);
    snprintf(header, sizeof header, "Content-Type: %s", type ? type : "application/json");
    struct curl_slist *headers = curl_slist_append(NULL, header);
    headers = curl_slist_append(headers, "Expect:");
    for (const struct curl_slist *x = h->extra; x; x = x->next) headers = curl_slist_append(headers, x->data);
    CURL *c = h->curl;
    curl_easy_reset(c);
    set_place(c, h);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 5L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 120L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    } else if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
    }
    CURLcode rc = curl_easy_perform(c);
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return rc == CURLE_OK ? (int)status : fail(h, rc, why, e);
}

void http_escape(char *out, size_t cap, const char *s) {
    size_t o = 0;
    for (; *s && o + 4 < cap; s++) {
        bool plain =
            (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-._~", *s);
        o += (size_t)snprintf(out + o, cap - o, plain ? "%c" : "%%%02X", (unsigned char)*s);
    }
    if (cap) out[o] = 0;
}
