/* Checkpoints, and computing the chain again. A chain alone shows a change only to somebody who has kept its head; a checkpoint is
 * a head that cannot be made without the key, and the vault keeps heads that cannot be taken back (audit_witness.c). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "catalog.h"
#include "sys/file.h"

enum { HASH_HEX = 2 * SEAL_HASH + 1, SIG_HEX = 2 * SEAL_SIG + 1, PAGE = 1000 };

static const char key_name[] = "audit.key";

int audit_key_open(struct audit_key *k, const char *state_dir, struct err *e) {
    uint8_t seed[SEAL_SIGN_SEED];
    struct buf b;
    k->sec = NULL;
    CLEANUP_FD int fd = open(state_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, state_dir, _("open"));
    buf_init(&b, sizeof seed);
    int rc = file_load(fd, key_name, sizeof seed, &b, e);
    if (rc < 0 && e->id == ZE_NOTFOUND) {
        seal_random(seed, sizeof seed);
        /* If interrupted here, the next start makes another one; nothing was signed yet. */
        rc = file_put_new(fd, key_name, seed, sizeof seed, 0600, e);
        if (rc == 0) buf_put(&b, seed, sizeof seed);
    }
    if (rc == 0 && (!buf_ok(&b) || b.len != sizeof seed)) rc = err_set(e, ZE_DAMAGED, key_name, _("not 32 bytes"));
    if (rc == 0 && !(k->sec = secret_alloc(SEAL_SIGN_SEC))) rc = err_set(e, ZE_NOMEM, key_name, "key");
    if (rc == 0) sign_from_seed(k->pub, k->sec, b.p);
    if (b.p) seal_wipe(b.p, b.cap);
    seal_wipe(seed, sizeof seed);
    buf_free(&b);
    return rc ? -1 : 0;
}

void audit_key_close(struct audit_key *k) {
    if (k->sec) secret_free(k->sec);
    k->sec = NULL;
}

/* What is signed, into ${out}; its length. */
static size_t statement(char out[128], int64_t n, const char *hash) {
    static const char domain[] = "zaibei audit checkpoint";
    memcpy(out, domain, sizeof domain);
    return sizeof domain + (size_t)snprintf(out + sizeof domain, 128 - sizeof domain, "%" PRId64 " %.64s", n, hash);
}

/* The number and time of the last checkpoint; 0 when there is none. */
static int64_t last_checkpoint(struct db *d, int64_t *time_ns) {
    struct db_rows *r =
        db_query(d, "SELECT n, time_ns FROM audit WHERE act='audit.checkpoint' ORDER BY n DESC LIMIT 1", "");
    int64_t n = db_next(r) ? db_int(r, 0) : 0;
    *time_ns = n ? db_int(r, 1) : 0;
    db_done(r);
    return n;
}

bool audit_checkpoint(struct db *d, int64_t now_ns, const struct audit_key *k, bool always) {
    uint8_t hash[SEAL_HASH], sig[SEAL_SIG];
    char hex[HASH_HEX], sig_hex[SIG_HEX], text[128];
    int64_t n, when, last = last_checkpoint(d, &when);
    audit_head(d, &n, hash);
    bool due =
        always || n - last >= AUDIT_CHECKPOINT_RECORDS || now_ns - when >= AUDIT_CHECKPOINT_S * (int64_t)NS_PER_S;
    if (!due || n == last) return false;
    text_hex(hex, hash, sizeof hash);
    sign_make(sig, k->sec, text, statement(text, n, hex));
    text_hex(sig_hex, sig, sizeof sig);
    struct js *detail = js_object();
    js_set_int(detail, "n", n);
    js_set_str(detail, "hash", hex);
    js_set_str(detail, "sig", sig_hex);
    audit_add(d, now_ns, "zaibeid", "audit.checkpoint", "", detail);
    return true;
}

static bool checkpoint_good(const struct js *line, int64_t n, const uint8_t prev[SEAL_HASH], const uint8_t *pub) {
    const struct js *detail = js_get(line, "detail");
    char hex[HASH_HEX], text[128];
    uint8_t sig[SEAL_SIG];
    text_hex(hex, prev, SEAL_HASH);
    return js_int(detail, "n", 0) == n - 1 && !strcmp(js_str(detail, "hash", ""), hex) &&
        text_unhex(sig, sizeof sig, js_str(detail, "sig", "")) &&
        sign_check(sig, pub, text, statement(text, n - 1, hex));
}

/* The columns repeat what the line says, so that lists can be filtered; what they say must be the same. */
static const char *row_wrong(
    struct db_rows *r, int64_t n, uint8_t hash[SEAL_HASH], const uint8_t *pub, bool *checkpoint) {
    static const char *const columns[] = {"who", "act", "object"};
    struct err ignored = ERR_INIT;
    struct hash_state h;
    char when[32];
    uint8_t prev[SEAL_HASH];
    size_t len;
    memcpy(prev, hash, sizeof prev);
    const char *line = db_text(r, 2);
    hash_init(&h, NULL);
    hash_update(&h, hash, SEAL_HASH);
    hash_update(&h, line, strlen(line));
    hash_final(&h, hash);
    const void *stored = db_blob(r, 3, &len);
    if (len != SEAL_HASH || memcmp(stored, hash, SEAL_HASH) != 0)
        return _("its hash does not follow from the record before");
    CLEANUP_JS struct js *j = js_parse(line, strlen(line), "audit", &ignored);
    if (!j || js_int(j, "n", 0) != n) return _("it is another record than its number says");
    for (int i = 0; i < 3; i++)
        if (strcmp(js_str(j, columns[i], ""), db_text(r, 4 + i)) != 0) return _("its columns say something else");
    text_time(when, db_int(r, 1));
    if (strncmp(js_str(j, "time", ""), when, 19) != 0) return _("its columns say something else");
    *checkpoint = !strcmp(db_text(r, 5), "audit.checkpoint");
    return *checkpoint && !checkpoint_good(j, n, prev, pub) ? _("the signature of this checkpoint does not hold")
                                                            : NULL;
}

int audit_verify(struct db *d, const uint8_t pub[SEAL_SIGN_PUB], struct audit_verdict *v, struct err *e) {
    uint8_t hash[SEAL_HASH] = {0};
    int64_t n = 0, page = PAGE;
    *v = (struct audit_verdict){.records = 0};
    while (page == PAGE && !v->first_bad) {
        db_begin(d);
        struct db_rows *r =
            db_query(d, "SELECT n,time_ns,line,hash,who,act,object FROM audit WHERE n>? ORDER BY n LIMIT ?", "ii", n,
                (int64_t)PAGE);
        for (page = 0; !v->first_bad && db_next(r); page++) {
            bool checkpoint = false;
            const char *why = db_int(r, 0) != n + 1 ? _("records before it are missing")
                                                    : row_wrong(r, n + 1, hash, pub, &checkpoint);
            v->checkpoints += checkpoint;
            v->records++;
            if (why) v->first_bad = db_int(r, 0), snprintf(v->why, sizeof v->why, "%s", why);
            n++;
        }
        db_done(r);
        if (db_commit(d, e) < 0) return -1;
    }
    return 0;
}
