/* zaibei kit: made, tried and printed without zaibeid and without the network. The private half goes to the kit file or to
 * standard output, once, and nowhere else. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "cli.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "wire/kit.h"

/* The page for the safe: what is written to the kit file and what is printed. */
static void page(const struct kit *k, const char *created, struct buf *out) {
    char pub[KIT_TEXT], sec[KIT_TEXT], check[KIT_CHECK], text[2000];
    kit_pub_text(k, pub), kit_sec_text(k, sec), kit_check(k, check);
    int n = snprintf(text, sizeof text, "# %s\n# %s\n# %s\n#%s%s\n# %s %s\n\n%s\n%s\n", _("Zaibei recovery kit"),
        _("Whoever has the line zbk-sec- can read all backups that are sealed to this kit. Keep it off-line, twice."),
        _("Without it, and without the hosts' own keys, no backup can ever be read."), *created ? " " : "", created,
        _("check digits:"), check, pub, sec);
    buf_put(out, text, n > 0 && (size_t)n < sizeof text ? (size_t)n : 0);
    seal_wipe(text, sizeof text), seal_wipe(sec, sizeof sec);
}

static void report(struct cli *c, const struct kit *k, const char *file, const char *secret) {
    char pub[KIT_TEXT], check[KIT_CHECK];
    kit_pub_text(k, pub), kit_check(k, check);
    if (c->json) {
        struct js *j = js_object();
        js_set_str(j, "public", pub);
        js_set_str(j, "check", check);
        if (file) js_set_str(j, "file", file);
        if (secret) js_set_str(j, "private", secret);
        cli_line("kit", j);
        return;
    }
    if (file) cli_show(_("kit"), file);
    cli_show(_("public half"), pub);
    cli_show(_("check digits"), check);
}

/* Write the kit, read it back and try what was read. If interrupted before the end the file may be there: it is whole. */
static int save(const struct kit *k, const struct buf *text, const char *file, struct err *e) {
    struct kit back;
    int rc = file_put_new(AT_FDCWD, file, text->p, text->len, 0600, e);
    if (rc > 0) return err_set(e, ZE_EXISTS, file, _("a recovery kit is never overwritten"));
    if (rc < 0 || kit_load(&back, file, e) < 0) return -1;
    rc = seal_equal(back.sec, k->sec, SEAL_KEY) ? kit_try(&back, e)
                                                : err_set(e, ZE_IO, file, _("reads back differently"));
    kit_wipe(&back);
    return rc;
}

int cmd_kit_new(struct cli *c, struct err *e) {
    const char *file = cli_option(c, "out");
    struct kit k;
    struct buf text;
    char created[32], sec[KIT_TEXT];
    kit_new(&k);
    text_time(created, clock_real()->now_ns(clock_real()));
    buf_init(&text, KIT_FILE_MAX);
    page(&k, created, &text);
    kit_sec_text(&k, sec);
    int rc = kit_try(&k, e);
    if (rc == 0 && !buf_ok(&text)) rc = err_set(e, ZE_NOMEM, "kit", "text");
    if (rc == 0 && file) rc = save(&k, &text, file, e);
    if (rc == 0 && !file && !c->json)
        rc = fwrite(text.p, 1, text.len, stdout) == text.len ? 0 : err_sys(e, "stdout", _("write"));
    if (rc == 0 && (file || c->json)) report(c, &k, file, file ? NULL : sec);
    if (rc == 0 && !c->json) fprintf(stderr, "%s\n", _("The kit was tried: what is sealed to it opens with it."));
    if (text.p) seal_wipe(text.p, text.cap);
    buf_free(&text);
    seal_wipe(sec, sizeof sec);
    kit_wipe(&k);
    return rc;
}

int cmd_kit_test(struct cli *c, struct err *e) {
    struct kit k;
    if (kit_load(&k, c->argv[0], e) < 0) return -1;
    int rc = kit_try(&k, e);
    if (rc == 0) report(c, &k, c->argv[0], NULL);
    if (rc == 0 && !c->json) puts(_("The kit was tried: what is sealed to it opens with it."));
    kit_wipe(&k);
    return rc;
}

int cmd_kit_print(struct cli *c, struct err *e) {
    struct kit k;
    struct buf text;
    if (kit_load(&k, c->argv[0], e) < 0) return -1;
    buf_init(&text, KIT_FILE_MAX);
    int rc = kit_try(&k, e);
    if (rc == 0) page(&k, "", &text);
    if (rc == 0) fwrite(text.p, 1, text.len, stdout);
    if (text.p) seal_wipe(text.p, text.cap);
    buf_free(&text);
    kit_wipe(&k);
    return rc;
}
