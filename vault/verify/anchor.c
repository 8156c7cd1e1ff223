/* The anchor: what somebody wrote down elsewhere. Without one a vault can only be shown to agree with itself;
 * whoever holds it could have made another. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "verify.h"
#include "wrap/seal.h"

static int anchor_add(struct anchor *a, char *line) {
    struct anchor_head h = {.seen = false};
    char *save = NULL, *host = strtok_r(line, " \t", &save), *n = strtok_r(NULL, " \t", &save),
         *hash = strtok_r(NULL, " \t", &save);
    bool named = text_name_ok(host) || strcmp(host, VAULT_LOG) == 0;
    if (!n || !hash || !named || !text_u64(n, UINT64_MAX, &h.n) || strlen(hash) != 64 ||
        !text_unhex(h.hash, 32, hash))
        return -1;
    struct anchor_head *more = realloc(a->head, (a->n + 1) * sizeof *more);
    if (!more) return -1;
    a->head = more;
    snprintf(h.host, sizeof h.host, "%s", host);
    a->head[a->n++] = h;
    return 0;
}

int anchor_load(struct anchor *a, const char *file, struct err *e) {
    *a = (struct anchor){0};
    if (!file) return 0;
    FILE *f = fopen(file, "re");
    if (!f) return err_sys(e, file, _("cannot be opened"));
    char line[1024];
    int rc = 0;
    for (unsigned n = 1; rc == 0 && fgets(line, sizeof line, f); n++) {
        line[strcspn(line, "#\r\n")] = 0;
        char *at = line + strspn(line, " \t"), *end = at + strlen(at);
        while (end > at && isspace((unsigned char)end[-1])) *--end = 0;
        if (!*at) continue;
        if (!a->given) a->given = b64_decode(a->pub, 32, at, strlen(at)) == 32, rc = a->given ? 0 : -1;
        else rc = anchor_add(a, at);
        if (rc < 0)
            err_set(e, ZE_USAGE, file, _("line %u: expected the vault's public key, then lines HOST N HASH"), n);
    }
    fclose(f);
    if (rc == 0 && !a->given) rc = err_set(e, ZE_USAGE, file, _("it holds no vault key"));
    return rc;
}

struct anchor_head *anchor_head_of(struct anchor *a, const char *host) {
    struct anchor_head *last = NULL;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->head[i].host, host) == 0) last = &a->head[i];
    return last;
}
