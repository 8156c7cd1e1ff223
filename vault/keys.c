/* How the chain is learnt, and how the process that has it keeps up. The record in the vault's log is what counts; `keys/N` is its
 * second copy, by which the chain is known even when the log cannot be read: restores must not depend on it. The copies
 * are believed when they lead to the key that lies in keeper/: whoever could put that there could sign anyway. Else
 * the log is read from its beginning and each change judged again: by the old key's signature, by the approvals.
 *
 * If a change was interrupted: before its record, keeper/key is the last of the chain and keeper/key.next waits; after it,
 * keeper/key.next is the last of the chain, and its seed is written over keeper/key, here. At every instant one of the two files is
 * the seed of the key that counts, and nothing else is ever needed. */
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

#define KEY "keeper/key"
#define NEXT "keeper/key.next"

static void key_name(uint64_t n, const char *dir, char out[STORE_NAME_MAX]) {
    snprintf(out, STORE_NAME_MAX, "%s/%016llx", dir, (unsigned long long)n);
}

/* ---- seeds ---- */

/* The secret key in ${file}, to be freed; NULL with ${e}. Its second half is the public one. */
static uint8_t *seed_load(struct vault *v, const char *file, struct err *e) {
    struct buf b;
    uint8_t pub[SEAL_SIGN_PUB], *sec = NULL;
    buf_init(&b, SEAL_SIGN_SEED);
    int rc = file_load(v->fd, file, SEAL_SIGN_SEED, &b, e);
    if (rc == 0 && b.len != SEAL_SIGN_SEED) rc = err_set(e, ZE_DAMAGED, file, _("it is not %d bytes"), SEAL_SIGN_SEED);
    if (rc == 0 && !(sec = secret_alloc(SEAL_SIGN_SEC))) err_set(e, ZE_NOMEM, file, _("no locked memory"));
    if (sec) sign_from_seed(pub, sec, b.p);
    if (b.p) seal_wipe(b.p, b.len);
    buf_free(&b);
    return sec;
}

static const uint8_t *public_of(const uint8_t *sec) { return sec + SEAL_SIGN_SEED; }

static bool is_last(struct vault *v, const uint8_t *sec) {
    return sec && memcmp(public_of(sec), keychain_last(&v->keys), SEAL_SIGN_PUB) == 0;
}

/* The new seed stands under both names until it is durable under the one that counts. */
static int next_takes_over(struct vault *v, const uint8_t *sec, struct err *e) {
    if (file_replace(v->fd, KEY, sec, SEAL_SIGN_SEED, 0600, e) < 0) return -1;
    /* If interrupted here, keys_next finds a seed that has its place already, and makes another. */
    (void)!unlinkat(v->fd, NEXT, 0);
    return 0;
}

/* The seed of the last key of the chain, under either name. Of two processes that move it one finds it moved. */
static int key_take(struct vault *v, struct err *e) {
    struct err ignored = ERR_INIT;
    uint8_t *sec = seed_load(v, KEY, e);
    if (!is_last(v, sec)) {
        bool other = sec != NULL;
        uint8_t *next = seed_load(v, NEXT, &ignored);
        secret_free(sec), sec = next;
        if (is_last(v, sec) && next_takes_over(v, sec, e) < 0) return secret_free(sec), -1;
        if (!sec) sec = seed_load(v, KEY, &ignored); /* another process has just moved it */
        if (!is_last(v, sec)) {
            secret_free(sec);
            return other ? err_set(e, ZE_VAULTKEY, v->dir, _("keeper/key is not the key of this vault")) : -1;
        }
    }
    secret_free(v->sec);
    v->sec = sec;
    *e = (struct err)ERR_INIT;
    return 0;
}

int keys_follow(struct vault *v, struct err *e) {
    if (v->keyless || is_last(v, v->sec)) return 0;
    secret_free(v->sec); /* what it signed from now on nobody would believe */
    v->sec = NULL;
    return key_take(v, e);
}

int keys_signing(struct vault *v, struct err *e) {
    return v->sec ? 0 : err_set(e, ZE_VAULTKEY, v->dir, _("the key that signs now is not here"));
}

uint8_t *keys_next_seed(struct vault *v, struct err *e) { return seed_load(v, NEXT, e); }

/* The public half of key.next; false when there is none, or one that has had its time. */
static bool next_there(struct vault *v, uint8_t pub[SEAL_SIGN_PUB]) {
    struct err ignored = ERR_INIT;
    uint8_t *sec = seed_load(v, NEXT, &ignored);
    if (!sec) return false;
    memcpy(pub, public_of(sec), SEAL_SIGN_PUB);
    secret_free(sec);
    return keychain_find(&v->keys, pub) < 0;
}

/* A seed that root has made the keeper could not read. */
static int own_user(struct vault *v, struct err *e) {
    struct stat st;
    if (fstatat(v->fd, "keeper", &st, 0) < 0) return err_sys(e, "keeper", "stat");
    return st.st_uid == geteuid() ? 0 : err_set(e, ZE_USAGE, v->dir, _("run this as the keeper's user"));
}

int keys_next(struct vault *v, uint8_t pub[SEAL_SIGN_PUB], struct err *e) {
    uint8_t seed[SEAL_SIGN_SEED];
    if (own_user(v, e) < 0) return -1;
    if (next_there(v, pub)) return 0;
    if (unlinkat(v->fd, NEXT, 0) < 0 && errno != ENOENT) return err_sys(e, NEXT, _("remove"));
    seal_random(seed, sizeof seed);
    int rc = file_put_new(v->fd, NEXT, seed, sizeof seed, 0600, e); /* 1: somebody else was faster */
    seal_wipe(seed, sizeof seed);
    if (rc < 0) return -1;
    return next_there(v, pub) ? 0 : err_set(e, ZE_DAMAGED, NEXT, _("it is not %d bytes"), SEAL_SIGN_SEED);
}

