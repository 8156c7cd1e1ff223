/* Text of public keys, and the list that was pinned. */
#include "recipient.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

#define PREFIX "zbk-pub-"
enum { PREFIX_LEN = 8, FILE_LIMIT = 4096 };

bool recipient_get(uint8_t out[SEAL_KEY], const char *text) {
    return !strncmp(text, PREFIX, PREFIX_LEN) &&
           b64_decode(out, SEAL_KEY, text + PREFIX_LEN, strlen(text) - PREFIX_LEN) == SEAL_KEY;
}

void recipient_text(char out[RECIPIENT_TEXT], const uint8_t key[SEAL_KEY]) {
    memcpy(out, PREFIX, PREFIX_LEN);
    b64_encode(out + PREFIX_LEN, RECIPIENT_TEXT - PREFIX_LEN, key, SEAL_KEY);
}

void recipient_print(char out[RECIPIENT_PRINT], const uint8_t key[SEAL_KEY]) {
    uint8_t hash[SEAL_HASH];
    char hex[17];
    seal_hash(hash, key, SEAL_KEY);
    text_hex(hex, hash, 8);
    snprintf(out, RECIPIENT_PRINT, "%.4s %.4s %.4s %.4s", hex, hex + 4, hex + 8, hex + 12);
}

int recipients_save(const struct config *c, const struct key_slots *slots, struct err *e) {
    struct buf b;
    buf_init(&b, FILE_LIMIT);
    for (unsigned i = 0; i < slots->n; i++) {
        char text[RECIPIENT_TEXT];
        recipient_text(text, slots->slot[i].recipient);
        const char *parts[] = {slots->slot[i].label, " ", text, "\n"};
        for (size_t k = 0; k < 4; k++) buf_put(&b, parts[k], strlen(parts[k]));
    }
    int rc = buf_ok(&b) ? file_replace(c->statefd, "recipients", b.p, b.len, 0600, e)
                        : err_set(e, ZE_NOMEM, c->state, "recipients");
    buf_free(&b);
    return rc;
}

int recipients_load(const struct config *c, struct key_slots *slots, struct err *e) {
    struct buf b;
    memset(slots, 0, sizeof *slots);
    buf_init(&b, FILE_LIMIT + 1);
    int rc = file_load(c->statefd, "recipients", FILE_LIMIT, &b, e);
    if (rc == 0) {
        buf_u8(&b, 0);
        char *save = NULL, *line = buf_ok(&b) ? strtok_r((char *)b.p, "\n", &save) : NULL;
        for (; line && rc == 0; line = strtok_r(NULL, "\n", &save)) {
            struct key_slot *k = &slots->slot[slots->n];
            char *key = strchr(line, ' ');
            if (slots->n == SLOTS_MAX || !key || key - line >= (int)sizeof k->label || !recipient_get(k->recipient, key + 1))
                rc = err_set(e, ZE_DAMAGED, c->state, _("recipients: it is not what the enrolment wrote"));
            else
                memcpy(k->label, line, (size_t)(key - line)), slots->n++;
        }
    }
    buf_free(&b);
    return rc;
}
