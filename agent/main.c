/* zaibei-agent: one table of commands, and what is the same for all of them; one place prints errors and makes exit codes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "base/i18n.h"
#include "command.h"
#include "enroll.h"
#include "hook_guard.h"
#include "key.h"
#include "limiter.h"
#include "link.h"
#include "ls.h"
#include "points.h"
#include "restore.h"
#include "run.h"
#include "status.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "watch.h"
#include "worker.h"
#include "wrap/json.h"
#include "wrap/seal.h"

#define PROGRAM "zaibei-agent"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv, struct err *e);
    const char *usage, *help; /* without help it is not for people */
} commands[] = {
    {"enroll", cmd_enroll, "TOKEN|- --recipient zbk-pub-… [--recipient …] [--state DIR]\n"
                           "dir:///PATH --host NAME --system NAME --recipient zbk-pub-… [--state DIR]\n"
                           "--continue [--yes | --vault-key FINGERPRINT]",
        N_("make this host's keys and give it a place at a vault")},
    {"backup", cmd_backup, "[--full] [--reread] [--dry-run] [--exclude PATTERN] [--exclude-caches] [--cross] [--patience SECONDS] [--pre NAME] [--post NAME] [--dump NAME] " LIMIT_USAGE " [--limit-memory SIZE] [PATH…]", N_("make one restore point of all the paths")},
    {"restore", cmd_restore, "POINT [--target DIR] [--existing never|if-different|always] [--strip N] [--dry-run] " LIMIT_USAGE " [PATH…]\n"
                             "POINT --vault DIR --host NAME --kit FILE [--target DIR] [PATH…]",
        N_("bring files back")},
    {"points", cmd_points, "[--vault DIR --host NAME --kit FILE]", N_("list the restore points of this host, oldest first")},
    {"ls", cmd_ls, "POINT[:/path] [-l] [--recursive] [--find PATTERN] [--left-out] [--facts] [--vault DIR --host NAME --kit FILE]", N_("list what a restore point holds")},
    {"status", cmd_status, "", N_("say how this host is protected, in one page")},
    {"run", cmd_run, "[--once]", N_("call in at the orchestrator and do its jobs, until stopped")},
    {"key", cmd_key, "[--recipient zbk-pub-…]", N_("show the public keys of this host and of its recovery kits, or add a kit")},
    {"worker", cmd_worker, "[--connect SOCKET]", N_("drills and granted restores on a machine of the platform: orders on standard input")},
    {"link", cmd_link, "", NULL},
    {"watch", cmd_watch, "", NULL},
    {"hook", cmd_hook, "", NULL},
};

static int usage(FILE *out) {
    fprintf(out, _("usage: %s [--config FILE] [--json] COMMAND [ARGUMENT…]\n\n"), PROGRAM);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].help) fprintf(out, "  %-8s %s\n", commands[i].name, _(commands[i].help));
    fprintf(out, _("\n%s COMMAND --help tells more. The configuration is $ZAIBEI_AGENT_CONFIG, else "
                   "/etc/zaibei/agent.yaml.\n"),
        PROGRAM);
    return out == stdout ? ZB_EXIT_OK : ZB_EXIT_USAGE;
}

static int command_usage(const struct command *c) {
    printf("%s\n\n", c->help ? _(c->help) : "");
    const char *line = c->usage;
    for (size_t n; n = strcspn(line, "\n"), true; line += n + 1) {
        printf("  %s %s %.*s\n", PROGRAM, c->name, (int)n, line);
        if (!line[n]) break;
    }
    printf(_("\nEach option: man %s.\n"), PROGRAM);
    return ZB_EXIT_OK;
}

static void error_tell(const struct err *e) {
    err_print(PROGRAM, e);
    if (command_json()) js_put_error(e);
}

static int run(int argc, char **argv, struct err *e) {
    bool help = false, version = false;
    argc = command_common(argc, argv, &help, &version, e);
    if (argc < 0) return -1;
    if (version) return printf("%s %s\n", PROGRAM, ZB_VERSION), ZB_EXIT_OK;
    if (argc < 2) return usage(help ? stdout : stderr);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i].name, argv[1]))
            return help ? command_usage(&commands[i]) : commands[i].run(argc - 1, argv + 1, e);
    return err_set(e, ZE_USAGE, argv[1], _("no such command"));
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    proc_begin();
    command_signals();
    i18n_init();
    int rc = seal_init(&e);
    if (rc == 0) rc = run(argc, argv, &e);
    /* What a signal interrupted is told as what it is. */
    if (rc < 0 && command_cancelled(NULL) && e.id != ZE_CANCELLED) err_set(&e, ZE_CANCELLED, e.object, "%s", e.msg);
    if (rc < 0) error_tell(&e), rc = err_exit(&e);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        err_set(&e, errno == ENOSPC ? ZE_NOSPACE : ZE_IO, _("standard output"), "%s", strerror(errno));
        err_print(PROGRAM, &e);
        if (rc == 0) rc = err_exit(&e);
    }
    return rc;
}
