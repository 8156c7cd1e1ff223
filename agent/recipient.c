/* Text of public keys, and the list that was pinned. */
#include "recipient.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "sys/file.h"

enum { FILE_LIMIT = 4096 };

bool recipient_get(uint8_t out[SEAL_KEY], const char *text) {
    struct kit k;
    struct err ignored = ERR_INIT;
    if (strncmp(text, "zbk-pub-", 8) != 0 || kit_parse(&k, "", text, strlen(text), &ignored) < 0) return false;
    bool good = !k.has_sec && !strpbrk(text, "\n ");
    memcpy(out, k.pub, SEAL_KEY);
    kit_wipe(&k);
    return good;
}

void recipient_text(char out[KIT_TEXT], const uint8_t key[SEAL_KEY]) {
    struct kit k = {.has_sec = false};
    memcpy(k.pub, key, SEAL_KEY);
    kit_pub_text(&k, out);
}

void recipient_print(char out[KIT_CHECK], const uint8_t key[SEAL_KEY]) {
    struct kit k = {.has_sec = false};
    memcpy(k.pub, key, SEAL_KEY);
    kit_check(&k, out);
}

int recipients_take(struct key_slots *slots, const struct command_list *list, struct err *e) {
    if (list->n == 0)
        return err_set(e, ZE_USAGE, "--recipient", _("at least one recovery kit is needed, or nobody could restore once "
                                                     "this machine is lost"));
    if (list->n > SLOTS_MAX) return err_set(e, ZE_USAGE, "--recipient", _("at most %d"), SLOTS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct key_slot *k = &slots->slot[i];
        if (!recipient_get(k->recipient, list->item[i]))
            return err_set(e, ZE_USAGE, list->item[i], _("expected %s and base64"), "zbk-pub-");
        for (size_t j = 0; j < i; j++)
            if (seal_equal(slots->slot[j].recipient, k->recipient, SEAL_KEY))
                return err_set(e, ZE_USAGE, list->item[i], _("named twice"));
        snprintf(k->label, sizeof k->label, i ? "kit-%zu" : "kit", i + 1);
    }
    slots->n = (unsigned)list->n;
    return 0;
}

void recipients_seal(struct key_slots *slots, const uint8_t host_key[SEAL_KEY]) {
    key_check(slots->check, host_key);
    for (unsigned i = 0; i < slots->n; i++)
        box_seal(slots->slot[i].sealed, slots->slot[i].recipient, host_key, SEAL_KEY);
}

int recipients_save(const struct config *c, const struct key_slots *slots, struct err *e) {
    struct buf b;
    buf_init(&b, FILE_LIMIT);
    for (unsigned i = 0; i < slots->n; i++) {
        char text[KIT_TEXT];
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
