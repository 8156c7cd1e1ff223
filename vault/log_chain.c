/* A record has the hash of the one before it, under the vault's signature: so the signature of the last record vouches for
 * every one that leads to it, and a log that is whole is read with one check of a signature instead of thousands. Which
 * record is bad, in a log that is not, and whether its second copy can stand in for it, is for the reading one by one.
 *
 * It must be the key that signs now: by an older one, which somebody may have stolen, the last record says nothing about those
 * before it. Each log gets a record by a new key at once (keys.h), so this is the rule and not the exception. */
#include "log_chain.h"

#include "wire/keychain.h"

/* One record by its chain alone: 1, 0 at the end of the log, <0. Its bytes are in ${raw}. */
static int link_on(struct host_log *l, struct buf *raw) {
    char name[STORE_NAME_MAX];
    struct record r = {0};
    struct err e = ERR_INIT;
    log_record_name(l, l->next, name);
    buf_reset(raw);
    if (store_load(&l->v->store, name, ZB_RECORD_MAX, raw, &e) < 0) return e.id == ZE_NOTFOUND ? 0 : -1;
    if (record_decode(&r, raw->p, raw->len, l->v->header.id, NULL, &e) < 0) return -1;
    r.key = l->key; /* nothing is said of it yet */
    int rc = r.n == l->next && log_follow(l, &r, false, &e) == 0 ? 1 : -1;
    record_free(&r);
    return rc;
}

/* By the key that signs now, which becomes the log's. */
static bool signed_now(struct host_log *l, const struct buf *raw) {
    struct record r;
    struct err e = ERR_INIT;
    const struct keychain *keys = &l->v->keys;
    if (keychain_decode(&r, raw->p, raw->len, l->v->header.id, keys, &e) < 0) return false;
    l->key = r.key;
    record_free(&r);
    return l->key + 1U == keys->n;
}

bool log_chain(struct host_log *l) {
    struct buf raw[2];
    unsigned last = 0;
    uint64_t from = l->next;
    int rc;
    for (int i = 0; i < 2; i++) buf_init(&raw[i], ZB_RECORD_MAX);
    while ((rc = link_on(l, &raw[last])) == 1) last ^= 1;
    bool sound = rc == 0 && (l->next == from || signed_now(l, &raw[last ^ 1]));
    for (int i = 0; i < 2; i++) buf_free(&raw[i]);
    return sound;
}
