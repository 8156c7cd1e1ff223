/* Status asks the vault, not a file: what counts is what the vault would give back. Everything that is missing for a good
 * night's sleep is a line of its own, with --json an element of "missing". */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "config.h"
#include "link.h"
#include "recipient.h"
#include "session.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "transport.h"
#include "wrap/json.h"

enum { MISSING_MAX = 8 };

struct status {
    struct config c;
    struct key_slots slots;
    uint64_t points;
    uint32_t last_point;
    int64_t last_time, last_walk, vault_time, offset_s;
    uint8_t last_state, rights, receipt;
    unsigned link_keeps;
    bool cloned;
    const char *missing[MISSING_MAX];
    size_t missing_n;
};

static int point_count(void *arg, const struct record *r, struct err *e) {
    struct status *s = arg;
    (void)e;
    s->points++;
    s->last_point = r->commit.point, s->last_time = r->time;
    s->last_walk = r->commit.walk_start, s->last_state = r->commit.state;
    return 0;
}

static void miss(struct status *s, const char *what) {
    if (s->missing_n < MISSING_MAX) s->missing[s->missing_n++] = what;
}

static int ask(struct status *s, struct err *e) {
    struct session v;
    struct clock *clock = clock_real();
    if (session_open(&s->c, &v, e) < 0) return -1;
    s->link_keeps = ((const struct transport *)v.transport)->keeps;
    s->rights = v.rights, s->receipt = v.receipt, s->vault_time = v.vault_time;
    s->offset_s = (clock->now_ns(clock) - v.vault_time) / 1000000000;
    struct err why = ERR_INIT;
    s->cloned = session_judge(&v, false, &why) < 0 && why.id == ZE_CLONED;
    int rc = session_points(&v, point_count, s, e);
    session_close(&v);
    return rc;
}

static void judge(struct status *s) {
    if (s->points == 0) miss(s, N_("there is no restore point yet"));
    if (s->last_state == STATE_PARTIAL) miss(s, N_("the last restore point is partial: some files were not read"));
    if (s->receipt == 2) miss(s, N_("the vault does not know the last restore point this host was promised"));
    if (s->cloned) miss(s, N_("another machine has written restore points as this host since, or this one was rolled back"));
    if (s->slots.n == 0) miss(s, N_("the key of this host is sealed to no recovery kit"));
    if (s->c.transport == TRANSPORT_DIR)
        miss(s, N_("the vault is a directory of this machine: it protects against mistakes, not against the holder of the "
                   "disk or its loss"));
    if (s->offset_s > 300 || s->offset_s < -300) miss(s, N_("the clocks of this host and of the vault differ"));
}

static const char *transport_name(enum transport_kind t) {
    return t == TRANSPORT_DIR ? "dir" : t == TRANSPORT_OPENSSH ? "openssh" : "libssh2";
}

/* ---- isolation: what a hostile server would find ---- */

static void isolation_json(const struct status *s, struct js *j) {
    struct js *i = js_object(), *missing = js_array();
    enum transport_kind t = s->c.transport;
    js_set_str(i, "process", t == TRANSPORT_DIR ? "serve" : t == TRANSPORT_OPENSSH ? "ssh" : "link");
    js_set_str(i, "state", t == TRANSPORT_DIR ? "no-network" : t == TRANSPORT_OPENSSH ? "none"
                                                           : s->link_keeps            ? "partial"
                                                                                      : "complete");
    for (unsigned k = 0; k < LINK_KEPT_MAX; k++)
        if (s->link_keeps & 1u << k) js_push_str(missing, link_words[k]);
    js_set(i, "missing", missing);
    js_set(j, "isolation", i);
}

static void isolation_print(const struct status *s) {
    static const char *const kept[LINK_KEPT_MAX] = {N_("it sees this machine's files"), N_("it is in this machine's network"),
        N_("it runs as the agent's user"), N_("it holds capabilities"), N_("it could start programs with more privileges"),
        N_("Landlock does not hold it"), N_("seccomp does not hold it")};
    if (s->c.transport == TRANSPORT_DIR) {
        printf(_("isolation not needed: the vault is reached without a network\n"));
    } else if (s->c.transport == TRANSPORT_OPENSSH) {
        printf(_("isolation none: ssh reads the network with all rights of this user\n"));
    } else if (!s->link_keeps) {
        printf(_("isolation complete: link reads the network without files, rights or keys\n"));
    } else {
        printf(_("isolation link reads the network without keys, but not everything could be taken from it:\n"));
        for (unsigned k = 0; k < LINK_KEPT_MAX; k++)
            if (s->link_keeps & 1u << k) printf("          %s\n", _(kept[k]));
    }
}

