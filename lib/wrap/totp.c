/* The only file that includes <oath.h>. A code stays good for its step and the two beside it, since clocks differ; whoever
 * saw it used cannot use it again, since steps only go forward. A last step that is hours ahead is of a clock that was wrong: it
 * would keep its user out until then. */
#include "wrap/totp.h"

#include <oath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_S = OATH_TOTP_DEFAULT_TIME_STEP_SIZE, WINDOW = 1, DIGITS = 6, AHEAD = 2 * 3600 / STEP_S };

int64_t totp_check(const uint8_t secret[TOTP_SECRET], int64_t now_s, int64_t last, const char *code) {
    uint64_t step = 0;
    int position = 0;
    if (strlen(code) != DIGITS || strspn(code, "0123456789") != DIGITS || now_s < STEP_S) return 0;
    if (last > now_s / STEP_S + AHEAD) last = 0;
    int rc = oath_totp_validate4(
        (const char *)secret, TOTP_SECRET, (time_t)now_s, STEP_S, 0, WINDOW, &position, &step, 0, code);
    return rc >= 0 && (int64_t)step > last ? (int64_t)step : 0;
}

void totp_text(char out[TOTP_TEXT], const uint8_t secret[TOTP_SECRET]) {
    char *text = NULL;
    size_t n = 0;
    *out = 0;
    if (oath_base32_encode((const char *)secret, TOTP_SECRET, &text, &n) != OATH_OK) return;
    snprintf(out, TOTP_TEXT, "%s", text);
    free(text);
}
