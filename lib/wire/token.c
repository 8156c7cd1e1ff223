/* Enrol tokens as text. A host may be an IPv6 address in brackets, so the port is what follows the last colon; user and
 * host hold no comma, no white space and do not begin with a dash, since they may end up on a command line. */
#include "wire/token.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

enum { TOKEN_MAX = 1024, KEY_TEXT = 48 };

static bool word_ok(const char *s) {
    if (!*s || *s == '-') return false;
    for (; *s; s++)
        if (*s <= ' ' || *s == ',' || *s == '@' || *s >= 0x7f) return false;
    return true;
}

int token_put(struct buf *out, const struct token *t, struct err *e) {
    char key[3][KEY_TEXT], line[TOKEN_MAX];
    if (!word_ok(t->user) || !word_ok(t->host) || !t->port || t->port > 65535)
        return err_set(e, ZE_CONFIG, t->host, _("user, host or port cannot stand in a token"));
    b64_encode(key[0], KEY_TEXT, t->host_key, sizeof t->host_key);
    b64_encode(key[1], KEY_TEXT, t->vault_key, sizeof t->vault_key);
    b64_encode(key[2], KEY_TEXT, t->seed, sizeof t->seed);
    int n = snprintf(line, sizeof line, "zbe1,%s@%s:%u,%s,%s,%s", t->user, t->host, t->port, key[0], key[1], key[2]);
    buf_reset(out);
    buf_put(out, line, (size_t)n + 1);
    seal_wipe(line, sizeof line);
    seal_wipe(key, sizeof key);
    if (!buf_ok(out)) return err_set(e, ZE_NOMEM, t->host, _("no memory for a token"));
    out->len--;
    return 0;
}

/* user@host:port, cut in place. */
static bool address_get(struct token *t, char *s) {
    char *at = strchr(s, '@'), *colon = strrchr(s, ':');
    uint64_t port;
    if (!at || !colon || colon < at) return false;
    *at = 0, *colon = 0;
    if (!word_ok(s) || !word_ok(at + 1) || strlen(s) >= sizeof t->user || strlen(at + 1) >= sizeof t->host)
        return false;
    if (!text_u64(colon + 1, 65535, &port) || !port) return false;
    snprintf(t->user, sizeof t->user, "%s", s);
    snprintf(t->host, sizeof t->host, "%s", at + 1);
    t->port = (unsigned)port;
    return true;
}

static bool key_get(uint8_t key[32], const char *text) { return text && b64_decode(key, 32, text, strlen(text)) == 32; }

int token_get(struct token *t, const char *text, struct err *e) {
    char line[TOKEN_MAX], *save = NULL;
    memset(t, 0, sizeof *t);
    text += strspn(text, " \t\r\n");
    size_t n = strcspn(text, " \t\r\n");
    if (n >= sizeof line || text[n + strspn(text + n, " \t\r\n")])
        return err_set(e, ZE_TOKEN, "", _("a token is one line without spaces"));
    memcpy(line, text, n);
    line[n] = 0;
    char *word = strtok_r(line, ",", &save), *address = strtok_r(NULL, ",", &save);
    bool good = word && strcmp(word, "zbe1") == 0 && address && address_get(t, address) &&
        key_get(t->host_key, strtok_r(NULL, ",", &save)) && key_get(t->vault_key, strtok_r(NULL, ",", &save)) &&
        key_get(t->seed, strtok_r(NULL, ",", &save)) && !strtok_r(NULL, ",", &save);
    seal_wipe(line, sizeof line);
    if (good) return 0;
    seal_wipe(t, sizeof *t);
    return err_set(e, ZE_TOKEN, "", _("it is not of the form zbe1,USER@HOST:PORT,KEY,KEY,SEED"));
}
