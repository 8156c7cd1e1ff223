/**
 * What a command of zaibei-agent is, and what main.c does for all of them.
 *
 * A handler gets argv[0] = its own name and everything that follows it on the command line, without the options that
 * main.c has taken out wherever they stood (before a `--`): --config FILE, --json, --help, --version. It returns an exit
 * code ≥ 0 (enum zb_exit; when it is not 0 the handler has told people why), or -1 with ${e} set: main prints ${e} (with
 * --json as a line of message_type error too) and exits with err_exit(e). Results go to stdout, everything else to stderr.
 */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** command_config(): --config as given, or NULL (config_load knows what then). command_json(): --json was given. */
const char *command_config(void);
bool command_json(void);

/** command_cancelled(arg): SIGINT, SIGTERM or SIGHUP came. Fits backup_request.cancelled; ${arg} is ignored. Blocking calls
 * are interrupted (no SA_RESTART); a second signal ends the process at once. */
bool command_cancelled(void *arg);

/** Options of one handler. OPT_FLAG: bool *; OPT_TEXT: const char ** (the last one counts); OPT_NUMBER: uint64_t *;
 * OPT_LIST: struct command_list * (each one is kept). A table ends with a row without name. */
enum command_option_type { OPT_FLAG, OPT_TEXT, OPT_NUMBER, OPT_LIST };

enum { COMMAND_LIST_MAX = 64 };
struct command_list {
    size_t n;
    const char *item[COMMAND_LIST_MAX];
};

struct command_option {
    const char *name; /* with its dashes: "--target", "-l" */
    enum command_option_type type;
    void *to;
};

/**
 * command_parse(argc, argv, options, e):
 * Take the options of the table out of ${argv}: `--name value`, `--name=value`, flags without value; a lone `--` ends them.
 * Return the number of operands, which then stand in argv[1] … argv[n] (argv[n + 1] is NULL), or -1 with ZE_USAGE. The
 * strings stay argv's. ${options} may be NULL when there are none.
 */
int command_parse(int argc, char **argv, const struct command_option *options, struct err *e) MUST_CHECK;

/* For main.c: */

/** command_common(argc, argv, help, version, e): take the common options out of ${argv}: the number of arguments left, the
 * program's name included; ZE_USAGE. command_signals(): SIGINT, SIGTERM, SIGHUP from now on only ask (command_cancelled). */
int command_common(int argc, char **argv, bool *help, bool *version, struct err *e) MUST_CHECK;
void command_signals(void);

#endif
