/** An HTTP client of one server, over a unix socket or TLS, by libcurl, and the only door to it. */
#ifndef WRAP_HTTP_H
#define WRAP_HTTP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct http; /* one client; keeps its connection between calls */

struct http *http_new(const char *socket_path); /* NULL without memory */
/** http_new_tls(url, ca_file): a server at "https://HOST:PORT", TLS 1.2 or later; ${ca_file}: who vouches for it, NULL: whom the system
 * trusts. No other protocol, no redirects, no proxy. NULL without memory. */
struct http *http_new_tls(const char *url, const char *ca_file);
void http_free(struct http *h);
/** http_header(h, line): send ${line} ("Name: value") with every request from now on; false without memory. */
bool http_header(struct http *h, const char *line) MUST_CHECK;

/**
 * http_call(h, method, path, type, body, n, answer, e):
 * One request; ${path} begins with / and is percent-encoded where needed (http_escape); ${body} may be NULL. The body of
 * the answer is put into ${answer} (reset first; as much as its max). Return the HTTP status (200 …), or <0:
 * ZE_UNREACHABLE when nobody listens: nothing was sent. ZE_CERT when the server is not the one it should be: the same.
 * ZE_TIMEOUT after 120 s; ZE_CUT when the connection broke: the request may have been done.
 */
int http_call(struct http *h, const char *method, const char *path, const char *type, const void *body, size_t n,
    struct buf *answer, struct err *e) MUST_CHECK;

/** http_escape(out, cap, s): ${s} for one path segment or query value; cut at ${cap} - 1 (3 bytes a character suffice). */
void http_escape(char *out, size_t cap, const char *s);

#endif
