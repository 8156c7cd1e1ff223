/**
 * Who may read whose points at the vault: control op `grant` (PROTOCOL.md §5), laid for a drill or a restore and ended with it. It
 * gives ciphertext only; keys come by the department's grant. These functions ask the vault; no transaction may be open.
 */
#ifndef DAEMON_READS_H
#define DAEMON_READS_H

#include "daemon.h"

/** reads_let(d, reader, source, until_ns, what, id, e): sessions of ${reader} may read ${source} until then, or until the later
 * time that was given before. ${what} ${id} is the reason: "drill" 7. */
int reads_let(struct daemon *d, const char *reader, const char *source, int64_t until_ns, const char *what, int64_t id,
    struct err *e) MUST_CHECK;

/** reads_end(d, reader, source): not any more, unless a drill or restore that is not over needs it. What fails is logged: it ends by
 * itself. */
void reads_end(struct daemon *d, const char *reader, const char *source);

#endif
