/* The questions of a recovery: first every host's address, since hosts name each other; then each host's order and
 * services; then the checks. As for the form there is one judge: each answer is put into the plan, which is read, and
 * what that says is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "plannew.h"
#include "wrap/json.h"

static int put_question(const struct asking *a, const char *key, const char *of, struct err *e) {
    char label[FORM_LABEL_MAX], expected[300];
    const struct field *f = form_field(key);
    if (!f) return err_set(e, ZE_INTERNAL, key, "plan new");
    form_title(f, a->lang, label), form_expected(f, expected, sizeof expected);
    if (*of) fprintf(stderr, _("%s of %s (%s): "), label, of, expected);
    else fprintf(stderr, _("%s (%s): "), label, expected);
    return 0;
}

/* A line: 1 with an answer, 0 without, <0 at the end. */
static int answer(struct asking *a, const char *key, const char *of, struct err *e) {
    if (put_question(a, key, of, e) < 0) return -1;
    if (!plannew_line(a)) return err_set(e, ZE_ANSWERS, key, _("at this question"));
    return *a->line != 0;
}

/* Whether the form with what was just put into it is a plan; else why not, for the person. */
static bool fits(const struct asking *a) {
    struct err why = ERR_INIT;
    struct plan p;
    if (plannew_judge(a, a->form, &p, &why) == 0) return plan_free(&p), true;
    fprintf(stderr, "  %s\n", why.msg);
    return false;
}

/* ${list} as it was, with ${entry} (taken) behind it; the form stays a plan, or stays as it was. */
static bool append(struct asking *a, struct js *map, const char *key, struct js *entry) {
    struct js *old = js_get(map, key), *list = old ? js_copy(old) : js_array();
    CLEANUP_JS struct js *before = old ? js_copy(old) : js_array();
    js_push(list, entry);
    js_set(map, key, list);
    if (fits(a)) return true;
    js_set(map, key, js_copy(before));
    return false;
}

static int ask_host(struct asking *a, struct js *recovery, const char *host, struct err *e) {
    for (;;) {
        int rc = answer(a, "recovery.hosts.address", host, e);
        if (rc <= 0) return rc;
        struct js *entry = js_object();
        js_set_str(entry, "host", host), js_set_str(entry, "address", a->line);
        if (append(a, recovery, "hosts", entry)) return 0;
    }
}

/* ${last} of recovery.hosts: names, where there are any. */
static int ask_names(struct asking *a, struct js *entry, const char *last, struct err *e) {
    char key[64];
    snprintf(key, sizeof key, "recovery.hosts.%s", last);
    for (;;) {
        int rc = answer(a, key, js_str(entry, "host", ""), e);
        if (rc < 0) return -1;
        js_set(entry, last, rc ? plannew_words(form_field(key), a->line) : js_array());
        if (fits(a)) return 0;
    }
}

/* The fields of one element, the first of which may be left out, and all is; 1 when it was. */
static int ask_fields(
    struct asking *a, const char *above, const char *const *fields, const char *of, struct js *entry, struct err *e) {
    for (size_t i = 0; fields[i]; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%s", above, fields[i]);
        int rc = answer(a, key, of, e);
        if (rc < 0 || (!rc && !i)) return rc < 0 ? -1 : 1;
        bool page = !strcmp(fields[i], "run") && !strncmp(a->line, "http://", 7);
        if (rc) js_set_str(entry, page ? "http" : fields[i], a->line);
    }
    return 0;
}

static int ask_list(struct asking *a, struct js *map, const char *key, const char *above, const char *const *fields,
    const char *of, struct err *e) {
    for (;;) {
        struct js *entry = js_object();
        int rc = ask_fields(a, above, fields, of, entry, e);
        if (rc != 0) return js_free(entry), rc < 0 ? -1 : 0;
        (void)append(a, map, key, entry);
    }
}

static int ask_all(struct asking *a, struct js *recovery, struct err *e) {
    static const char *const service[] = {"name", "start", "user", NULL},
                             *const check[] = {"name", "host", "run", "expect", NULL};
    const struct js *names = js_get(a->form, "hosts");
    for (size_t i = 0; i < js_count(names); i++)
        if (ask_host(a, recovery, js_text(js_at(names, i)), e) < 0) return -1;
    const size_t n = js_count(js_get(recovery, "hosts"));
    for (size_t i = 0; i < n; i++) {
        struct js *entry = js_at(js_get(recovery, "hosts"), i);
        const char *host = js_str(entry, "host", "");
        if ((n > 1 && ask_names(a, entry, "after", e) < 0) || ask_names(a, entry, "freeze", e) < 0) return -1;
        if (ask_list(a, entry, "services", "recovery.hosts.services", service, host, e) < 0) return -1;
    }
    return n ? ask_list(a, recovery, "checks", "recovery.checks", check, "", e) : 0;
}

int plannew_recovery(struct asking *a, struct err *e) {
    static const char *const yes[] = {"y", "yes", "true", "是"};
    bool wanted = false;
    if (strcmp(js_str(a->form, "backup", "true"), "true") != 0) return 0;
    fputs(_("\nHow the system is brought back: addresses, order, services and checks of its hosts (yes or no) [no]: "),
        stderr);
    if (!plannew_line(a)) return 0;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) wanted |= !strcmp(a->line, yes[i]);
    if (!wanted) return 0;
    fputs(_("An empty answer goes on: to the next host, or past the last service or check. A check is a command, or "
            "http://…\n"),
        stderr);
    js_set(a->form, "recovery", js_object());
    return ask_all(a, js_get(a->form, "recovery"), e);
}
