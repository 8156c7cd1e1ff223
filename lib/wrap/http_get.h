/** Asking a web server in a drill's network, by libcurl. It may be hostile: a call takes as long as is allowed and reads as much as fits,
 * redirects are not followed, only http and https are spoken; no proxy. Certificates are not judged: in a drill nobody could exchange
 * them, and those who signed them need not be there. */
#ifndef WRAP_HTTP_GET_H
#define WRAP_HTTP_GET_H

#include "base/buf.h"
#include "base/err.h"

/** http_get(url, timeout_ms, body, e): the status of the answer and as much of its body as fits into ${body}; <0: ZE_TIMEOUT,
 * ZE_UNREACHABLE, ZE_NOMEM. */
int http_get(const char *url, long timeout_ms, struct buf *body, struct err *e) MUST_CHECK;

#endif
