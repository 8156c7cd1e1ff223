/* zaibei: one table of commands, from which the help is made too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "cli.h"
#include "sys/proc.h"
#include "wrap/seal.h"

static const struct command {
    const char *noun, *verb;
    const char *args;    /* shown in the help; a word in [] may be left out */
    int least, most;     /* how many arguments */
    const char *options; /* separated by spaces; one that ends with = has a value */
    cli_command *run;
    const char *help;
} commands[] = {
    {"plan", "validate", "FILE", 1, 1, "", cmd_plan_validate, N_("check a plan without zaibeid")},
    {"plan", "new", "", 0, 0, "out= lang=", cmd_plan_new, N_("ask the form's questions and write the plan")},
    {"plan", "print", "FILE|PLAN", 1, 1, "html text form= lang= out=", cmd_plan_print,
        N_("print the filled form: approval, change or cancel")},
    {"plan", "diff", "FILE|PLAN FILE|PLAN", 2, 2, "lang=", cmd_plan_diff, N_("compare two plans field by field")},
    {"plan", "fields", "", 0, 0, "lang= markdown", cmd_plan_fields, N_("list every field of the forms and its key")},
    {"plan", "submit", "FILE", 1, 1, "draft dry-run", cmd_plan_submit, N_("ask for a plan, or for a change of it")},
    {"plan", "review", "PLAN", 1, 1, "opinion= version=", cmd_plan_review, N_("office: it was read and may be decided on")},
    {"plan", "approve", "PLAN", 1, 1, "opinion= version= yes", cmd_plan_approve,
        N_("office: put it into force, or let it retire")},
    {"plan", "reject", "PLAN", 1, 1, "reason= version=", cmd_plan_reject, N_("office: refuse what waits")},
    {"plan", "withdraw", "PLAN", 1, 1, "reason= version=", cmd_plan_withdraw, N_("take back what waits")},
    {"plan", "suspend", "PLAN", 1, 1, "reason=", cmd_plan_suspend, N_("let nothing run until it is resumed")},
    {"plan", "resume", "PLAN", 1, 1, "", cmd_plan_resume, N_("let it run again from now on")},
    {"plan", "retire", "PLAN", 1, 1, "reason= backups= vm-files= place= yes", cmd_plan_retire,
        N_("ask for its end: what is kept, and where")},
    {"plan", "show", "PLAN", 1, 1, "version= against= drift", cmd_plan_show, N_("print a version, its steps and its text")},
    {"plan", "list", "", 0, 0, "state= versions waiting overdue", cmd_plan_list, N_("list plans, versions, or what waits")},
    {"plan", "history", "PLAN", 1, 1, "version=", cmd_plan_history, N_("who did what with it, and when")},
    {"plan", "drift", "[PLAN]", 0, 1, "", cmd_plan_drift, N_("compare plans with what is there")},
    {"plan", "orders", "[PLAN]", 0, 1, "all", cmd_plan_orders, N_("list what people have to do by hand")},
    {"plan", "confirm", "ORDER", 1, 1, "note=", cmd_plan_confirm, N_("say that an order is done")},
    {"plan", "next", "PLAN", 1, 1, "count=", cmd_plan_next, N_("print the next runs")},
    {"plan", "simulate", "PLAN|FILE", 1, 1, "until= host=", cmd_plan_simulate,
        N_("print what a plan will make, and what is kept until when and why")},
    {"calendar", "import", "FILE", 1, 1, "", cmd_calendar_import, N_("take over the working days of its years")},
    {"calendar", "show", "", 0, 0, "year=", cmd_calendar_show, N_("list days off and worked weekends")},
    {"calendar", "next", "", 0, 0, "count=", cmd_calendar_next, N_("list the next of them")},
    {"host", "enroll-token", "HOST", 1, 1, "system= expires=", cmd_host_token,
        N_("make a one-time token for zaibei-agent enroll")},
    {"host", "list", "", 0, 0, "", cmd_host_list, N_("list hosts with their achieved RPO")},
    {"host", "revoke", "HOST", 1, 1, "reason= yes", cmd_host_revoke, N_("end what a host's key may do")},
    {"job", "run", "HOST|PLAN", 1, 1, "full wait", cmd_job_run, N_("queue a backup now")},
    {"job", "list", "", 0, 0, "host= plan= state= limit= after=", cmd_job_list, N_("list the newest jobs")},
    {"job", "show", "JOB", 1, 1, "", cmd_job_show, N_("show one job")},
    {"job", "watch", "[JOB]", 0, 1, "", cmd_job_watch,
        N_("follow a job (the newest) to its end; its state is the exit code")},
    {"job", "retry", "JOB", 1, 1, "", cmd_job_retry, N_("do a job that has ended again")},
    {"job", "cancel", "JOB", 1, 1, "", cmd_job_cancel, N_("cancel a job")},
    {"point", "list", "[HOST]", 0, 1, "since= state= text= limit= after=", cmd_point_list,
        N_("list a host's restore points, oldest first, or those of all hosts, newest first")},
    {"point", "show", "HOST/NUMBER|SYSTEM@NUMBER", 1, 1, "", cmd_point_show, N_("show one restore point")},
    {"point", "pin", "HOST/NUMBER|SYSTEM@NUMBER", 1, 1, "months= until= reason= who= dry-run", cmd_point_pin,
        N_("keep a restore point longer; a pin only extends")},
    {"point", "pins", "HOST", 1, 1, "", cmd_point_pins, N_("list the pins that hold")},
    {"point", "remove", "HOST/NUMBER[,NUMBER…]", 1, 1, "reason= who= approvals= dry-run yes", cmd_point_remove,
        N_("remove restore points that nothing protects any more")},
    {"system", "list", "", 0, 0, "", cmd_system_list, N_("list systems: recovery, RPO, last system point and drill")},
    {"system", "show", "SYSTEM", 1, 1, "", cmd_system_show, N_("show one: its hosts, their order and last points")},
    {"system", "point", "SYSTEM", 1, 1, "reason= wait", cmd_system_point,
        N_("take a system point: all hosts frozen together, one number")},
    {"system", "points", "SYSTEM", 1, 1, "", cmd_system_points, N_("list the system points, newest first")},
    {"restore", "list", "", 0, 0, "state=", cmd_restore_list, N_("list the newest restores")},
    {"restore", "show", "RESTORE", 1, 1, "wait kit=", cmd_restore_show, N_("show a restore, or follow it to its end")},
    {"restore", "cancel", "RESTORE", 1, 1, "", cmd_restore_cancel, N_("cancel a restore")},
    {"restore", "", "SYSTEM|HOST [POINT]", 1, 2, "to= map= into= existing= kit= reason= dry-run wait vault=", cmd_restore_run,
        N_("restore to hosts over their agents, or to a directory of this machine")},
    {"witness", "list", "", 0, 0, "", cmd_witness_list, N_("print how far the vault's logs were seen, as an anchor")},
    {"witness", "accept", "[HOST]", 0, 1, "yes", cmd_witness_accept,
        N_("take the vault as it is after it was restored from a copy")},
    {"approve", "", "FILE", 1, 1, "key= out= yes", cmd_approve, N_("read a request and sign it as an approver")},
    {"kit", "new", "", 0, 0, "out=", cmd_kit_new, N_("make a recovery kit; keep it off-line")},
    {"kit", "test", "FILE", 1, 1, "", cmd_kit_test, N_("try a recovery kit")},
    {"kit", "print", "FILE", 1, 1, "", cmd_kit_print, N_("print a recovery kit for the safe")},
    {"migrate", "begin", "CASE", 1, 1, "system= original= target= zone= months=", cmd_migrate_begin,
        N_("open a migration: from which hosts to which")},
    {"migrate", "ready", "CASE", 1, 1, "kit=", cmd_migrate_ready, N_("judge whether everything is there for its cutover")},
    {"migrate", "cutover", "CASE", 1, 1, "wait yes", cmd_migrate_cutover,
        N_("make the originals' last points and have them pinned for months")},
    {"migrate", "list", "", 0, 0, "state=", cmd_migrate_list, N_("list migrations and what is left of their windows")},
    {"migrate", "show", "CASE", 1, 1, "", cmd_migrate_show, N_("show a migration, what is pinned and its steps")},
    {"migrate", "report", "CASE", 1, 1, "out=", cmd_migrate_report, N_("print its record as a page in both languages")},
    {"migrate", "verify", "CASE", 1, 1, "", cmd_migrate_verify, N_("look at the pinned points now")},
    {"migrate", "extend", "CASE", 1, 1, "until= months=", cmd_migrate_extend, N_("let its window last longer")},
    {"migrate", "rollback", "CASE", 1, 1, "to= dir= unsaved reason= wait yes", cmd_migrate_rollback,
        N_("save the targets' data, then bring the originals back")},
    {"migrate", "close", "CASE", 1, 1, "reason=", cmd_migrate_close, N_("ask for its end, after the window")},
    {"migrate", "approve", "CASE", 1, 1, "opinion= yes", cmd_migrate_approve, N_("office: consent to its close")},
    {"migrate", "refuse", "CASE", 1, 1, "reason=", cmd_migrate_refuse, N_("office: do not consent to its close")},
    {"audit", "list", "", 0, 0, "who= act= object= since= until= limit= after= csv", cmd_audit_list,
        N_("who did what, newest first")},
    {"audit", "export", "", 0, 0, "out=", cmd_audit_export, N_("write the whole audit for zaibei-verify audit")},
    {"audit", "verify", "", 0, 0, "", cmd_audit_verify, N_("have zaibeid compute its audit again")},
    {"notify", "list", "", 0, 0, "state= limit= after=", cmd_notify_list, N_("what was told to whom, newest first")},
    {"notify", "channels", "", 0, 0, "", cmd_notify_channels, N_("list the channels of zaibeid.yaml")},
    {"notify", "test", "CHANNEL", 1, 1, "", cmd_notify_test, N_("send a test message now")},
    {"notify", "retry", "N", 1, 1, "", cmd_notify_retry, N_("try a delivery again now")},
    {"login", "", "USER", 1, 1, "password-file= code-file=", cmd_login, N_("log in; further commands are this user's")},
    {"logout", "", "", 0, 0, "", cmd_logout, N_("end the session of login")},
    {"user", "first", "USER", 1, 1, "full-name= code-file= password-file=", cmd_user_first,
        N_("make the first security administrator, with the code of zaibeid first-user")},
    {"user", "add", "USER", 1, 1, "roles= department= full-name= expires= password-file=", cmd_user_add,
        N_("make a user, who changes the password at the first login")},
    {"user", "set", "USER", 1, 1, "roles= department= full-name= expires=", cmd_user_set,
        N_("change an account; its sessions and tokens end")},
    {"user", "list", "", 0, 0, "", cmd_user_list, N_("list users")},
    {"user", "show", "[USER]", 0, 1, "", cmd_user_show, N_("show a user, or who is logged in")},
    {"user", "disable", "USER", 1, 1, "", cmd_user_disable, N_("let a user in no more")},
    {"user", "enable", "USER", 1, 1, "", cmd_user_enable, N_("let a user in again")},
    {"user", "unlock", "USER", 1, 1, "", cmd_user_unlock, N_("end the wait after failed logins")},
    {"user", "passwd", "[USER]", 0, 1, "old-file= password-file=", cmd_user_passwd,
        N_("change one's password, or give a user a new first one")},
    {"user", "totp", "[USER]", 0, 1, "code-file=", cmd_user_totp,
        N_("set up one's one-time codes, or take a user's away so that new ones can be set up")},
    {"token", "new", "NAME", 1, 1, "expires= roles=", cmd_token_new, N_("make an API token with all or some of one's roles")},
    {"token", "list", "", 0, 0, "all", cmd_token_list, N_("list one's API tokens, or everybody's")},
    {"token", "revoke", "TOKEN", 1, 1, "", cmd_token_revoke, N_("end an API token")},
    {"drill", "run", "SYSTEM", 1, 1, "level= point= system-point= incident= kit= wait", cmd_drill_run,
        N_("restore a whole system apart from everything, and see whether it works")},
    {"drill", "list", "", 0, 0, "system= state= limit= after=", cmd_drill_list, N_("list the newest drills")},
    {"drill", "show", "DRILL", 1, 1, "follow", cmd_drill_show, N_("show one drill, its phases, and where it is")},
    {"drill", "grant", "DRILL", 1, 1, "kit=", cmd_drill_grant, N_("department: open the hosts' keys for this drill")},
    {"drill", "report", "DRILL", 1, 1, "html lang= out=", cmd_drill_report, N_("write its signed record, or a page to print")},
    {"drill", "cancel", "DRILL", 1, 1, "", cmd_drill_cancel, N_("cancel a drill")},
    {"drill", "schedule", "", 0, 0, "", cmd_drill_schedule, N_("list when which system has to be drilled again")},
    {"drill", "trend", "[SYSTEM]", 0, 1, "", cmd_drill_trend, N_("compare the drills of each system")},
    {"drill", "forecast", "", 0, 0, "", cmd_drill_forecast, N_("say which system would miss its RTO now")},
    {"status", "", "", 0, 0, "", cmd_status, N_("show zaibeid's state")},
};

