/* `recovery`: to whom and where the recovery file is written, and whether it is. `init --recover`: from it to a vault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "commands.h"
#include "recovery.h"
#include "wire/kit.h"
#include "wrap/json.h"

static int recipient_add(struct recovery_conf *c, const char *text, struct err *e) {
    struct kit k;
    if (kit_parse(&k, "--recipient", text, strlen(text), e) < 0) return -1;
    for (unsigned i = 0; i < c->n; i++)
        if (memcmp(c->recipient[i], k.pub, SEAL_KEY) == 0) return kit_wipe(&k), 0;
    if (c->n == RECOVERY_RECIPIENTS)
        return kit_wipe(&k),
               err_set(e, ZE_REFUSED, "--recipient", _("it has %d recipients, and no more are possible"), c->n);
    memcpy(c->recipient[c->n++], k.pub, SEAL_KEY);
    kit_wipe(&k);
    return 0;
}

int recovery_set(struct vault *v, const struct words *w, struct err *e) {
    struct recovery_conf c;
    if (recovery_conf_load(v, &c, e) < 0) return -1;
    if (!w->recipient && !w->to) return 0;
    if (w->recipient && recipient_add(&c, w->recipient, e) < 0) return -1;
    if (w->to && ((*w->to && *w->to != '/') || strlen(w->to) >= sizeof c.to || strchr(w->to, '\n')))
        return err_set(e, ZE_USAGE, w->to, _("an absolute path of a directory, or nothing"));
    if (w->to) snprintf(c.to, sizeof c.to, "%s", w->to);
    return recovery_conf_save(v, &c, e);
}

static void show(struct vault *v, bool json) {
    struct recovery_conf c;
    struct err e = ERR_INIT;
    struct js *list = js_array(), *j = js_object();
    int fresh = recovery_conf_load(v, &c, &e) < 0 ? -1 : recovery_fresh(v, &e);
    for (unsigned i = 0; i < c.n; i++) {
        struct kit k = {.has_sec = false};
        char text[KIT_TEXT], check[KIT_CHECK];
        memcpy(k.pub, c.recipient[i], SEAL_KEY);
        kit_pub_text(&k, text), kit_check(&k, check);
        js_push_str(list, text);
        if (!json) printf(_("sealed to %s  (check %s)\n"), text, check);
    }
    if (!json && !c.n) puts(_("There is no recovery file: name a recovery kit of the platform with --recipient."));
    if (!json && c.n)
        printf(_("written to keeper/recovery and to %s: %s\n"), *c.to ? c.to : _("no other place"),
            fresh > 0 ? _("up to date") : _("not up to date"));
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "recovery");
    js_set(j, "recipients", list);
    js_set_str(j, "to", *c.to ? c.to : NULL);
    js_set_bool(j, "fresh", c.n && fresh > 0);
    char *text = js_dump(j);
    if (json) puts(text);
    free(text);
    js_free(j);
}

int command_recovery(const struct words *w, struct err *e) {
    struct vault v;
    if (vault_open(&v, w->dir, clock_real(), e) < 0) return -1;
    int rc = recovery_set(&v, w, e);
    if (rc == 0) rc = recovery_write(&v, e);
    if (rc == 0 || e->id == ZE_RECOVERY) show(&v, w->json);
    vault_close(&v);
    return rc;
}
