/* A session that reads another host's points, by a grant (act_grant). It becomes a reader for good: host and log are the
 * source's from here on, and every request that writes is one of another mode, so that no path is left by which a grant to read
 * could add anything, to either host. The grant is looked at anew at each request: what ends, ends at once. A descriptor that was
 * passed before stays with serve; it is of a pack that the grant held for. */
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keeper.h"

/* 1: a grant holds; 0: none does; <0 */
static int granted(struct keeper *k, const char *source, struct err *e) {
    struct readgrant g;
    struct err why = ERR_INIT;
    bool doubt;
    if (readgrant_load(k->v, k->reader, source, &g, &why) == 0) return readgrant_holds(&g, log_time(&k->log, &doubt));
    return why.id == ZE_NOTFOUND ? 0 : err_set(e, why.id, why.object, "%s", why.msg);
}

/* A host's own grant only adds to what it may read: one that cannot be read must not stop its backups. */
int source_welcome(struct keeper *k, struct err *e) {
    bool own = strcmp(k->host, k->reader) == 0;
    struct err why = ERR_INIT;
    if (own && k->rights.read_all) return 0;
    int rc = granted(k, k->host, &why);
    k->rights.read_all = rc > 0;
    if (rc > 0 || own) return 0;
    if (rc < 0) return err_set(e, why.id, why.object, "%s", why.msg);
    return err_set(e, ZE_NOGRANT, k->host, _("%s has no grant to read it, or it has ended"), k->reader);
}

int keeper_source(struct keeper *k, struct rd *r, struct err *e) {
    char source[64];
    rd_str(r, source, sizeof source);
    if (!rd_end(r) || !text_name_ok(source)) return keeper_malformed(k, e);
    bool own = strcmp(source, k->reader) == 0;
    int rc = granted(k, source, e);
    if (rc < 0) return -1;
    /* The same words whether there is such a host or not: nobody learns names this way. */
    if (!rc && !(own && k->rights.read_all))
        return err_set(e, ZE_NOGRANT, source, _("%s has no grant to read it, or it has ended"), k->reader);
    if (k->opened >= 0) close(k->opened);
    k->opened = -1;
    spool_drop(k);
    pack_list_free(&k->packs);
    log_free(&k->log);
    k->begun = false;
    k->mode = BIND_SOURCE;
    memcpy(k->host, source, sizeof k->host);
    return log_open(&k->log, k->v, source, e) < 0 || log_settle(&k->log, e) < 0 ? -1 : F_OKAY;
}
