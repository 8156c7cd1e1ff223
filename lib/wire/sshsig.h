/**
 * Signatures as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig), checked without OpenSSH: keys ssh-ed25519 and
 * sk-ssh-ed25519@openssh.com (FIDO; the user must have touched it), hashes sha512 and sha256. Input comes from anybody.
 */
#ifndef WIRE_SSHSIG_H
#define WIRE_SSHSIG_H

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

enum { SSHSIG_MAX = 4096, SSH_KEY_TEXT = 400 };

/** sshsig_dearmour(out, text, n, e): the bytes between the lines BEGIN and END SSH SIGNATURE; ZE_APPROVAL if they are none. */
int sshsig_dearmour(struct buf *out, const char *text, size_t n, struct err *e) MUST_CHECK;

struct sshsig {
    const uint8_t *key; /* of the signer, as OpenSSH sends it; into the input */
    size_t key_len;
};

/**
 * sshsig_check(s, sig, n, space, msg, len, e):
 * Whether the ${n} bytes of ${sig} sign ${msg} in namespace ${space} with the key that stands in them: 0 and ${s}, whose key
 * the caller must compare with those it trusts; else ZE_APPROVAL.
 */
int sshsig_check(struct sshsig *s, const void *sig, size_t n, const char *space, const void *msg, size_t len,
    struct err *e) MUST_CHECK;

/** ssh_key_get(out, cap, n, line): the key of a line "TYPE BASE64 [COMMENT]" of one of the two types into ${out}; false when
 * it is none. ssh_key_text: the same line again, without the comment. */
bool ssh_key_get(uint8_t *out, size_t cap, size_t *n, const char *line);
void ssh_key_text(char out[SSH_KEY_TEXT], const uint8_t *key, size_t n);

#endif
