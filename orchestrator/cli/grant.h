/**
 * What the department's person does with the recovery kit: open the keys of some hosts and seal them to whoever waits for them
 * (FORMAT.md §12). The kit is read here and goes nowhere; what leaves is the sealed grant.
 */
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include "cli.h"
#include "wire/grant.h"

/**
 * cli_grant(c, kit_file, purpose, id, public_key_b64, hosts, n, until, grant_b64, e):
 * Ask zaibeid for the key slots of the ${n} hosts, open each with the kit, and seal all of them to ${public_key_b64}, for
 * ${purpose} (GRANT_DRILL, GRANT_RESTORE) and ${id}, valid until ${until} (s, UTC; at most a week ahead). ${*grant_b64} is to be
 * freed. ZE_WRONGKEY when a host is not sealed to this kit, ZE_USAGE for a kit without its private half or a public key that is
 * none, ZE_DAMAGED for a slot that does not open.
 */
int cli_grant(struct cli *c, const char *kit_file, const char *purpose, const char *id, const char *public_key_b64,
    const char *const *hosts, size_t n, int64_t until, char **grant_b64, struct err *e) MUST_CHECK;

/** cli_kit_opens(c, kit_file, host, e): whether the kit opens the host's key slots; the key is forgotten at once. Errors as above. */
int cli_kit_opens(struct cli *c, const char *kit_file, const char *host, struct err *e) MUST_CHECK;

#endif
