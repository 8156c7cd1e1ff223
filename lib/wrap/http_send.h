/** Sending to other people's servers, by libcurl: a webhook, a heartbeat, a mail. Such a server may be slow or hostile: a call takes
 * at most 30 s and reads at most 64 KiB, redirects are not followed, and only the named protocols are spoken. */
#ifndef WRAP_HTTP_SEND_H
#define WRAP_HTTP_SEND_H

#include "base/buf.h"
#include "base/err.h"

struct http_target {
    const char *url;
    const char *ca_file;        /* NULL: the system's */
    const char *const *headers; /* "Name: value" without line ends, ended by NULL; or NULL */
    const char *type;           /* of the body */
};

/** http_send(t, body, n, e): POST to an http or https URL, or GET when ${body} is NULL. 0 when the answer is 2xx; <0: ZE_TIMEOUT,
 * ZE_UNREACHABLE, ZE_REFUSED for another answer, with the status in the message. */
int http_send(const struct http_target *t, const void *body, size_t n, struct err *e) MUST_CHECK;

struct mail_server {
    const char *url;                       /* smtp://host:port or smtps:// */
    const char *ca_file, *user, *password; /* or NULL */
    int tls;                               /* of smtp://: 0 required, 1 if offered, 2 never */
};

/** mail_send(s, from, to, to_n, text, n, e): give ${text} (headers and body with CRLF) to the server for all of ${to}. 0 when it has
 * taken it; errors as above. */
int mail_send(const struct mail_server *s, const char *from, const char *const *to, size_t to_n, const void *text,
    size_t n, struct err *e) MUST_CHECK;

/** mail_text(from, to, to_n, subject, body, date_s, id, out): such a text: UTF-8 in base64, the subject as encoded words. ${from}, ${to}
 * and ${id} must be plain ASCII without spaces. */
void mail_text(const char *from, const char *const *to, size_t to_n, const char *subject, const char *body,
    int64_t date_s, const char *id, struct buf *out);

#endif