/* ---- the chain ---- */

static int one_load(struct vault *v, const char *dir, uint64_t n, struct record *r, struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX];
    key_name(n, dir, name);
    buf_reset(raw);
    if (store_load(&v->store, name, ZB_RECORD_MAX, raw, e) < 0) return -1;
    if (key_record_decode(r, raw->p, raw->len, v->header.id, e) < 0) return err_wrap(e, "%s", name);
    if (r->n == n) return 0;
    record_free(r);
    return err_set(e, ZE_DAMAGED, name, _("it is another record"));
}

static int either_load(struct vault *v, uint64_t n, struct record *r, struct buf *raw, struct err *e) {
    struct err ignored = ERR_INIT;
    return one_load(v, "keys", n, r, raw, e) == 0 || one_load(v, "log", n, r, raw, &ignored) == 0 ? 0 : -1;
}

int keys_load(struct vault *v, unsigned i, struct record *r, struct buf *raw, struct err *e) {
    if (either_load(v, v->keys_at[i], r, raw, e) < 0) return -1;
    *e = (struct err)ERR_INIT;
    return 0;
}

struct numbers {
    uint64_t n[KEYS_MAX];
    unsigned count;
};

static int number_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct numbers *l = arg;
    char *end;
    unsigned long long n = strtoull(name, &end, 16);
    if (strlen(name) == 16 && !*end && l->count < KEYS_MAX) l->n[l->count++] = n;
    return 0;
}

static int number_cmp(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The chain as the copies have it; it may end too early. */
static void chain_of_copies(struct vault *v) {
    struct numbers l = {.count = 0};
    struct err ignored = ERR_INIT;
    struct buf raw;
    keychain_init(&v->keys, v->header.pub);
    if (store_list(&v->store, "keys", number_add, &l, &ignored) < 0) return;
    qsort(l.n, l.count, sizeof *l.n, number_cmp);
    buf_init(&raw, ZB_RECORD_MAX);
    for (unsigned i = 0; i < l.count; i++) {
        struct record r;
        if (either_load(v, l.n[i], &r, &raw, &ignored) < 0) continue;
        if (memcmp(r.key_change.old, keychain_last(&v->keys), SEAL_SIGN_PUB) == 0 &&
            keychain_add(&v->keys, r.key_change.pub))
            v->keys_at[v->keys.n - 1] = r.n;
        record_free(&r);
    }
    buf_free(&raw);
}

int keys_open(struct vault *v, struct err *e) {
    struct err why = ERR_INIT, ignored = ERR_INIT;
    chain_of_copies(v);
    if (key_take(v, &ignored) == 0) return 0;
    /* The copies do not lead here, or nobody's key is here to say that they do: the log does, judged record by record. */
    keychain_init(&v->keys, v->header.pub);
    v->log = (struct vault_log){.next = 0};
    int rc = vaultlog_refresh(v, &why);
    if (v->sec || key_take(v, e) == 0) return 0;
    if (v->keyless) *e = why;
    return v->keyless ? rc : -1;
}

int keys_catch_up(struct vault *v) {
    struct err ignored = ERR_INIT;
    struct keychain had = v->keys;
    if (vaultlog_refresh(v, &ignored) == 0 && v->keys.n > had.n) return 1;
    chain_of_copies(v);
    bool longer = v->keys.n > had.n && memcmp(v->keys.pub, had.pub, had.n * sizeof *had.pub) == 0;
    if (longer && (v->keyless || key_take(v, &ignored) == 0)) return 1;
    v->keys = had;
    return 0;
}

/* What the vault's approvers must have signed. */
static struct act act_of(const struct rec_key *k, char words[2][HEX_HASH]) {
    text_hex(words[0], k->old, SEAL_SIGN_PUB);
    text_hex(words[1], k->pub, SEAL_SIGN_PUB);
    return (struct act){APPROVE_KEY, words[0], words[1]};
}

static int allowed(struct vault *v, const struct record *r, struct err *e) {
    const struct rec_key *k = &r->key_change;
    char words[2][HEX_HASH];
    if (k->how == KEY_ROTATED && v->log.approvers.n < APPROVALS_NEEDED) return 0;
    struct act act = act_of(k, words);
    return approvals_fit(v, &act, &k->approvals, e);
}

int keys_note(struct vault *v, const struct record *r, const struct buf *raw, struct err *e) {
    char name[STORE_NAME_MAX];
    struct err ignored = ERR_INIT;
    const struct rec_key *k = &r->key_change;
    int at = keychain_find(&v->keys, k->pub);
    if (at > 0 && at == keychain_find(&v->keys, k->old) + 1) return v->keys_at[at] = r->n, 0;
    if (memcmp(k->old, keychain_last(&v->keys), SEAL_SIGN_PUB) != 0)
        return err_set(e, ZE_KEYCHAIN, "log", _("record %llu replaces a key that did not sign"), (unsigned long long)r->n);
    if (allowed(v, r, e) < 0) return -1;
    if (!keychain_add(&v->keys, k->pub)) return err_set(e, ZE_KEYCHAIN, "log", _("more than %d keys"), KEYS_MAX);
    v->keys_at[v->keys.n - 1] = r->n;
    /* If interrupted here, the next process that reads the record makes the copy. */
    key_name(r->n, "keys", name);
    (void)!store_put_new(&v->store, name, raw->p, raw->len, &ignored);
    return 0;
}