static void help_options(const char *options) {
    for (; *options; options += strspn(options, " ")) {
        size_t n = strcspn(options, " ");
        bool value = options[n - 1] == '=';
        printf(" [--%.*s%s]", (int)(n - value), options, value ? " …" : "");
        options += n;
    }
}

static int help(const char *noun, const char *verb) {
    puts(_("usage: zaibei [--config FILE | --server URL [--ca FILE]] [--token-file FILE] [--json]\n              NOUN VERB [ARGUMENT…]\n"));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *k = &commands[i];
        if ((noun && strcmp(noun, k->noun) != 0) || (verb && strcmp(verb, k->verb) != 0)) continue;
        printf("  %s%s%s%s%s", k->noun, *k->verb ? " " : "", k->verb, *k->args ? " " : "", k->args);
        help_options(k->options);
        printf("\n        %s\n", _(k->help));
    }
    puts(_("\nThe configuration is FILE, $ZAIBEI_CONFIG or /etc/zaibei/zaibeid.yaml; away from zaibeid's machine it names\n"
           "server: https://HOST:PORT and ca: FILE, or --server and --ca do. Options and exit codes: see zaibei(1)."));
    return ZB_EXIT_OK;
}

static const struct command *find(const char *noun, const char *verb, bool *known) {
    *known = false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].noun, noun) != 0) continue;
        *known = true;
        if (!*commands[i].verb || (verb && !strcmp(commands[i].verb, verb))) return &commands[i];
    }
    return NULL;
}

