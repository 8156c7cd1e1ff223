/**
 * The vault's own disaster (FORMAT.md §10): one small sealed file with what a vault cannot do without and what agents have
 * pinned: signing key, header, rights, tokens, quotas, the vault's log, the first record of each host. It is written after
 * each change to keeper/recovery and to a directory of the administrator's choice, sealed to recovery kits of the platform.
 */
#ifndef VAULT_RECOVERY_H
#define VAULT_RECOVERY_H

#include "vault.h"

#define RECOVERY_CONF "keeper/recovery.conf"
#define RECOVERY_SEALED "keeper/recovery"
enum { RECOVERY_RECIPIENTS = 8, RECOVERY_MAX = 64 << 20 };

/** What keeper/recovery.conf says: to whom it is sealed, and where else it is written ("": nowhere). */
struct recovery_conf {
    unsigned n;
    uint8_t recipient[RECOVERY_RECIPIENTS][SEAL_KEY];
    char to[PATH_MAX];
};
/** recovery_conf_load: without the file nothing is set. recovery_conf_save replaces it. */
int recovery_conf_load(struct vault *v, struct recovery_conf *c, struct err *e) MUST_CHECK;
int recovery_conf_save(struct vault *v, const struct recovery_conf *c, struct err *e) MUST_CHECK;

/** recovery_write(v, e): make the file anew wherever it is not up to date; nothing without recipients. ZE_RECOVERY names the
 * place that could not be written; the others were. recovery_follow: the same after a change, which has been made and counts
 * whatever becomes of the file: what fails is printed. */
int recovery_write(struct vault *v, struct err *e) MUST_CHECK;
void recovery_follow(struct vault *v);

/** recovery_fresh(v, e): 1 when every place has it as it must be, 0 when not, <0 when that cannot be told. */
int recovery_fresh(struct vault *v, struct err *e) MUST_CHECK;

/**
 * vault_recover(dir, file, kit, clock, v, e):
 * Make ${dir} (absent, empty, or with the store of this vault in it) the vault again that wrote ${file}, and open it. Objects
 * that the store has stay; one that differs from the file's is an error. ZE_WRONGKEY, ZE_DAMAGED, ZE_VAULTKEY when the store
 * is another vault's, ZE_EXISTS when a whole vault is there. If interrupted, the same again goes on.
 */
int vault_recover(
    const char *dir, const char *file, const char *kit, struct clock *clock, struct vault *v, struct err *e) MUST_CHECK;

/** Between recovery.c, recovery_gather.c, recovery_seal.c and recover.c: the sealed form; ${plain} is what recovery_gather makes: vu count, each:
 * str name below the vault's directory, blob bytes. recovery_unseal: the vault's public key and the plain bytes, which are to
 * be wiped. */
int recovery_seal(const struct vault_header *h, const struct recovery_conf *c, int64_t now, const struct buf *plain,
    struct buf *out, struct err *e) MUST_CHECK;
int recovery_unseal(const char *name, const struct buf *file, const char *kit, uint8_t pub[SEAL_SIGN_PUB],
    struct buf *plain, struct err *e) MUST_CHECK;
/** recovery_look(name, plain, pub, e): whether the plain bytes are a recovery file's: plain names, the seed that gives ${pub}. */
int recovery_look(const char *name, const struct buf *plain, const uint8_t pub[SEAL_SIGN_PUB], struct err *e) MUST_CHECK;
/** recovery_gather: ${whole}: every object that is signed was there and is what was signed. recovery_conf_put: the lines of the
 * configuration but for the other place; initialises ${b}. */
int recovery_gather(struct vault *v, struct buf *out, bool *whole, struct err *e) MUST_CHECK;
void recovery_conf_put(struct buf *b, const struct recovery_conf *c);

#endif
