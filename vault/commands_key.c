/* `key`: which key signs, and putting another in its place: by the old one (rotate), or by approvers alone when that one is lost
 * or stolen (replace). Both on the vault's own machine only. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "commands.h"
#include "keys.h"
#include "sys/file.h"

static void show(const struct js *j) {
    const struct js *list = js_get(j, "keys");
    for (size_t i = 0; i < js_count(list); i++) {
        const struct js *one = js_at(list, i);
        const char *how = js_str(one, "how", "");
        printf("%s  %s  %s\n", js_str(one, "key", ""), js_str(one, "since", "-"),
            strcmp(how, "first") == 0         ? _("the first")
                : strcmp(how, "rotated") == 0 ? _("signed by the one before")
                                              : _("put in place by two approvers"));
    }
}

static int change(struct vault *v, const struct words *w, struct err *e) {
    struct approvals a = {0};
    bool replace = strcmp(w->sub, "replace") == 0;
    if (replace && !w->approvals)
        return err_set(e, ZE_USAGE, "key replace", _("--approvals FILE: zaibei-vault request replace-key makes it"));
    int rc = w->approvals ? approvals_load(&a, w->approvals, e) : 0;
    if (rc == 0) rc = keys_change(v, replace ? KEY_REPLACED : KEY_ROTATED, &a, e);
    approvals_free(&a);
    return rc;
}

int command_key(const struct words *w, struct err *e) {
    struct vault v;
    bool replace = strcmp(w->sub, "replace") == 0;
    int rc = replace ? vault_open_keyless(&v, w->dir, clock_real(), e) : vault_open(&v, w->dir, clock_real(), e);
    if (rc < 0) return -1;
    if (strcmp(w->sub, "show") != 0) rc = change(&v, w, e);
    CLEANUP_JS struct js *j = rc == 0 ? keys_json(&v, e) : NULL;
    vault_close(&v);
    if (!j) return -1;
    if (w->json) {
        js_set_int(j, "schema_version", 1);
        js_set_str(j, "message_type", "key");
        CLEANUP_FREE char *text = js_dump(j);
        puts(text);
        return 0;
    }
    show(j);
    if (replace)
        puts(_("Each host asks for a person: zaibei-agent enroll --continue --vault-key FINGERPRINT, the last one above."));
    return 0;
}
