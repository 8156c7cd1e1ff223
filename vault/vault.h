/**
 * The directory of a vault. The keeper owns everything below it; serve connects to its socket and touches nothing else.
 *
 *   store/               the objects (FORMAT.md §3)
 *   keeper/gc            when the keeper last collected (gc.h); keeper/reserve: space for what wins space (reserve.h)
 *   keeper/logs, small   what was read of each host, for the next reader (log_cache.h, small.h): losing it costs time
 *   keeper/clock         what clock and uptime said last (clockwatch.h)
 *   keeper/key           seed of the vault's signing key; keeper/key.next: of the one that will follow; keeper/lock/HOST is locked while a session holds HOST's
 *                        lease, keeper/lock/HOST.live by each of its sessions, keeper/lock/HOST.gc by a collection
 *   keeper/recovery      the sealed recovery file (recovery.h); .conf: to whom and where to; .sum: of what state it is
 *   rights/HOST          what the host may do: `read meta|all`, `floor_days N`, `revoked`
 *   tickets/HOST/TICKET  laid by the platform for one run: labels, plan hash, retain-until
 *   tokens/HOST          an enrolment that was asked for: system, expiry, public key of the one-time key
 *   spool/               where packs that serve is writing have their bytes, and no name
 *   ssh/authorized_keys  made by the keeper from tokens and hosts
 *   run/                 serve.sock, control.sock (the keeper's), zaibeid.sock (the orchestrator's)
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include <limits.h>

#include "store.h"
#include "sys/clock.h"
#include "vaultlog.h"
#include "wire/keychain.h"
#include "wire/record.h"

enum { DEFAULT_FLOOR_DAYS = 92, HEX_ID = 2 * SEAL_ID + 1, HEX_HASH = 2 * SEAL_HASH + 1 };
#define NS_PER_S 1000000000LL
#define NS_PER_DAY (86400 * NS_PER_S)

struct vault {
    char dir[PATH_MAX]; /* absolute, for messages and authorized_keys only */
    int fd;             /* of the directory: held */
    struct store store;
    struct vault_header header;
    struct buf header_raw;
    struct keychain keys;        /* the header's key and those that followed (keys.h) */
    uint64_t keys_at[KEYS_MAX];  /* the records of the vault's log that put them there; from 1 on */
    uint8_t *sec;                /* SEAL_SIGN_SEC bytes of secret memory: of the last of them */
    uint8_t *next_sec;           /* while the key changes: the one that signs its record */
    bool keyless;                /* opened without a key: nothing is signed */
    struct clock *clock;
    struct vault_log log; /* what of the vault's own log was read so far */
};

/** vault_open(v, dir, clock, e): open as the keeper: store, header, signing key. ZE_NOTFOUND when ${dir} is no vault,
 * ZE_VAULTKEY when the key is not the header's. vault_close wipes the key and is harmless after a failed open. */
int vault_open(struct vault *v, const char *dir, struct clock *clock, struct err *e) MUST_CHECK;
void vault_close(struct vault *v);
/** vault_open_keyless: the same without the signing key, which may be lost; only to replace it. */
int vault_open_keyless(struct vault *v, const char *dir, struct clock *clock, struct err *e) MUST_CHECK;

/** vault_init(dir, clock, v, e): make the vault and open it. ZE_EXISTS when ${dir} holds one or anything else. */
int vault_init(const char *dir, struct clock *clock, struct vault *v, struct err *e) MUST_CHECK;

/** The second copy of the header: whichever of the two is whole counts. */
#define HEADER_NAME "vault"
#define HEADER_COPY "vault.copy"

/** vault_tree(fd, again, e): make the directories of a vault below ${fd}; ZE_EXISTS when one is there, unless ${again}. */
int vault_tree(int fd, bool again, struct err *e) MUST_CHECK;

/** path_plain(path): whether it can stand in authorized_keys and in a shell command as it is. */
bool path_plain(const char *path);

/** lock_file(v, name, e): hold keeper/lock/NAME: a descriptor (closing it gives the lock up, so does the end of the
 * process), or -1: ZE_BUSY when another process holds it. lock_wait waits instead. */
int lock_file(struct vault *v, const char *name, struct err *e) MUST_CHECK;
int lock_wait(struct vault *v, const char *name, struct err *e) MUST_CHECK;

/** system_load(v, name, s, e): ZE_NOTFOUND when there is none. system_make: load it, or make it. */
int system_load(struct vault *v, const char *name, struct system_object *s, struct err *e) MUST_CHECK;
int system_make(struct vault *v, const char *name, struct system_object *s, struct err *e) MUST_CHECK;

/** floor_from(at, days): the instant ${days} after ${at}. */
static inline int64_t floor_from(int64_t at, unsigned days) { return at + (int64_t)days * NS_PER_DAY; }

#endif
