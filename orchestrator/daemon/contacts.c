/* Addresses come from a form that somebody wrote, so each is judged again here: a technical contact's may be any
 * text. */
#include "contacts.h"

#include <string.h>

#include "catalog_life.h"

/* Put ${mail} behind what stands there, unless it stands there already or nobody could be reached by it. */
static void add(char out[CONTACTS_MAX], const char *mail) {
    size_t at = strlen(out), n = strlen(mail);
    if (!channel_address_ok(mail) || at + n + 2 > CONTACTS_MAX) return;
    for (const char *p = out; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && !strncmp(p, mail, n)) return;
    if (at) out[at++] = ',';
    memcpy(out + at, mail, n + 1);
}

void contacts_of(struct daemon *d, const char *plan, char out[CONTACTS_MAX]) {
    struct version v;
    struct plan p;
    *out = 0;
    if (!version_get(d->db, plan, VERSION_IN_FORCE, &v) ||
        !catalog_plan_load(d->db, plan, v.version, d->cfg->zone, &p, NULL, NULL))
        return;
    const struct js *list = js_get(p.form, "contacts");
    add(out, js_str(js_get(p.form, "technical_contact"), "mail", ""));
    for (size_t i = 0; i < js_count(list); i++) add(out, js_str(js_at(list, i), "mail", ""));
    plan_free(&p);
}
