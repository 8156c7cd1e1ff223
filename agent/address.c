/* The address stands in ssh's command line when `transport: openssh` is chosen, hence the narrow alphabet: nothing in it can
 * be taken for an option, a token (%h) or a variable. */
#include "address.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/* Copy ${n} bytes that consist of ${allowed} and do not begin with a dash. */
static int take(char *out, size_t cap, const char *p, size_t n, const char *allowed) {
    if (n == 0 || n >= cap || *p == '-') return -1;
    memcpy(out, p, n);
    out[n] = 0;
    return strspn(out, allowed) == n ? 0 : -1;
}

static int ssh_parse(struct config *c, const char *text) {
    const char *at = strchr(text, '@'), *end;
    if (!at || take(c->ssh_user, sizeof c->ssh_user, text, (size_t)(at - text), name_chars) < 0) return -1;
    const char *host = at + 1;
    if (*host == '[') {
        end = strchr(host, ']');
        if (!end) return -1;
        if (take(c->ssh_host, sizeof c->ssh_host, host + 1, (size_t)(end - host - 1), "0123456789abcdefABCDEF:.") < 0)
            return -1;
        end++;
    } else {
        end = host + strcspn(host, ":/");
        if (take(c->ssh_host, sizeof c->ssh_host, host, (size_t)(end - host), name_chars) < 0) return -1;
    }
    uint64_t port = 22;
    if (*end == ':') {
        char digits[8];
        size_t n = strcspn(end + 1, "/");
        if (take(digits, sizeof digits, end + 1, n, "0123456789") < 0 || !text_u64(digits, 65535, &port) || port == 0)
            return -1;
        end += 1 + n;
    }
    c->ssh_port = (unsigned)port;
    return *end == 0 || !strcmp(end, "/") ? 0 : -1;
}

int address_parse(struct config *c, const char *text) {
    if (!strncmp(text, "ssh://", 6)) return ssh_parse(c, text + 6);
    if (strncmp(text, "dir:///", 7) != 0) return -1;
    c->transport = TRANSPORT_DIR;
    int n = snprintf(c->dir, sizeof c->dir, "%s", text + 6);
    return n > 1 && (size_t)n < sizeof c->dir ? 0 : -1;
}
