/**
 * Records of the host log (FORMAT.md §8), the vault header and system objects (§3): plain structs and their bytes.
 *
 * Decoding copies everything out of the input; what was decoded is released with record_free. Decoders accept bytes from
 * anybody: ZE_DAMAGED for what is malformed, ZE_NEWER for a version above 1, ZE_VAULTKEY when the signature fails.
 */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

enum record_type { REC_HOST = 1, REC_BEGIN, REC_COMMIT, REC_ABANDON, REC_LEASE, REC_PIN, REC_REMOVE, REC_TIME, REC_REVOKE,
    REC_FLOOR, REC_APPROVERS, REC_CONFIRM, REC_KEY, REC_COLLECT, REC_WITNESS };
enum point_kind { KIND_FULL = 1, KIND_INCREMENTAL = 2 };
enum point_state { STATE_COMPLETE = 1, STATE_PARTIAL = 2 };
/** The words for them, as in JSON; for people through _(): both are marked for translation. */
const char *kind_word(uint8_t kind);
const char *state_word(uint8_t state);

enum { LABELS_MAX = 8, SLOTS_MAX = 8, APPROVERS_MAX = 12, APPROVER_KEY_MAX = 256 };

struct key_slot {
    uint8_t recipient[SEAL_KEY];
    char label[64];
    uint8_t sealed[SEAL_KEY + SEAL_BOX_EXTRA];
};

struct key_slots {
    unsigned n;
    struct key_slot slot[SLOTS_MAX];
    uint8_t check[SEAL_ID];
};

struct labels {
    unsigned n;
    char label[LABELS_MAX][32];
};

struct used_ref {
    uint32_t page;
    uint8_t hash[SEAL_HASH];
};

struct slot_ref {
    uint32_t pack, slot;
};

struct rec_host {
    char host[64], system[64], suite[16];
    uint8_t system_id[SEAL_ID], ssh_pub[SEAL_SIGN_PUB];
    struct key_slots keys;
};

struct rec_begin {
    uint32_t point, parent, first_pack;
    uint8_t kind, generation[SEAL_ID], upload[SEAL_ID], plan_hash[SEAL_HASH];
    uint64_t epoch;
    int64_t lease_until, retain_until;
    char ticket[64];
    struct labels labels;
    size_t damaged_n;
    struct slot_ref *damaged; /* owned */
};

struct rec_commit {
    uint64_t begin_n;
    uint32_t point, parent;
    uint8_t kind, state, generation[SEAL_ID], upload[SEAL_ID], system_id[SEAL_ID], plan_hash[SEAL_HASH];
    uint64_t epoch;
    char ticket[64];
    struct labels labels;
    int64_t walk_start, retain_until;
    uint64_t files, bytes, bytes_read, bytes_sent, bytes_stored;
    size_t root_len;
    uint8_t *root; /* sealed root, owned */
    size_t used_n;
    struct used_ref *used; /* owned */
    struct key_slots keys;
};

struct rec_pin {
    uint32_t point;
    int64_t until;
    char reason[256], who[128];
};

/** Consent that the vault can check (FORMAT.md §8): as encoded; wire/approval.h takes it apart. No bytes: none was given. */
struct approvals {
    size_t len;
    uint8_t *p; /* owned */
};

/** Who may approve: a name and an ssh public key as OpenSSH sends it (type, key, …). */
struct approver {
    char name[64];
    size_t key_len;
    uint8_t key[APPROVER_KEY_MAX];
};
struct approver_list {
    unsigned n;
    struct approver item[APPROVERS_MAX];
};

struct rec_remove {
    uint32_t point;
    char reason[256], who[128];
    struct approvals approvals;
};
struct rec_floor {
    uint32_t days;
    char reason[256], who[128];
    struct approvals approvals;
};
struct rec_approvers {
    struct approver_list list;
    struct approvals approvals;
};
struct rec_confirm {
    int64_t time;    /* what it truly was */
    uint64_t time_n; /* the time record of the vault's log that it answers */
    struct approvals approvals;
};

