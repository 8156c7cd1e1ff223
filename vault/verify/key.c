/* Finding the host key. A wrong key and damage must never be confused: a kit that is not among the recipients and
 * a host key whose check differs are wrong keys; a slot for this very kit that does not open is damage. */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "store.h"
#include "wrap/seal.h"

enum { KEY_FILE_MAX = 65536, SLOTS_MAX = 64 };

static int file_read(const char *file, char *p, size_t cap, struct err *e) {
    SCOPE_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, file, _("cannot be opened"));
    size_t n = 0;
    for (ssize_t k; n < cap && (k = read(fd, p + n, cap - n)) != 0; n += (size_t)k)
        if (k < 0) return err_sys(e, file, _("cannot be read"));
    return (int)n;
}

/* The line "zbk-sec-" + base64; what else stands there is for people. */
static bool kit_parse(uint8_t sec[32], const char *text, size_t n) {
    static const char mark[] = "zbk-sec-";
    for (const char *at = text, *end = text + n; at < end;) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol) eol = end;
        const char *stop = eol;
        while (at < stop && (*at == ' ' || *at == '\t')) at++;
        while (stop > at && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t')) stop--;
        size_t len = (size_t)(stop - at), skip = sizeof mark - 1;
        if (len > skip && memcmp(at, mark, skip) == 0) return b64_decode(sec, 32, at + skip, len - skip) == 32;
        at = eol + 1;
    }
    return false;
}

int key_load(struct key *k, const char *kit, const char *host_key, struct err *e) {
    *k = (struct key){.kind = kit ? KEY_KIT : host_key ? KEY_HOST : KEY_NONE};
    const char *file = kit ? kit : host_key;
    if (!file) return 0;
    char *text = secret_alloc(KEY_FILE_MAX);
    k->sec = secret_alloc(32);
    int rc = -1, n = -1;
    if (!text || !k->sec) err_set(e, ZE_NOMEM, file, _("secret memory"));
    else if ((n = file_read(file, text, KEY_FILE_MAX, e)) < 0) rc = -1;
    else if (kit && !kit_parse(k->sec, text, (size_t)n))
        err_set(e, ZE_USAGE, file, _("no recovery kit: it has no line zbk-sec-…"));
    else if (!kit && n != 32) err_set(e, ZE_USAGE, file, _("no host key: it does not have 32 bytes"));
    else rc = 0;
    if (rc == 0 && kit) box_public(k->pub, k->sec);
    else if (rc == 0) memcpy(k->sec, text, 32);
    secret_free(text);
    if (rc < 0) key_free(k);
    return rc;
}

void key_free(struct key *k) {
    secret_free(k->sec);
    *k = (struct key){0};
}

int key_open(const struct key *k, struct rd *slots, uint8_t hk[32], struct err *e) {
    const uint8_t *box = NULL;
    uint64_t count = rd_vu(slots);
    if (count > SLOTS_MAX) return err_set(e, ZE_DAMAGED, NULL, _("malformed key slots"));
    for (uint64_t i = 0; i < count; i++) {
        size_t label_len, len;
        const uint8_t *recipient = rd_take(slots, 32);
        rd_blob(slots, &label_len, 4096);
        const uint8_t *sealed = rd_blob(slots, &len, 4096);
        if (!recipient || !sealed || len != 32 + SEAL_BOX_EXTRA)
            return err_set(e, ZE_DAMAGED, NULL, _("malformed key slots"));
        if (k->kind == KEY_KIT && memcmp(recipient, k->pub, 32) == 0) box = sealed;
    }
    const uint8_t *expect = rd_take(slots, 16);
    if (!expect) return err_set(e, ZE_DAMAGED, NULL, _("malformed key slots"));
    if (k->kind == KEY_NONE) return 0;
    if (k->kind == KEY_KIT && !box) return err_set(e, ZE_WRONGKEY, NULL, _("this kit is not among the recipients"));
    if (k->kind == KEY_HOST) memcpy(hk, k->sec, 32);
    else if (!box_open(hk, k->pub, k->sec, box, 32 + SEAL_BOX_EXTRA))
        return err_set(e, ZE_DAMAGED, NULL, _("the key slot for this kit does not open"));
    uint8_t check[32];
    seal_derive(check, hk, "check", NULL, 0);
    if (seal_equal(check, expect, 16)) return 0;
    seal_wipe(hk, 32);
    if (k->kind == KEY_HOST) return err_set(e, ZE_WRONGKEY, NULL, _("this is the key of another host"));
    return err_set(e, ZE_DAMAGED, NULL, _("the key check does not belong to the host key in its slot"));
}
