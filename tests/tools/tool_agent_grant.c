/* What the department's kit does, for tests of the worker alone:
 *   tool_agent_grant VAULT KIT grant PURPOSE ID PUBLIC_KEY SECONDS HOST…   a grant in base64
 *   tool_agent_grant VAULT KIT key HOST                                    host id and host key in hexadecimal */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "source.h"
#include "wire/grant.h"

struct opening {
    struct source s;
    struct grant_host *to;
};

static int take(void *arg, const struct record *commit, struct err *e) {
    struct opening *o = arg;
    memcpy(o->to->host_id, commit->host_id, SEAL_ID);
    return source_store_key(&o->s, &commit->commit.keys, o->to->key, e);
}

static int key_of(const char *vault, const char *kit, const char *host, struct grant_host *to, struct err *e) {
    static struct opening o;
    const struct source_options from = {.dir = vault, .kit = kit, .host = host};
    o.to = to;
    snprintf(to->host, sizeof to->host, "%s", host);
    if (source_open(&o.s, &from, e) < 0) return -1;
    int rc = source_points(&o.s, take, &o, e);
    source_close(&o.s);
    return rc;
}

static int grant(char **argv, struct err *e) {
    static struct grant g;
    static char text[2 * GRANT_MAX];
    uint8_t pub[SEAL_KEY];
    struct buf b;
    buf_init(&b, GRANT_MAX + SEAL_BOX_EXTRA);
    snprintf(g.purpose, sizeof g.purpose, "%s", argv[4]);
    snprintf(g.id, sizeof g.id, "%s", argv[5]);
    g.until = time(NULL) + atoi(argv[7]);
    if (b64_decode(pub, sizeof pub, argv[6], strlen(argv[6])) != SEAL_KEY)
        return err_set(e, ZE_USAGE, argv[6], "no key");
    for (char **host = argv + 8; *host; host++)
        if (key_of(argv[1], argv[2], *host, &g.hosts[g.n++], e) < 0) return -1;
    if (grant_seal(&g, pub, &b, e) < 0) return -1;
    b64_encode(text, sizeof text, b.p, b.len);
    puts(text);
    buf_free(&b);
    return 0;
}

static int key(char **argv, struct err *e) {
    struct grant_host h;
    char id[2 * SEAL_ID + 1], hex[2 * SEAL_KEY + 1];
    if (key_of(argv[1], argv[2], argv[4], &h, e) < 0) return -1;
    text_hex(id, h.host_id, SEAL_ID);
    text_hex(hex, h.key, SEAL_KEY);
    printf("%s %s\n", id, hex);
    return 0;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    bool wants_grant = argc > 8 && strcmp(argv[3], "grant") == 0, wants_key = argc == 5 && strcmp(argv[3], "key") == 0;
    if (!wants_grant && !wants_key) return 2;
    if (seal_init(&e) == 0 && (wants_grant ? grant(argv, &e) : key(argv, &e)) == 0) return 0;
    err_print(argv[0], &e);
    return 1;
}