/** Another key takes the vault's signatures over (wire/keychain.h). */
enum key_how { KEY_ROTATED = 1, KEY_REPLACED = 2 };
struct rec_key {
    uint8_t how, old[SEAL_SIGN_PUB], pub[SEAL_SIGN_PUB];
    uint8_t sig[SEAL_SIG]; /* by the old key; zeros in a replacement */
    struct approvals approvals;
};

/** From here on segments of the generation may be gone, or elsewhere; packs below next_pack are or were there, and their
 * numbers are not given again. */
struct rec_collect {
    uint8_t generation[SEAL_ID];
    uint64_t counter;
    uint32_t next_pack;
};

/** How far an audit of the orchestrator had come: its last record, and the key that signs its checkpoints. */
struct rec_witness {
    uint64_t n;
    uint8_t hash[SEAL_HASH], key[SEAL_SIGN_PUB];
};

struct record {
    uint8_t type, flags;
    uint64_t n;
    uint8_t prev[SEAL_HASH], host_id[SEAL_ID];
    int64_t time;
    uint8_t hash[SEAL_HASH]; /* of the whole record; filled by encode and decode */
    uint8_t key;             /* which of the vault's keys has signed it; filled by keychain_decode */
    union {
        struct rec_host host;
        struct rec_begin begin;
        struct rec_commit commit;
        struct { uint64_t begin_n; char reason[256]; } abandon;
        struct { uint64_t epoch; uint8_t upload[SEAL_ID]; int64_t until; } lease;
        struct rec_pin pin;
        struct rec_remove remove;
        struct rec_floor floor;
        struct rec_approvers approvers;
        struct rec_confirm confirm;
        struct { int64_t clock; char why[256]; } time_mark;
        struct { char reason[256]; } revoke;
        struct rec_collect collect;
        struct rec_witness witness;
        struct rec_key key_change;
    };
};

/** record_encode(r, vault_id, sec, out, e): append the signed bytes of ${r} to ${out} (reset first) and fill r->hash. */
int record_encode(struct record *r, const uint8_t vault_id[SEAL_ID], const uint8_t sec[SEAL_SIGN_SEC], struct buf *out,
    struct err *e) MUST_CHECK;

/** record_decode(r, p, n, vault_id, pub, e): parse and check the signature (not the chain); ${pub} NULL: the caller knows by
 * its hash that this record was signed, and compares. Types this version does not know come back with only the header filled. On error nothing has to be released. */
int record_decode(struct record *r, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const uint8_t pub[SEAL_SIGN_PUB], struct err *e) MUST_CHECK;
void record_free(struct record *r);

void key_slots_put(struct buf *b, const struct key_slots *k);
void key_slots_get(struct rd *r, struct key_slots *k); /* the reader goes bad when there are too many or one is malformed */

/** The bytes of a list of approvers, as in its record and as hashed for the approval of a new one. */
void approver_list_put(struct buf *b, const struct approver_list *l);

/** record_known(type): whether this version reads bodies of this type. */
bool record_known(uint8_t type);

struct vault_header {
    uint8_t id[SEAL_ID], pub[SEAL_SIGN_PUB];
    char suite[16];
    int64_t created;
};
int vault_header_encode(const struct vault_header *v, const uint8_t sec[SEAL_SIGN_SEC], struct buf *out, struct err *e)
    MUST_CHECK;
int vault_header_decode(struct vault_header *v, const void *p, size_t n, struct err *e) MUST_CHECK;

struct system_object {
    uint8_t id[SEAL_ID];
    char name[64], suite[16];
};
int system_object_encode(const struct system_object *s, const uint8_t vault_id[SEAL_ID], const uint8_t sec[SEAL_SIGN_SEC],
    struct buf *out, struct err *e) MUST_CHECK;
int system_object_decode(struct system_object *s, const void *p, size_t n, const uint8_t vault_id[SEAL_ID],
    const uint8_t pub[SEAL_SIGN_PUB], struct err *e) MUST_CHECK;

#endif
