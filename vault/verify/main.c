/* zaibei-verify: the command line. Reading only, no configuration, no daemon, no network. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "drill.h"
#include "verify.h"

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"key", required_argument, NULL, 'k'},
    {"host-key", required_argument, NULL, 'K'},
    {"host", required_argument, NULL, 'h'},
    {"anchor", required_argument, NULL, 'a'},
    {"vault", required_argument, NULL, 'v'},
    {"audit-key", required_argument, NULL, 'A'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'H'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static void help(FILE *out) {
    fputs(_("usage: zaibei-verify vault PATH [--host HOST] [--key KIT | --host-key FILE] [--anchor FILE] [--json] "
            "[--quiet]\n"
            "       zaibei-verify point PATH HOST/NUMBER [--key KIT | --host-key FILE] [--anchor FILE] [--json] "
            "[--quiet]\n"
            "       zaibei-verify audit FILE [--vault PATH [--anchor FILE]] [--audit-key HEX] [--json]\n"
            "       zaibei-verify report FILE [--key HEX] [--json]\n"
            "       zaibei-verify receipt PATH FILE [--key KIT | --host-key FILE] [--anchor FILE] [--json] [--quiet]\n"
            "\n"
            "Check a vault directory, one restore point of it, or the point of a receipt (the file \"receipt\" of an\n"
            "agent), which must be this vault's and still stand in it. It reads only, and never stops at the first\n"
            "damage. audit computes an export of the orchestrator's audit again and, with --vault, compares it with "
            "what that\n"
            "vault has seen of it. report checks the signed record of a drill, and computes its verdict again.\n"
            "\n"
            "  --key KIT        recovery kit: look inside and compare every byte of every file; for report: the\n"
            "                   public key of the zaibeid that signed\n"
            "  --host-key FILE  the same with a host's own key (32 bytes)\n"
            "  --host HOST      only this host\n"
            "  --anchor FILE    what was written down elsewhere: the vault's public key, then lines HOST NUMBER HASH\n"
            "  --vault PATH     for audit: a vault that the orchestrator shows its audit to\n"
            "  --audit-key HEX  for audit: the public key that signs its checkpoints\n"
            "  --json           JSON lines\n"
            "  --quiet          no progress\n"
            "\n"
            "For each host it prints \"HOST NUMBER HASH verdict\": the last record of its log, for an anchor.\n"
            "Exit status: 0 all is well, 2 usage, 10 not found, 12 this key does not open it, 15 damage found.\n"),
        out);
}

static int usage(const char *what, const char *object) {
    struct err e;
    err_set(&e, ZE_USAGE, object, "%s", what);
    err_print("zaibei-verify", &e);
    return ZB_EXIT_USAGE;
}

/* HOST/NUMBER into its halves. */
static bool point_parse(char *text, struct verify_opts *o) {
    char *slash = strchr(text, '/');
    uint64_t number;
    if (!slash || !text_u64(slash + 1, UINT32_MAX, &number) || !number) return false;
    *slash = 0;
    o->host = text;
    o->point = (uint32_t)number;
    return text_name_ok(text);
}

static int run(const struct verify_opts *o, const struct audit_opts *audit, const struct drill_opts *drill, bool json, bool quiet) {
    struct report r;
    struct err e = ERR_INIT;
    report_init(&r, stdout, json, quiet ? NULL : stderr);
    int rc = audit ? audit_run(audit, &r, &e) : drill ? drill_run(drill, &r, &e) : verify_run(o, &r, &e);
    int code = report_exit(&r);
    if (rc < 0) {
        err_print("zaibei-verify", &e);
        code = err_exit(&e);
        if (json) {
            printf("{\"schema_version\":1,\"message_type\":\"error\",\"id\":\"ZB-%d\",\"object\":", (int)e.id);
            json_put(stdout, e.object);
            fputs(",\"message\":", stdout);
            json_put(stdout, e.msg);
            fputs(",\"next\":", stdout);
            json_put(stdout, err_next(e.id));
            fputs("}\n", stdout);
        }
    } else if (r.locked && code == ZB_EXIT_DENIED) {
        err_set(&e, ZE_WRONGKEY, o->vault,
            P_("%llu restore point was not opened", "%llu restore points were not opened", r.locked),
            (unsigned long long)r.locked);
        err_print("zaibei-verify", &e);
    }
    report_free(&r);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    err_sys(&e, "stdout", _("cannot be written"));
    err_print("zaibei-verify", &e);
    return code ? code : ZB_EXIT_FAILED;
}

int main(int argc, char **argv) {
    i18n_init();
    struct verify_opts o = {0};
    struct audit_opts audit = {0};
    bool json = false, quiet = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'j': json = true; break;
        case 'q': quiet = true; break;
        case 'k': o.kit = optarg; break;
        case 'K': o.host_key = optarg; break;
        case 'h': o.host = optarg; break;
        case 'a': o.anchor = audit.anchor = optarg; break;
        case 'v': audit.vault = optarg; break;
        case 'A': audit.key = optarg; break;
        case 'V': puts("zaibei-verify " ZB_VERSION); return ZB_EXIT_OK;
        case 'H': help(stdout); return ZB_EXIT_OK;
        default: return help(stderr), ZB_EXIT_USAGE;
        }
    }
    int left = argc - optind;
    if (left < 1) return help(stderr), ZB_EXIT_USAGE;
    const char *command = argv[optind];
    if (strcmp(command, "audit") == 0) {
        if (left != 2) return usage(_("expected FILE"), command);
        if (o.kit || o.host_key || o.host) return usage(_("--key, --host-key and --host are for a vault"), command);
        audit.file = argv[optind + 1];
        return run(NULL, &audit, NULL, json, quiet);
    }
    if (audit.vault || audit.key) return usage(_("--vault and --audit-key are for audit"), command);
    if (strcmp(command, "report") == 0) {
        const struct drill_opts drill = {.file = argv[left > 1 ? optind + 1 : optind], .key = o.kit};
        if (left != 2) return usage(_("expected FILE"), command);
        if (o.host_key || o.host || o.anchor) return usage(_("--host-key, --host and --anchor are for a vault"), command);
        return run(NULL, NULL, &drill, json, quiet);
    }
    bool point = strcmp(command, "point") == 0, receipt = strcmp(command, "receipt") == 0;
    if (!point && !receipt && strcmp(command, "vault") != 0)
        return usage(_("expected vault, point, receipt, audit or report"), command);
    if (left != (point || receipt ? 3 : 2))
        return usage(point ? _("expected PATH HOST/NUMBER")
                : receipt  ? _("expected PATH FILE")
                           : _("expected PATH"),
            command);
    if (o.kit && o.host_key) return usage(_("--key and --host-key exclude each other"), NULL);
    if ((point || receipt) && o.host) return usage(_("--host is for vault"), NULL);
    o.vault = argv[optind + 1];
    if (receipt) o.receipt = argv[optind + 2];
    if (point && !point_parse(argv[optind + 2], &o)) return usage(_("expected HOST/NUMBER"), argv[optind + 2]);
    return run(&o, NULL, NULL, json, quiet);
}
