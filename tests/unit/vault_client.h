/** A small agent for tests of the vault: speaks PROTOCOL.md §2 on a descriptor, seals nothing (the vault cannot
 * tell). */
#ifndef TESTS_VAULT_CLIENT_H
#define TESTS_VAULT_CLIENT_H

#include "wire/frame.h"
#include "wire/pack.h"
#include "wire/record.h"

struct client {
    int fd;
    struct frames f;
    struct err err; /* of the last F_ERROR */
    struct vault_header vault;
    uint8_t generation[SEAL_ID], rights, receipt;
    uint32_t first_pack, point;
    struct record begin; /* without its damaged list, but with its length */
    bool has_parent;
    uint64_t collected;
};

void client_open(struct client *c, int fd);
void client_close(struct client *c);

/** client_ask: 0 when the answer is of type ${want} (its payload in ${r}), else the number of the error; -1 when the
 * connection ended. ${want} 0 sends only. */
int client_ask(struct client *c, uint8_t type, const void *p, size_t n, uint8_t want, struct rd *r);

int client_hello(struct client *c);
int client_hello_receipt(struct client *c, uint64_t n, const uint8_t hash[SEAL_HASH]);
int client_enrol(struct client *c, const char *host, uint8_t key);
int client_begin(struct client *c, uint8_t kind, uint8_t upload, const char *ticket);
/** client_pack: a pack of ${slots} segments whose bytes follow from pack and slot; ${lie} spoils the hash of slot 0. */
int client_pack(struct client *c, uint32_t pack, uint8_t kind, uint32_t slots, bool lie);
void client_pack_send(struct client *c, uint32_t pack, uint8_t kind, uint32_t slots, bool lie);
/** client_commit: uses slots 0 … slots[i]-1 of pack first+i. The record's number and hash are in ${record}. */
int client_commit(
    struct client *c, uint8_t upload, uint32_t first, const uint32_t *slots, size_t n, struct record *record);
/** client_get: the bytes are right: 0; SEGERR: its number. */
int client_get(struct client *c, const uint8_t generation[SEAL_ID], uint32_t pack, uint32_t slot);
int client_list(struct client *c, unsigned *points);

#endif
