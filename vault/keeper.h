/**
 * One connection to the keeper, in a process of its own: it holds a read view of one host's log, that host's lease
 * while the connection lives, and nothing else. Nothing that the peer says is believed; whatever it asks for is
 * judged by the store and by the vault's own files, so the process may be killed at any instruction.
 */
#ifndef VAULT_KEEPER_H
#define VAULT_KEEPER_H

#include "keeper_proto.h"
#include "log.h"
#include "notes.h"
#include "packs.h"
#include "wire/frame.h"

enum keeper_role { ROLE_SERVE = 1, ROLE_CONTROL = 2, ROLE_LOCAL = 4 }; /* which door the peer came through */
enum { READ_OWN_META = 2, READ_ALL = 4, ADD = 1 };
enum { LEASE_S = 86400 };

struct keeper {
    struct vault *v;
    struct frames f;
    enum keeper_role role;
    int mode; /* enum bind_mode; 0: not bound */
    char host[64], system[64];
    char reader[64]; /* whose session it is; since F_SOURCE host and log are those of the one that is read */
    uint8_t system_id[SEAL_ID];
    struct host_log log;
    struct rights rights;
    int presence; /* descriptor of the lock that shows this session to a revocation, or -1 */
    int lease;    /* descriptor of the held lock, or -1 */
    bool bind_tried;
    bool begun;
    struct log_begin begin; /* what this session began */
    uint32_t placed;
    struct pack_list packs; /* of the generation asked for last */
    struct buf raw, out;    /* a record; the payload of the answer */
    int opened;             /* what K_TAKE passes, or -1 */
    int spool[2][2];        /* by kind, the oldest first: files that serve writes packs into, or -1 */
    int signals;            /* signalfd of SIGTERM, or -1 */
};

/** keeper_run(v, fd, role, silence_ms, e): serve one connection until its end, or until the peer has been silent for so
 * long (-1: for ever). Return 0, or <0 with ${e} when it ended badly. */
int keeper_run(struct vault *v, int fd, enum keeper_role role, int silence_ms, struct err *e) MUST_CHECK;

/**
 * The handlers, one for each request: read ${r} to its end, leave the answer in k->out and return its type; 0 when they
 * have answered themselves; <0 with ${e}, which becomes F_ERROR.
 */
int keeper_bind(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_hello(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_ping(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_call(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_spool(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_source(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_list(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_begin(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_place(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_used(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_commit(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_abandon(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_index(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_open(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_take(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_enrol(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_keys(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;
int keeper_control(struct keeper *k, struct rd *r, struct err *e) MUST_CHECK;

/** keeper_malformed(k, e): ZE_PROTO for a payload that was too short, too long or out of range. */
int keeper_malformed(struct keeper *k, struct err *e);
/** keeper_lease(k, e): hold the host's lease; harmless when it is held already. ZE_BUSY. lease_renew: a record that
 * prolongs it, when half of it is over. */
int keeper_lease(struct keeper *k, struct err *e) MUST_CHECK;
void lease_renew(struct keeper *k);

/** presence_hold(k, e): show this session to a revocation. presence_end(v, host, e): end all sessions of the host: return
 * when they are gone. */
int presence_hold(struct keeper *k, struct err *e) MUST_CHECK;
int presence_end(struct vault *v, const char *host, struct err *e) MUST_CHECK;
/** presence_live: 1 while a session of the host lives, 0, <0. Not for a process that is such a session itself. */
int presence_live(struct vault *v, const char *host, struct err *e) MUST_CHECK;

/** spool_take(k, kind): the descriptor of the oldest spool file of this kind, the caller's, or -1. spool_drop: give all
 * up. */
int spool_take(struct keeper *k, uint8_t kind);
void spool_drop(struct keeper *k);
/** keeper_pack(k, generation, pack, name, e): open the pack's highest revision; ZE_MISSING. ${name} gets its object
 * name. */
int keeper_pack(struct keeper *k, const uint8_t generation[SEAL_ID], uint32_t pack, char name[STORE_NAME_MAX],
    struct err *e) MUST_CHECK;

/** The name of a used page. used_load: its bytes into ${out} (reset first), checked against their hash. */
void used_name(
    char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID], const uint8_t hash[SEAL_HASH]);
int used_load(struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref, struct buf *out,
    struct err *e) MUST_CHECK;

/**
 * used_check(k, generation, ref, bad, arg, e):
 * Whether everything that the used page ${ref} names is in the store: each pack whole but for its segments, each slot
 * in its index. What is absent or damaged is given to ${bad} with the reason in ${why} (kind: of the pack, 0 when it
 * cannot be told); what that returns below 0 ends the check.
 */
int used_check(struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref,
    int (*bad)(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

/**
 * used_check_revived(k, generation, ref, parent, first_pack, bad, arg, e):
 * The same, and for each slot of a pack below ${first_pack} (stored before this upload began) that the parent's page
 * ${parent} (NULL: none) does not name, the bytes too: nobody has vouched for them since they were last needed.
 */
int used_check_revived(struct keeper *k, const uint8_t generation[SEAL_ID], const struct used_ref *ref,
    const struct used_ref *parent, uint32_t first_pack,
    int (*bad)(void *arg, uint8_t kind, struct slot_ref slot, const struct err *why, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

/** source_welcome(k, e): what the session may read now, into k->rights, by its grant; ZE_NOGRANT when it reads another host and
 * the grant has ended. */
int source_welcome(struct keeper *k, struct err *e) MUST_CHECK;

/** authkeys_write(v, e): make ssh/authorized_keys anew from tokens and hosts. Serialised among processes. */
int authkeys_write(struct vault *v, struct err *e) MUST_CHECK;

#endif
