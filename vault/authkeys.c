/* ssh/authorized_keys, made whole from tokens and hosts each time: there is nothing in it that could be lost, and a
 * line that was edited in by hand does not stay. A lock keeps two writers from replacing each other's newer file by
 * an older one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "keeper.h"
#include "recovery.h"
#include "sys/file.h"

enum { LINES_MAX = 64 << 20, KEY_BLOB = 4 + 11 + 4 + SEAL_SIGN_PUB, KEY_TEXT = 80 };

struct authkeys {
    struct vault *v;
    struct buf text;
    char program[PATH_MAX];
};

static void key_text(char out[KEY_TEXT], const uint8_t pub[SEAL_SIGN_PUB]) {
    uint8_t blob[KEY_BLOB] = "\0\0\0\013ssh-ed25519\0\0\0\040";
    memcpy(blob + KEY_BLOB - SEAL_SIGN_PUB, pub, SEAL_SIGN_PUB);
    b64_encode(out, KEY_TEXT, blob, sizeof blob);
}

static void line_add(struct authkeys *a, const char *options, const char *verb, const char *host, const uint8_t *pub) {
    char key[KEY_TEXT], line[2 * PATH_MAX + 512];
    key_text(key, pub);
    int n = snprintf(line, sizeof line, "restrict,%scommand=\"%s serve %s %s %s\" ssh-ed25519 %s %s\n", options,
        a->program, a->v->dir, verb, host, key, host);
    if (n < 0 || (size_t)n >= sizeof line) a->text.bad = true;
    else buf_put(&a->text, line, (size_t)n);
}

static int host_line(void *arg, const char *host, struct err *e) {
    struct authkeys *a = arg;
    struct host_log l = {.v = a->v};
    struct rights rights;
    struct record r;
    static const uint8_t none[SEAL_SIGN_PUB];
    struct err why = ERR_INIT;
    if (rights_load(a->v, host, &rights, &why) < 0 && why.id != ZE_NOTFOUND) {
        *e = why;
        return -1;
    }
    snprintf(l.host, sizeof l.host, "%s", host);
    if (rights.revoked) return 0;
    if (log_load(&l, 0, &r, NULL, &why) < 0) {
        /* One host's damaged log must not lock the others out: it has no line until it is mended. */
        err_print("zaibei-vault", &why);
        return 0;
    }
    if (r.type == REC_HOST && memcmp(r.host.ssh_pub, none, sizeof none) != 0)
        line_add(a, "", "--host", host, r.host.ssh_pub);
    record_free(&r);
    return 0;
}

/* A token that has expired is removed on this occasion. */
static void token_line(struct authkeys *a, const char *host) {
    struct enrolment t;
    struct err why = ERR_INIT;
    char options[64], when[32] = "";
    struct tm tm;
    if (!text_name_ok(host) || enrolment_load(a->v, host, &t, &why) < 0) return;
    time_t at = (time_t)(t.expires / NS_PER_S);
    if (a->v->clock->now_ns(a->v->clock) > t.expires || !gmtime_r(&at, &tm)) {
        (void)!enrolment_drop(a->v, host, &why);
        return;
    }
    strftime(when, sizeof when, "%Y%m%d%H%M%SZ", &tm);
    snprintf(options, sizeof options, "expiry-time=\"%s\",", when);
    line_add(a, options, "--enrol", host, t.pub);
}

static int tokens_add(struct authkeys *a, struct err *e) {
    int fd = openat(a->v->fd, "tokens", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return err_sys(e, "tokens", _("open"));
    for (struct dirent *de; (de = readdir(d));)
        if (*de->d_name != '.') token_line(a, de->d_name);
    closedir(d);
    return 0;
}

static int program_find(struct authkeys *a, struct err *e) {
    ssize_t n = readlink("/proc/self/exe", a->program, sizeof a->program - 1);
    if (n < 0) return err_sys(e, "/proc/self/exe", "readlink");
    a->program[n] = 0;
    if (path_plain(a->program) && path_plain(a->v->dir)) return 0;
    return err_set(e, ZE_CONFIG, a->program, _("letters, digits and ./_+- only: the path stands in authorized_keys"));
}

int authkeys_write(struct vault *v, struct err *e) {
    struct authkeys a = {.v = v};
    if (program_find(&a, e) < 0) return -1;
    CLEANUP_FD int lock = lock_wait(v, ".authorized_keys", e);
    if (lock < 0) return -1;
    buf_init(&a.text, LINES_MAX);
    int rc = hosts_each(v, host_line, &a, e);
    if (rc == 0) rc = tokens_add(&a, e);
    if (rc == 0 && !buf_ok(&a.text)) rc = err_set(e, ZE_NOMEM, "ssh/authorized_keys", _("no memory"));
    if (rc == 0) rc = file_replace(v->fd, "ssh/authorized_keys", a.text.p, a.text.len, 0644, e);
    if (rc == 0) recovery_follow(v); /* what this file is made from belongs to the recovery file */
    buf_free(&a.text);
    return rc;
}
