/* zaibei audit: read it, take it away, have it computed again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "sys/file.h"
#include "wrap/http.h"
#include "wrap/table.h"

static void csv_cell(const char *s, char end) {
    putchar('"');
    for (; *s; s++) {
        if (*s == '"') putchar('"');
        putchar(*s);
    }
    putchar('"');
    putchar(end);
}

/* A cell that begins like a formula is not to be one: a spreadsheet would run it. */
static void csv_text(const char *s, char end) {
    char safe[600];
    snprintf(safe, sizeof safe, "%s%s", *s && strchr("=+-@\t\r", *s) ? "'" : "", s);
    csv_cell(safe, end);
}

static void print_records(struct cli *c, const struct js *list) {
    bool csv = cli_option(c, "csv");
    struct table *t = c->json || csv ? NULL : table_new(_(">N|TIME|WHO|ACT|OBJECT|DETAIL"));
    if (csv) puts("n,time,who,act,object,detail,hash");
    if (c->json) cli_each("audit", list);
    for (size_t i = 0; !c->json && i < js_count(list); i++) {
        const struct js *r = js_at(list, i);
        char n[24], when[32];
        CLEANUP_FREE char *detail = js_dump(js_get(r, "detail"));
        snprintf(n, sizeof n, "%lld", (long long)js_int(r, "n", 0));
        cli_time(r, "time", when);
        if (!csv) {
            table_row(t, n, when, js_str(r, "who", ""), js_str(r, "act", ""), js_str(r, "object", ""), detail);
            continue;
        }
        printf("%s,", n);
        csv_text(js_str(r, "time", ""), ',');
        csv_text(js_str(r, "who", ""), ',');
        csv_text(js_str(r, "act", ""), ',');
        csv_text(js_str(r, "object", ""), ',');
        csv_cell(detail, ',');
        csv_text(js_str(r, "hash", ""), '\n');
    }
    if (!c->json && !csv) table_print(t, _("no such records"));
}

int cmd_audit_list(struct cli *c, struct err *e) {
    static const char *const names[] = {"who", "act", "object", "since", "until", "limit", "after", NULL};
    char path[3000] = "/v1/audit";
    cli_filters(c, names, path, sizeof path);
    CLEANUP_JS struct js *j = cli_get(c, path, e);
    if (!j) return -1;
    print_records(c, js_get(j, "records"));
    const char *next = js_str(j, "next", NULL);
    if (next && !c->json && !cli_option(c, "csv")) printf(_("older ones: --after %s\n"), next);
    return 0;
}

static int write_page(FILE *out, const struct js *j, bool first) {
    if (first && fprintf(out, "zaibei-audit 1 %s 1 %s\n", js_str(j, "key", ""), js_str(j, "previous", "")) < 0)
        return -1;
    const struct js *lines = js_get(j, "lines");
    for (size_t i = 0; i < js_count(lines); i++)
        if (fprintf(out, "%s\n", js_text(js_at(lines, i))) < 0) return -1;
    return 0;
}

/* All pages; the number of records, or <0. */
static int64_t write_all(struct cli *c, FILE *out, const char *name, struct err *e) {
    char path[100], after[64] = "0";
    int64_t n = 0;
    for (bool first = true;; first = false) {
        snprintf(path, sizeof path, "/v1/audit/export?after=%s", after);
        CLEANUP_JS struct js *j = cli_get(c, path, e);
        if (!j) return -1;
        if (write_page(out, j, first) < 0) return err_sys(e, name, _("write"));
        n += (int64_t)js_count(js_get(j, "lines"));
        const char *next = js_str(j, "next", NULL);
        if (!next) return n;
        snprintf(after, sizeof after, "%.63s", next);
    }
}

int cmd_audit_export(struct cli *c, struct err *e) {
    const char *name = cli_option(c, "out");
    if (!name)
        return write_all(c, stdout, "stdout", e) < 0 || (fflush(stdout) && err_sys(e, "stdout", _("write"))) ? -1 : 0;
    char tmp[4096];
    int fd = file_tmp_open(AT_FDCWD, name, O_WRONLY, 0600, tmp, sizeof tmp);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) return err_sys(e, name, _("create"));
    int64_t n = write_all(c, out, name, e);
    /* If interrupted here, a temporary file stays behind; FILE is whole or as it was. */
    if (n >= 0 && (fflush(out) || fsync(fd) < 0 || rename(tmp, name) < 0)) n = err_sys(e, name, _("write"));
    fclose(out);
    if (n < 0) return unlink(tmp), -1;
    if (c->json) {
        struct js *j = js_object();
        js_set_str(j, "file", name);
        js_set_int(j, "records", n);
        return cli_line("audit-export", j), 0;
    }
    printf(P_("%lld record is in %s; check it with: zaibei-verify audit %s\n",
               "%lld records are in %s; check them with: zaibei-verify audit %s\n", n),
        (long long)n, name, name);
    return 0;
}

int cmd_audit_verify(struct cli *c, struct err *e) {
    CLEANUP_JS struct js *j = cli_get(c, "/v1/audit/verify", e);
    if (!j) return -1;
    int64_t bad = js_int(j, "first_bad", 0);
    char n[64];
    if (c->json) cli_line("audit-verdict", js_copy(j));
    else {
        snprintf(n, sizeof n, "%lld", (long long)js_int(j, "records", 0));
        cli_show(_("records"), n);
        snprintf(n, sizeof n, "%lld", (long long)js_int(j, "checkpoints", 0));
        cli_show(_("checkpoints"), n);
        cli_show(_("key"), js_str(j, "key", ""));
        cli_show(_("verdict"), bad ? _("changed") : _("whole"));
    }
    if (!bad) return 0;
    snprintf(n, sizeof n, _("audit record %lld"), (long long)bad);
    return err_set(e, ZE_AUDITBAD, n, "%s", js_str(j, "why", ""));
}
