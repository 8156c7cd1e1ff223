/* Recovery kits. Only two lines of a kit file mean anything; all others are for people. Nothing here puts a byte of the
 * private half into an error. */
#include "wire/kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"
#include "wire/record.h"

static const char pub_head[] = "zbk-pub-", sec_head[] = "zbk-sec-";

void kit_new(struct kit *k) {
    box_keypair(k->pub, k->sec);
    k->has_sec = true;
}

void kit_wipe(struct kit *k) { seal_wipe(k, sizeof *k); }

static void half_text(const char *head, const uint8_t key[SEAL_KEY], char out[KIT_TEXT]) {
    memcpy(out, head, 8);
    b64_encode(out + 8, KIT_TEXT - 8, key, SEAL_KEY);
}

void kit_pub_text(const struct kit *k, char out[KIT_TEXT]) { half_text(pub_head, k->pub, out); }
void kit_sec_text(const struct kit *k, char out[KIT_TEXT]) { half_text(sec_head, k->sec, out); }

void kit_check(const struct kit *k, char out[KIT_CHECK]) {
    uint8_t hash[SEAL_HASH];
    char hex[17];
    seal_hash(hash, k->pub, SEAL_KEY);
    text_hex(hex, hash, 8);
    snprintf(out, KIT_CHECK, "%.4s %.4s %.4s %.4s", hex, hex + 4, hex + 8, hex + 12);
}

/* Find a line that is this half and nothing else; 1 found, 0 none, <0 malformed. */
static int find_half(const char *head, const char *p, size_t n, uint8_t key[SEAL_KEY]) {
    static const char blank[] = " \t\r\n";
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        while (i + len < n && p[i + len] != '\n') len++;
        size_t from = i, to = i + len;
        i = to + 1;
        while (from < to && strchr(blank, p[from])) from++;
        while (to > from && strchr(blank, p[to - 1])) to--;
        if (to - from < 8 || memcmp(p + from, head, 8) != 0) continue;
        return b64_decode(key, SEAL_KEY, p + from + 8, to - from - 8) == SEAL_KEY ? 1 : -1;
    }
    return 0;
}

int kit_parse(struct kit *k, const char *name, const void *p, size_t n, struct err *e) {
    uint8_t pub[SEAL_KEY];
    *k = (struct kit){.has_sec = false};
    int has_sec = find_half(sec_head, p, n, k->sec), has_pub = find_half(pub_head, p, n, pub);
    if (has_sec > 0) box_public(k->pub, k->sec);
    else if (has_pub > 0) memcpy(k->pub, pub, sizeof pub);
    k->has_sec = has_sec > 0;
    if (has_sec < 0 || has_pub < 0) err_set(e, ZE_CONFIG, name, _("a line of this recovery kit is mistyped"));
    else if (!has_sec && !has_pub)
        err_set(e, ZE_CONFIG, name, _("not a recovery kit: no line begins with zbk-sec- or zbk-pub-"));
    else if (has_sec && has_pub && !seal_equal(pub, k->pub, sizeof pub))
        err_set(e, ZE_CONFIG, name, _("the two halves of this recovery kit do not belong together"));
    else return 0;
    kit_wipe(k);
    return -1;
}

int kit_load(struct kit *k, const char *path, struct err *e) {
    struct buf b;
    buf_init(&b, KIT_FILE_MAX + 1);
    char real[4096]; /* the kit may lie behind a symbolic link */
    int rc = realpath(path, real) ? file_load(AT_FDCWD, real, KIT_FILE_MAX, &b, e) : err_sys(e, path, _("open"));
    if (rc == 0) rc = kit_parse(k, path, b.p ? b.p : (const uint8_t *)"", b.len, e);
    if (b.p) seal_wipe(b.p, b.cap);
    buf_free(&b);
    return rc;
}

int kit_try(const struct kit *k, struct err *e) {
    uint8_t in[SEAL_KEY], sealed[SEAL_KEY + SEAL_BOX_EXTRA], out[SEAL_KEY];
    if (!k->has_sec) return err_set(e, ZE_WRONGKEY, "kit", _("only the public half is here"));
    seal_random(in, sizeof in);
    box_seal(sealed, k->pub, in, sizeof in);
    bool same = box_open(out, k->pub, k->sec, sealed, sizeof sealed) && seal_equal(in, out, sizeof in);
    return same ? 0 : err_set(e, ZE_WRONGKEY, "kit", _("what was sealed to this kit does not open with it"));
}

void kit_checks(const struct key_slots *k, char out[KIT_CHECKS]) {
    *out = 0;
    for (unsigned i = 0; i < k->n; i++) {
        size_t o = strlen(out);
        struct kit one = {.has_sec = false};
        char check[KIT_CHECK];
        memcpy(one.pub, k->slot[i].recipient, SEAL_KEY);
        kit_check(&one, check);
        snprintf(out + o, KIT_CHECKS - o, "%s%s", o ? ", " : "", check);
    }
}
