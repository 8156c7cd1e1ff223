/** What zaibei logs in with, and how it is asked for secrets: by file, standard input or prompt, never as an argument. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli.h"
#include "wrap/http.h"

enum { SECRET_MAX = 512 };

/** session_header(c, h, e): add the Authorization header from --token-file, else $ZAIBEI_TOKEN_FILE, else the session of
 * `zaibei login`; none of them: no header. A file that others can read is refused. */
int session_header(struct cli *c, struct http *h, struct err *e) MUST_CHECK;

/** session_keep(c, token, e): write the session file (mode 0600). session_drop: remove it. Each server has a file of its own, so
 * that no token is shown to another one. */
int session_keep(struct cli *c, const char *token, struct err *e) MUST_CHECK;
void session_drop(struct cli *c);

/** secret_read(file, prompt, out, e): the first line of ${file} ("-": standard input), or, when it is NULL, what is typed at
 * the terminal without being shown. ZE_USAGE where there is neither. */
int secret_read(const char *file, const char *prompt, char out[SECRET_MAX], struct err *e) MUST_CHECK;
/** secret_new: the same, typed twice. */
int secret_new(const char *file, const char *prompt, char out[SECRET_MAX], struct err *e) MUST_CHECK;

#endif