/* ---- the host's own list of commands ---- */

static void hooks_json(const struct hook_list *l, const char *key, struct js *j) {
    struct js *names = js_array();
    for (size_t i = 0; i < l->n; i++) js_push_str(names, l->hook[i].name);
    js_set(j, key, names);
}

static void hooks_print(const struct hook_list *l, const char *title) {
    for (size_t i = 0; i < l->n; i++) printf("%s%s%s", i ? ", " : title, l->hook[i].name, i + 1 < l->n ? "" : "\n");
}

static void print_json(const struct status *s) {
    static const char *const receipts[] = {"none", "known", "unknown"};
    CLEANUP_JS struct js *j = js_object();
    struct js *missing = js_array();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "host");
    js_set_str(j, "host", s->c.host);
    js_set_str(j, "system", s->c.system);
    js_set_str(j, "vault", s->c.vault);
    js_set_str(j, "transport", transport_name(s->c.transport));
    js_set_str(j, "version", ZB_VERSION);
    js_set_int(j, "points", (int64_t)s->points);
    if (s->points) {
        js_set_int(j, "last_point", s->last_point);
        js_set_time(j, "last_time", s->last_time);
        js_set_time(j, "last_walk", s->last_walk);
        js_set_str(j, "last_state", s->last_state == STATE_PARTIAL ? "partial" : "complete");
    }
    js_set_time(j, "vault_time", s->vault_time);
    js_set_str(j, "receipt", receipts[s->receipt <= 2 ? s->receipt : 2]);
    js_set_bool(j, "may_add", s->rights & RIGHT_ADD);
    js_set_bool(j, "may_read", (s->rights & RIGHT_READ_ALL) != 0);
    for (size_t i = 0; i < s->missing_n; i++) js_push_str(missing, s->missing[i]);
    js_set(j, "missing", missing);
    isolation_json(s, j);
    hooks_json(&s->c.hooks.around, "hooks", j);
    hooks_json(&s->c.hooks.dumps, "dumps", j);
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static void print_text(const struct status *s) {
    char when[32];
    printf(_("host      %s (system %s)\n"), s->c.host, s->c.system);
    printf(_("vault     %s, by %s\n"), s->c.vault, transport_name(s->c.transport));
    if (s->points) {
        text_time(when, s->last_time);
        printf(P_("points    %llu, the last is %u of %s\n", "points    %llu, the last is %u of %s\n", s->points),
            (unsigned long long)s->points, s->last_point, when);
    }
    printf(_("rights    add%s%s\n"), s->rights & RIGHT_READ_META ? _(", compare with the last point") : "",
        s->rights & RIGHT_READ_ALL ? _(", restore") : _("; restoring needs a grant or the recovery kit"));
    isolation_print(s);
    hooks_print(&s->c.hooks.around, _("hooks     "));
    hooks_print(&s->c.hooks.dumps, _("dumps     "));
    for (unsigned i = 0; i < s->slots.n; i++) {
        char print[KIT_CHECK];
        recipient_print(print, s->slots.slot[i].recipient);
        printf(_("recovery  %s: %s\n"), s->slots.slot[i].label, print);
    }
    for (size_t i = 0; i < s->missing_n; i++) printf(_("missing   %s\n"), _(s->missing[i]));
    if (!s->missing_n) printf(_("missing   nothing\n"));
}

int cmd_status(int argc, char **argv, struct err *e) {
    struct status s = {0};
    int n = command_parse(argc, argv, NULL, e);
    if (n < 0) return -1;
    if (n > 0) return err_set(e, ZE_USAGE, argv[1], _("no argument is expected"));
    if (config_load(command_config(), &s.c, e) < 0) return -1;
    int rc = recipients_load(&s.c, &s.slots, e);
    if (rc == 0) rc = ask(&s, e);
    if (rc == 0) judge(&s), command_json() ? print_json(&s) : print_text(&s);
    config_free(&s.c);
    return rc;
}
