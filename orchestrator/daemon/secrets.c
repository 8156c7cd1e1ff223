/* XChaCha20-Poly1305 with a random nonce; the user's number is the associated data, so that nobody who writes into the
 * catalog gets one person's codes to hold for another.
 *
 * The key is made durable before anything is sealed under it. If interrupted between the two, the key is there and
 * nothing is sealed; a start seals what is open in one transaction. Without the key no new one is made as long as
 * something is sealed: that would turn a file that was forgotten in a restore into codes that are lost. */
#include "secrets.h"

#include <fcntl.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "sys/file.h"

static const char key_name[] = "secrets.key", domain[] = "zaibei totp";

static void ad_of(int64_t user, uint8_t ad[sizeof domain + 8]) {
    memcpy(ad, domain, sizeof domain);
    for (unsigned i = 0; i < 8; i++) ad[sizeof domain + i] = (uint8_t)((uint64_t)user >> (56 - 8 * i));
}

void secrets_seal(struct daemon *d, int64_t user, const uint8_t secret[TOTP_SECRET], uint8_t out[TOTP_SEALED]) {
    uint8_t ad[sizeof domain + 8];
    ad_of(user, ad);
    memset(out, 0, TOTP_SEALED); /* without a key: what nobody can open */
    seal_random(out, SEAL_NONCE);
    if (d->secrets) aead_seal(out + SEAL_NONCE, d->secrets, out, ad, sizeof ad, secret, TOTP_SECRET);
}

bool secrets_unseal(struct daemon *d, int64_t user, const uint8_t sealed[TOTP_SEALED], uint8_t out[TOTP_SECRET]) {
    uint8_t ad[sizeof domain + 8];
    ad_of(user, ad);
    return d->secrets &&
        aead_open(out, d->secrets, sealed, ad, sizeof ad, sealed + SEAL_NONCE, TOTP_SEALED - SEAL_NONCE);
}

/* The next user after *id one of whose secrets has ${n} bytes; both are copied. */
static bool next_with(struct daemon *d, size_t n, int64_t *id, uint8_t totp[TOTP_SEALED], uint8_t new[TOTP_SEALED],
    bool *has, bool *has_new) {
    struct db_rows *r = db_query(d->db,
        "SELECT id,totp,totp_new FROM users WHERE id>?1 AND (length(totp)=?2 OR length(totp_new)=?2) ORDER BY id LIMIT 1",
        "ii", *id, (int64_t)n);
    bool found = db_next(r);
    for (int c = 1; found && c <= 2; c++) {
        size_t len;
        const void *p = db_blob(r, c, &len);
        *(c == 1 ? has : has_new) = len == n;
        if (len == n) memcpy(c == 1 ? totp : new, p, n);
    }
    if (found) *id = db_int(r, 0);
    db_done(r);
    return found;
}

static void put(struct daemon *d, const char *sql, int64_t id, const uint8_t secret[TOTP_SECRET]) {
    uint8_t sealed[TOTP_SEALED];
    secrets_seal(d, id, secret, sealed);
    db_exec(d->db, sql, "bi", (const void *)sealed, sizeof sealed, id);
}

/* Rows of a version that kept them open. */
static int seal_open_ones(struct daemon *d, struct err *e) {
    uint8_t totp[TOTP_SEALED], new[TOTP_SEALED];
    bool has, has_new;
    int64_t id = 0;
    db_begin(d->db);
    while (next_with(d, TOTP_SECRET, &id, totp, new, &has, &has_new)) {
        if (has) put(d, "UPDATE users SET totp=? WHERE id=?", id, totp);
        if (has_new) put(d, "UPDATE users SET totp_new=? WHERE id=?", id, new);
    }
    seal_wipe(totp, sizeof totp), seal_wipe(new, sizeof new);
    return db_commit(d->db, e);
}

/* Whether all that is sealed opens; *n: how many people have something sealed. */
static bool all_open(struct daemon *d, int64_t *n) {
    uint8_t totp[TOTP_SEALED], new[TOTP_SEALED], out[TOTP_SECRET];
    bool has, has_new, good = true;
    int64_t id = 0;
    for (*n = 0; next_with(d, TOTP_SEALED, &id, totp, new, &has, &has_new); ++*n)
        good = good && (!has || secrets_unseal(d, id, totp, out)) && (!has_new || secrets_unseal(d, id, new, out));
    seal_wipe(out, sizeof out);
    return good;
}

/* The key's file into d->secrets; 1: there is none. */
static int load(struct daemon *d, int dir, struct err *e) {
    struct err why = ERR_INIT;
    struct buf b;
    buf_init(&b, SEAL_KEY);
    int rc = file_load(dir, key_name, SEAL_KEY, &b, &why);
    if (rc < 0 && why.id == ZE_NOTFOUND) return buf_free(&b), 1;
    if (rc < 0) *e = why;
    else if (b.len != SEAL_KEY) rc = err_set(e, ZE_SECRETSKEY, key_name, _("not %d bytes"), SEAL_KEY);
    else if (!(d->secrets = secret_alloc(SEAL_KEY))) rc = err_set(e, ZE_NOMEM, key_name, "key");
    else memcpy(d->secrets, b.p, SEAL_KEY);
    if (b.p) seal_wipe(b.p, b.cap);
    buf_free(&b);
    return rc;
}

static int make(struct daemon *d, int dir, struct err *e) {
    if (!(d->secrets = secret_alloc(SEAL_KEY))) return err_set(e, ZE_NOMEM, key_name, "key");
    seal_random(d->secrets, SEAL_KEY);
    return file_put_new(dir, key_name, d->secrets, SEAL_KEY, 0600, e);
}

int secrets_open(struct daemon *d, struct err *e) {
    int64_t sealed;
    CLEANUP_FD int dir = open(d->cfg->state, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (dir < 0) return err_sys(e, d->cfg->state, _("open"));
    int rc = load(d, dir, e);
    if (rc < 0) return -1;
    db_begin(d->db);
    bool good = all_open(d, &sealed);
    if (db_commit(d->db, e) < 0) return -1;
    if (rc == 1 && sealed) return err_set(e, ZE_SECRETSKEY, key_name, _("it is missing"));
    if (!good) return err_set(e, ZE_SECRETSKEY, key_name, _("it is not the key of this catalog"));
    if (rc == 1 && make(d, dir, e) < 0) return -1;
    return seal_open_ones(d, e);
}

void secrets_close(struct daemon *d) {
    if (d->secrets) secret_free(d->secrets);
    d->secrets = NULL;
}

int secrets_forget(struct daemon *d, struct err *e) {
    db_begin(d->db);
    db_exec(d->db, "UPDATE users SET totp=x'',totp_new=x'' WHERE totp<>x'' OR totp_new<>x''", "");
    int64_t n = db_changes(d->db);
    db_exec(d->db, "DELETE FROM credentials", "");
    audit_add(d->db, daemon_now(d), "zaibeid", "user.codes-forgotten", "", NULL);
    return db_commit(d->db, e) < 0 ? -1 : (int)n;
}
