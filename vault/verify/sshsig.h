/** Signatures of `ssh-keygen -Y sign` (OpenSSH's PROTOCOL.sshsig) in the namespace zaibei-approval, read a second time. */
#ifndef VERIFY_SSHSIG_H
#define VERIFY_SSHSIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct bytes {
    const uint8_t *p;
    size_t n;
};

/** sshsig_wrong(sig, text, key): NULL when ${sig} signs ${text} with the key that stands in it, which comes back as OpenSSH
 * sends it, pointing into ${sig}; else what is wrong, translated. */
const char *sshsig_wrong(struct bytes sig, struct bytes text, struct bytes *key);

#endif
