/** One-time codes by time (RFC 6238: HMAC-SHA-1, six digits, 30 seconds) by liboath, and the only door to it. */
#ifndef WRAP_TOTP_H
#define WRAP_TOTP_H

#include <stdint.h>

enum { TOTP_SECRET = 20, TOTP_TEXT = 40 /* its base32 text */ };

/** totp_check(secret, now_s, last, code): the number of the step whose code this is, one step before or after ${now_s} counts
 * too; 0 when it is none, or a step not after ${last}: a code is good once. Keep the result as the next ${last}. */
int64_t totp_check(const uint8_t secret[TOTP_SECRET], int64_t now_s, int64_t last, const char *code);

/** totp_text(out, secret): base32, as programs that make codes take it. */
void totp_text(char out[TOTP_TEXT], const uint8_t secret[TOTP_SECRET]);

#endif