/* Take argv[*i], which begins with --, as one of the command's options. */
static int take_option(struct cli *c, const struct command *k, int argc, char **argv, int *i, struct err *e) {
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    for (const char *o = k->options; *o; o += strspn(o, " ")) {
        size_t len = strcspn(o, " ");
        bool value = o[len - 1] == '=';
        if (n == len - value && !strncmp(o, name, n) && c->options_n < CLI_OPTIONS_MAX) {
            if (value && !equals && *i + 1 >= argc) return err_set(e, ZE_USAGE, argv[*i], _("a value is missing"));
            if (!value && equals) return err_set(e, ZE_USAGE, argv[*i], _("takes no value"));
            snprintf(c->options[c->options_n].name, sizeof c->options[0].name, "%.*s", (int)n, name);
            c->options[c->options_n++].value = !value ? "" : equals ? equals + 1 : argv[++*i];
            return 0;
        }
        o += len;
    }
    return err_set(e, ZE_USAGE, argv[*i], _("unknown option"));
}

static int parse(struct cli *c, const struct command *k, int argc, char **argv, int i, struct err *e) {
    bool plain = false;
    for (; i < argc; i++) {
        if (!plain && !strcmp(argv[i], "--")) plain = true;
        else if (!plain && !strcmp(argv[i], "--json")) c->json = true;
        else if (!plain && !strcmp(argv[i], "--config") && i + 1 < argc) c->config = argv[++i];
        else if (!plain && !strcmp(argv[i], "--token-file") && i + 1 < argc) c->token_file = argv[++i];
        else if (!plain && !strcmp(argv[i], "--server") && i + 1 < argc) c->server = argv[++i];
        else if (!plain && !strcmp(argv[i], "--ca") && i + 1 < argc) c->ca = argv[++i];
        else if (!plain && !strncmp(argv[i], "--", 2)) {
            if (take_option(c, k, argc, argv, &i, e) < 0) return -1;
        } else if (c->argc < CLI_ARGS_MAX) c->argv[c->argc++] = argv[i];
        else return err_set(e, ZE_USAGE, argv[i], _("too many arguments"));
    }
    if (c->argc < k->least) return err_set(e, ZE_USAGE, k->args, _("an argument is missing"));
    if (c->argc > k->most) return err_set(e, ZE_USAGE, c->argv[k->most], _("too many arguments"));
    return 0;
}

