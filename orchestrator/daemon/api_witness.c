/* What the witness has seen, over the API. Looking asks the vault first, so that the list is not older than the question. */
#include "api.h"
#include "base/i18n.h"
#include "hosts.h"
#include "witness.h"

struct js *api_witness(struct api_call *c, struct err *e) {
    struct err stale = ERR_INIT;
    CLEANUP_JS struct js *q = js_object(), *a = NULL;
    js_set_str(q, "op", "stat");
    int rc = hosts_sync(c->d, false, &stale);
    if (rc == 0) rc = control_call(&c->d->control, q, &a, &stale);
    struct js *j = js_object();
    if (rc < 0) js_set_str(j, "stale", stale.msg); /* the vault was not asked: what was seen last */
    js_set_str(j, "vault_key", js_str(a, "vault_key", NULL));
    db_begin(c->d->db);
    js_set(j, "logs", witness_list(c->d->db));
    if (db_commit(c->d->db, e) == 0) return j;
    js_free(j);
    return NULL;
}

struct js *api_witness_accept(struct api_call *c, struct err *e) {
    const char *host = js_str(c->body, "host", NULL);
    db_begin(c->d->db);
    int64_t n = witness_accept(c->d->db, host, c->who->name, daemon_now(c->d));
    if (n == 0) db_abort(c->d->db);
    else if (db_commit(c->d->db, e) < 0) return NULL;
    if (n == 0) return err_set(e, ZE_NOTHING, host ? host : "", _("no log of the vault is behind what was seen")), NULL;
    atomic_store(&c->d->hosts_stale, true);
    struct js *j = js_object();
    js_set_int(j, "accepted", n);
    return j;
}
