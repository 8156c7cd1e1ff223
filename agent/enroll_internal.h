/** Between enroll.c (what is asked for, what stays) and enroll_vault.c (the session). */
#ifndef AGENT_ENROLL_INTERNAL_H
#define AGENT_ENROLL_INTERNAL_H

#include "config.h"
#include "wire/record.h"

struct enrol {
    struct config c;
    struct key_slots slots;
    uint8_t *token_seed; /* secret; NULL for dir:// */
    bool pinned;         /* c.vault_pub is known before the session */
    bool repeated;       /* an earlier start got as far as the keys */
};

/** enroll_at_vault(x, e): have the vault take this host, or find that it has done so before; fills host, system and ids of
 * x->c, and the vault's id and key. ZE_TOKEN, ZE_VAULTKEY, ZE_REFUSED and what transport_open gives. */
int enroll_at_vault(struct enrol *x, struct err *e) MUST_CHECK;

/** enroll_continue(yes, e): this machine was rolled back: its receipt becomes the vault's last point, after a person has typed the
 * host's name (or ${yes}). An exit code; ZE_NOTHING when it knows that point already. */
int enroll_continue(bool yes, struct err *e) MUST_CHECK;

/** enroll_vault_key(typed, e): the vault's key was replaced without the old one's signature: pin the one that a person has compared and
 * typed, 64 hex digits, if that is the one that signs there now. An exit code; ZE_VAULTKEY when it is not. */
int enroll_vault_key(const char *typed, struct err *e) MUST_CHECK;

#endif