static int fail(const struct cli *c, const struct err *e) {
    if (c->json) {
        char id[16];
        snprintf(id, sizeof id, "ZB-%u", (unsigned)e->id);
        struct js *j = js_object();
        js_set_str(j, "id", id);
        js_set_str(j, "title", err_text(e->id));
        js_set_str(j, "object", e->object);
        js_set_str(j, "message", e->msg);
        js_set_str(j, "next", err_next(e->id));
        cli_line("error", j);
    }
    err_print("zaibei", e);
    return err_exit(e);
}

int main(int argc, char **argv) {
    struct cli c = {.json = false};
    struct err e = ERR_INIT;
    int i = 1;
    proc_begin();
    i18n_init();
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--version")) return puts("zaibei " ZB_VERSION), ZB_EXIT_OK;
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return help(NULL, NULL);
        if (!strcmp(argv[i], "--json")) c.json = true;
        else if (!strcmp(argv[i], "--config") && i + 1 < argc) c.config = argv[++i];
        else if (!strcmp(argv[i], "--token-file") && i + 1 < argc) c.token_file = argv[++i];
        else if (!strcmp(argv[i], "--server") && i + 1 < argc) c.server = argv[++i];
        else if (!strcmp(argv[i], "--ca") && i + 1 < argc) c.ca = argv[++i];
        else return err_set(&e, ZE_USAGE, argv[i], _("unknown option")), fail(&c, &e);
    }
    if (i >= argc) return help(NULL, NULL), ZB_EXIT_USAGE;
    bool known;
    const struct command *k = find(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &known);
    for (int h = i; h < argc; h++)
        if (!strcmp(argv[h], "--help")) return help(argv[i], k ? k->verb : NULL);
    if (!k && i + 1 < argc)
        err_set(&e, ZE_USAGE, known ? argv[i + 1] : argv[i], known ? _("unknown verb") : _("unknown noun"));
    else if (!k) err_set(&e, ZE_USAGE, argv[i], known ? _("a verb is missing") : _("unknown noun"));
    if (!k || parse(&c, k, argc, argv, i + 1 + (*k->verb != 0), &e) < 0 || cli_state_ok(&c, k->noun, &e) < 0 || seal_init(&e) < 0)
        return fail(&c, &e);
    int rc = k->run(&c, &e);
    return rc < 0 ? fail(&c, &e) : rc;
}
