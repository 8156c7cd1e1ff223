/** Keys for looking inside: the recovery kit or a host's own key, and the sub-keys of one generation (FORMAT.md §2). */
#ifndef VERIFY_KEY_H
#define VERIFY_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct key {
    enum { KEY_NONE, KEY_KIT, KEY_HOST } kind;
    uint8_t *sec; /* 32 bytes of secret memory: the kit's private half, or the host key */
    uint8_t pub[32];
};

/** key_load(k, kit, host_key, e): from the file that is not NULL: a kit file with a line zbk-sec-…, or the 32 bytes
 * of a host key. ZE_NOTFOUND, ZE_USAGE. With neither, KEY_NONE. key_free wipes. */
int key_load(struct key *k, const char *kit, const char *host_key, struct err *e) MUST_CHECK;
void key_free(struct key *k);

/** key_open(k, slots, hk, e): the host key from encoded key slots (also steps over them without a key). Return 0,
 * or <0: ZE_WRONGKEY when the key is for somebody else, ZE_DAMAGED when the slots are malformed or do not open
 * with it. */
int key_open(const struct key *k, struct rd *slots, uint8_t hk[32], struct err *e) MUST_CHECK;

#endif
