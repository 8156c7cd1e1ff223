/* `enroll --continue`: this machine was rolled back or restored, and goes on as the host it was. The vault's last
 * point becomes its receipt; what it remembers besides is older than that point, so the caches go. A person confirms
 * it, since on a copy of another machine it would be wrong.
 *
 * If interrupted here: caches are lost, which costs time; the receipt is replaced whole, last. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "enroll_internal.h"
#include "session.h"
#include "state.h"
#include "sys/file.h"
#include "wrap/json.h"

struct takeover {
    struct config c;
    struct session s;
    uint64_t points, newer; /* at the vault; those this machine has no receipt of */
    uint32_t last;
    int64_t last_time;
};

static int see_point(void *arg, const struct record *r, struct err *e) {
    (void)e;
    struct takeover *t = arg;
    t->points++;
    if (!t->s.own_n || t->s.receipt != 1 || r->n > t->s.own_n) t->newer++;
    t->last = r->commit.point, t->last_time = r->time;
    return 0;
}

static void show(const struct takeover *t) {
    char when[32];
    text_time(when, t->last_time);
    fprintf(stderr, _("Host %s of system %s at %s: %llu restore points, the last is %u of %s.\n"), t->c.host,
        t->c.system, t->c.vault, (unsigned long long)t->points, t->last, when);
    if (t->s.receipt == 2) fprintf(stderr, _("The vault does not know the last one that this machine was promised.\n"));
    fprintf(stderr,
        P_("%llu of them is not known to this machine.\n", "%llu of them are not known to this machine.\n", t->newer),
        (unsigned long long)t->newer);
    fprintf(stderr, _("Go on only if this machine made them before it was rolled back or restored, and no other machine "
                      "runs under this name.\n"));
}

static int confirm(const struct takeover *t, struct err *e) {
    char typed[80] = "";
    if (!isatty(STDIN_FILENO)) return err_set(e, ZE_USAGE, t->c.host, _("say --yes to go on without being asked"));
    fprintf(stderr, _("Type the name of the host to go on: "));
    fflush(stderr);
    if (!fgets(typed, sizeof typed, stdin)) *typed = 0;
    typed[strcspn(typed, "\n")] = 0;
    if (strcmp(typed, t->c.host) == 0) return 0;
    return err_set(e, ZE_CANCELLED, t->c.host, _("the name was not typed; nothing was changed"));
}

static void tell(const struct takeover *t) {
    if (!command_json()) {
        printf(_("Host %s goes on from restore point %u.\n"), t->c.host, t->last);
        return;
    }
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "schema_version", 1);
    js_set_str(j, "message_type", "continued");
    js_set_str(j, "host", t->c.host);
    js_set_int(j, "point", t->last);
    js_set_int(j, "newer", (int64_t)t->newer);
    CLEANUP_FREE char *line = js_dump(j);
    puts(line);
}

static int take_over(struct takeover *t, bool yes, struct err *e) {
    if (session_points(&t->s, see_point, t, e) < 0) return -1;
    if (!t->points && t->s.receipt != 2) return err_set(e, ZE_NOTHING, t->c.host, _("there is no restore point yet"));
    if (!t->newer && t->s.receipt == 1)
        return err_set(e, ZE_NOTHING, t->c.host, _("this machine knows the last restore point"));
    show(t);
    if (!yes && confirm(t, e) < 0) return -1;
    state_forget(&t->c);
    if (t->points && session_take_over(&t->s, e) < 0) return -1;
    if (!t->points && unlinkat(t->c.statefd, "receipt", 0) < 0) return err_sys(e, t->c.state, "receipt");
    tell(t);
    return ZB_EXIT_OK;
}

int enroll_continue(bool yes, struct err *e) {
    struct takeover t = {.points = 0};
    if (config_load(command_config(), &t.c, e) < 0) return -1;
    CLEANUP_FD int lock = state_lock(&t.c, e);
    int rc = lock < 0 ? -1 : session_open(&t.c, &t.s, e);
    if (rc == 0) {
        rc = take_over(&t, yes, e);
        session_close(&t.s);
    }
    config_free(&t.c);
    return rc;
}
